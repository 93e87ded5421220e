"""What a recurring job has cost so far, against the user's own batch size, and its runs as traces."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from elastance.train.tuning.job import Target, state_of
from elastance.train.tuning.store import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.policies import PolicyPair
    from elastance.train.tuning.job import TuningJob

Run = dict[str, Any]


def summarize(job: TuningJob, history: Sequence[Run], policies: PolicyPair) -> dict[str, Any]:
    """Return the state of a job as one JSON document.

    Saved is against as many runs at the default batch size, each at the mean of those that reached the target there;
    None before the first. Break-even is the first number of successes from which the cost of all runs so far stays at
    or below that of as many default runs.
    """
    ended = [run for run in history if run["cost_j"] is not None]
    successes = [run for run in ended if run["status"] == Status.REACHED]
    default = [run for run in successes if run["batch_size"] == job.default_batch_size]
    energy_j = sum(run["energy_j"] for run in ended)
    baseline_j = fmean(run["energy_j"] for run in default) * len(successes) if default else None
    default_cost_j = fmean(run["cost_j"] for run in default) if default else None
    return {
        "job": job.to_json(),
        "runs": {status.value: sum(run["status"] == status for run in history) for status in Status},
        "energy_j": energy_j,
        "cost_j": sum(run["cost_j"] for run in ended),
        "default_energy_j": baseline_j,
        "saved_j": None if baseline_j is None else baseline_j - energy_j,
        "break_even": None if default_cost_j is None else _break_even(ended, default_cost_j),
        "sources": sorted({run["source"] for run in ended if run["source"]}),
        "arms": [_arm(size, ended, policies) for size in job.batch_sizes],
        "posterior": state_of(policies)["batch_size"],
    }


def _arm(size: int, ended: Sequence[Run], policies: PolicyPair) -> dict[str, Any]:
    of_size = [run for run in ended if run["batch_size"] == size]
    reached = [run for run in of_size if run["status"] == Status.REACHED]
    arms: Sequence[int] | None = getattr(policies.batch_size, "arms", None)
    return {
        "batch_size": size,
        "runs": len(of_size),
        "reached": len(reached),
        "mean_cost_j": fmean(run["cost_j"] for run in reached) if reached else None,
        "mean_energy_j": fmean(run["energy_j"] for run in reached) if reached else None,
        "in_the_running": None if arms is None else size in arms,
    }


def _break_even(ended: Sequence[Run], default_cost_j: float) -> int | None:
    spent_j, successes, since = 0.0, 0, None
    for run in ended:
        spent_j += run["cost_j"]
        if run["status"] != Status.REACHED:
            continue
        successes += 1
        if spent_j > successes * default_cost_j:
            since = None
        elif since is None:
            since = successes
    return since


def traces_of(job: TuningJob, history: Sequence[Run]) -> tuple[list[list[object]], list[list[object]]]:
    """Return the rows of a train trace and of a power trace.

    Only runs that tell their epochs count. A run that missed its target has an empty target epoch. Per batch size and
    limit, time and power are means weighted by epochs; a run whose limit was left alone stands under the largest.
    """
    train: list[list[object]] = []
    totals: dict[tuple[int, int], list[float]] = {}
    repeats: dict[int, int] = {}
    for run in history:
        if run["status"] not in (Status.REACHED, Status.MISSED) or not run["epochs"] or not run["energy_j"]:
            continue
        size = run["batch_size"]
        repeats[size] = repeats.get(size, 0) + 1
        rate = job.scaled_learning_rate(size) or 1.0
        target_epoch = run["epochs"] if run["status"] == Status.REACHED else ""
        target = Target.parse(job.target).value
        train.append([job.name, "script", size, "script", rate, repeats[size], target, target_epoch])
        total = totals.setdefault((size, run["power_limit_w"] or job.power_limits_w[-1]), [0.0, 0.0, 0.0])
        for position, value in enumerate((run["epochs"], run["time_s"], run["energy_j"])):
            total[position] += value
    power = [_power_row(job, at, total) for at, total in sorted(totals.items())]
    return train, power


def _power_row(job: TuningJob, at: tuple[int, int], total: Sequence[float]) -> list[object]:
    epochs, time_s, energy_j = total
    return [job.name, "script", at[0], "script", at[1], time_s / epochs, energy_j / time_s]
