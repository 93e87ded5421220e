"""What a process is asked to train, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How the gradients of several workers become one."""

    ELASTIC = "elastic"
    """Logical workers, by `elastance.elastic.prepare`."""
    DDP = "DDP"
    """Unmodified `DistributedDataParallel` over gloo, one process per worker."""
    ACCUMULATION = "accumulation"
    """One process adds up the gradients of several mini-batches, as autograd does; not the bits of DDP."""


class Model(StrEnum):
    """Example models, after those in ``examples/elastic``."""

    IMAGE_NET = "image net"
    TRANSFORMER = "transformer"
    RECOMMENDER = "recommender"


class Size(StrEnum):
    """How large the models and their mini-batches are."""

    TINY = "tiny"
    """A few milliseconds per mini-batch: for tests."""
    CPU = "cpu"
    """About 30 ms per mini-batch on one core of 2021."""
    CUDA = "cuda"
    """Sized for a GPU."""


@dataclass(frozen=True)
class Task:
    """A training of one of the models.

    Attributes:
        way: How.
        workers: Logical workers, DDP's processes, or mini-batches accumulated.
        level: Level of elastic training.
        switching: Whether contexts of logical workers are switched; False only to measure what it costs.
        size: How large.
        device: ``"cpu"`` or ``"cuda"``.
    """

    way: Way
    workers: int
    level: str = "D1"
    switching: bool = True
    size: Size = Size.CPU
    device: str = "cpu"


@dataclass(frozen=True)
class StepTiming:
    """One global step, as one process saw it.

    Attributes:
        time_s: Wall time, the optimizer's part included.
        cpu_s: Time on processors, of all threads of the process.
        micro_batches_s: Wall time of each of its mini-batches: loading, forward and backward pass, switching; the
            last one's also has the exchange of gradients. The copy of a gradient out of the way counts for the
            mini-batch after it.
    """

    time_s: float
    cpu_s: float
    micro_batches_s: tuple[float, ...]
