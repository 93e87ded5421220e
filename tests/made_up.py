"""A small made-up job for tests that need no data."""

from elastance.cost import EtaCost
from elastance.job import Job
from elastance.policies import Problem
from elastance.runs import Provenance
from elastance.traces import JobFacts, SizeFacts


def make_facts(
    epochs: dict[int, tuple[int | None, ...]] | None = None,
    *,
    limits: tuple[int, ...] = (100, 150, 200),
) -> JobFacts:
    """Small made-up facts: bigger batches take less time per epoch, higher limits less time and more power."""
    epochs = epochs or {8: (9, 10, 11), 16: (6, 7), 32: (5, 5, 6), 64: (8, None), 128: (None, None)}
    sizes = {
        size: SizeFacts(
            size,
            limits,
            tuple(100.0 * (1 + 8 / size) * (300 / limit) ** 0.5 for limit in limits),
            tuple(0.8 * limit for limit in limits),
            paths,
        )
        for size, paths in epochs.items()
    }
    return JobFacts(sizes, max(limits), Provenance.MODEL)


def make_problem(
    facts: JobFacts | None = None,
    *,
    default: int = 32,
    eta: float = 0.5,
    beta: float = 2.0,
    window_size: int = 0,
    max_epochs: int = 20,
) -> Problem:
    facts = facts or make_facts()
    job = Job("made-up", "net", "sgd", 0.9, max_epochs, default)
    return Problem(job, facts.power_limits_w, EtaCost(eta, facts.max_power_w), beta, window_size)
