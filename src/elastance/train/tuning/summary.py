"""The state of a recurring job as one document: what it has learned, cost and saved."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from elastance.policies import Believing
from elastance.train.tuning.job import state_of
from elastance.train.tuning.results import Status
from elastance.train.tuning.savings import break_even, default_of, spent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.policies import PolicyPair
    from elastance.train.tuning.job import TuningJob


def summarize(job: TuningJob, history: Sequence[dict[str, Any]], policies: PolicyPair) -> dict[str, Any]:
    """Return the state of a job as one JSON document.

    Saved is what as many recurrences as reached the target would have taken at the default batch size, each at the
    mean of the runs that were made there, less what all runs took; None before the first of those.
    """
    sums = spent(history)
    default = default_of(job, history)
    energy_j, cost_j = (sums[-1].energy_j, sums[-1].cost_j) if sums else (0.0, 0.0)
    reached = sums[-1].reached if sums else 0
    compared: dict[str, Any] = {
        "default": None, "saved_j": None, "saved_error_j": None, "break_even_energy": None, "break_even_cost": None,
    }  # fmt: skip
    if default is not None:
        error_j = default.energy_error_j
        compared = {
            "default": default._asdict(),
            "saved_j": reached * default.energy_j - energy_j,
            "saved_error_j": None if error_j is None else reached * error_j,
            "break_even_energy": break_even(sums, "energy_j", default.energy_j),
            "break_even_cost": break_even(sums, "cost_j", default.cost_j),
        }
    return {
        "job": job.to_json(),
        "recurrences": {"reached": reached, "begun": len(sums)},
        "runs": {status.value: sum(run["status"] == status for run in history) for status in Status},
        "energy_j": energy_j,
        "cost_j": cost_j,
        **compared,
        "sources": sorted(
            {source for run in history for source in (run["source"] or "").split(",") if source}
        ),
        "notes": list(policies.notes),
        "arms": [_arm(size, history, policies) for size in job.batch_sizes],
        "posterior": state_of(policies)["batch_size"],
    }


def _arm(size: int, history: Sequence[dict[str, Any]], policies: PolicyPair) -> dict[str, Any]:
    of_size = [run for run in history if run["batch_size"] == size and run["cost_j"] is not None]
    reached = [run for run in of_size if run["status"] == Status.REACHED]
    policy = policies.batch_size
    belief = policy.cost_beliefs().get(size) if isinstance(policy, Believing) else None
    arms: Sequence[int] | None = getattr(policy, "arms", None)
    return {
        "batch_size": size,
        "runs": len(of_size),
        "reached": len(reached),
        "mean_cost_j": fmean(run["cost_j"] for run in reached) if reached else None,
        "mean_energy_j": fmean(run["energy_j"] for run in reached) if reached else None,
        "belief": None if belief is None else belief._asdict(),
        "in_the_running": None if arms is None else size in arms,
    }
