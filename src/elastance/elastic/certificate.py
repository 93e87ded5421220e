"""What `elastance certify` found out: does a script give the bits of DDP, where, and at what price?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elastance.elastic.operators import OperatorReport

_VERSION = 2


@dataclass(frozen=True)
class Spread:
    """A quantity over the steps of a run.

    Attributes:
        median: Half of the steps took less.
        low: A quarter of them did.
        high: Three quarters did.
    """

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The first place where a run differs from DDP.

    Attributes:
        executor: Which executor.
        step: Global step, from 0.
        tensor: Its first tensor that differs.
        largest: Largest absolute difference of its elements; None if it could not be had.
        elements: How many elements differ.
        of_elements: How many it has.
    """

    executor: int
    step: int
    tensor: str
    largest: float | None = None
    elements: int | None = None
    of_elements: int | None = None


@dataclass(frozen=True)
class RunOutcome:
    """One run of the script.

    Attributes:
        what: ``DDP``, or ``elastic``.
        level: The level it ran at; of DDP only whether its kernels are pinned, as at D2.
        placement: Executors and logical workers.
        steps: Global steps it did.
        step_time_s: Wall time of a global step: that of the slowest process.
        cpu_time_s: CPU time of a global step, all processes together, data workers left out.
        peak_memory_bytes: Most memory of any of its processes.
        total_memory_bytes: The sum over its processes of the most memory that each had.
        device_memory_bytes: Most CUDA memory of any of its processes; None without CUDA.
        sent_bytes_per_step: Payload for gradients that all processes sent together; for DDP and level ``none``
            calculated, for gloo's ring.
        differing: How many tensors differ from DDP after each step, on the executor with most; empty for DDP.
        difference: Where it differs from DDP first; None if it does not, or is DDP.
    """

    what: str
    level: str
    placement: str
    steps: int
    step_time_s: Spread
    cpu_time_s: Spread
    peak_memory_bytes: int
    total_memory_bytes: int
    device_memory_bytes: int | None
    sent_bytes_per_step: float
    differing: tuple[int, ...] = ()
    difference: Difference | None = None

    @property
    def equal(self) -> bool | None:
        """Whether no bit differs from DDP; None for DDP itself."""
        return None if self.what == "DDP" else self.difference is None

    @property
    def label(self) -> str:
        """What a reader calls it."""
        if self.what == "elastic":
            return self.level
        return "DDP with D2's kernels" if self.level == "D2" else "stock DDP"


@dataclass(frozen=True)
class Certificate:
    """Whether a script gives the bits of DDP, and where that was seen.

    Attributes:
        command: What was run.
        workers: Logical workers.
        level: The level it ran at.
        steps_asked: Global steps to compare at most.
        tensors: Tensors that were compared after each step.
        reference: The run under DDP, with one process per logical worker.
        runs: One per placement.
        prices: DDP and the levels whose price was asked for, on one placement; empty if none was.
        operators: What a step depends on; None if no step was left to look at.
        environment: What it holds for.
    """

    command: tuple[str, ...]
    workers: int
    level: str
    steps_asked: int
    tensors: int
    reference: RunOutcome
    runs: tuple[RunOutcome, ...]
    prices: tuple[RunOutcome, ...]
    operators: OperatorReport | None
    environment: dict[str, Any]

    @property
    def equal(self) -> bool:
        """Whether no bit differed, on any placement."""
        return all(run.difference is None for run in self.runs)

    @property
    def verdict(self) -> str:
        """In one sentence."""
        steps = self.reference.steps
        compared = f"{self.tensors} tensors after each of {steps} step{'s' if steps != 1 else ''}"
        where = f"{len(self.runs)} placement{'s' if len(self.runs) != 1 else ''}"
        bits = f"those of DDP with {self.workers} processes"
        if self.equal:
            every = "all " if len(self.runs) > 1 else ""
            return f"At level {self.level} the bits are {bits} on {every}{where}: {compared}."
        bad = [run for run in self.runs if run.difference is not None]
        first = min(run.difference.step for run in bad if run.difference is not None)
        return (
            f"At level {self.level} the bits are not {bits}: "
            f"{len(bad)} of {where} differ{'s' if len(bad) == 1 else ''}, from step {first} on."
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the numbers should know."""
        return tuple(self._remarks())

    def _remarks(self) -> list[str]:
        said: list[str] = []
        if self.reference.steps < self.steps_asked:
            said.append(
                f"The script ended after {self.reference.steps} steps, all of which were compared; "
                f"{self.steps_asked} were asked for."
            )
        cores, most = self.environment.get("cores"), self.workers * self.environment.get("threads", 1)
        if cores is not None and most > cores:
            said.append(
                f"DDP's {self.workers} processes shared {cores} cores, so wall times say little about as many "
                "devices; CPU time per step, summed over the processes, is what can be compared here."
            )
        return said

    def to_json(self) -> dict[str, Any]:
        """The certificate as a document."""
        return {
            "format": "elastance certificate",
            "version": _VERSION,
            "equal": self.equal,
            "verdict": self.verdict,
            "command": list(self.command),
            "workers": self.workers,
            "level": self.level,
            "steps_asked": self.steps_asked,
            "compared": f"sha256 of {self.tensors} tensors (parameters, buffers, optimizer state), every global step "
            "and executor",
            "reference": _document(self.reference),
            "runs": [_document(run) for run in self.runs],
            "prices": [
                {**_document(run), "relative_to_stock_ddp": relative(run, self.prices[0])}
                for run in self.prices
            ],
            "operators": None if self.operators is None else self.operators.to_json(),
            "remarks": list(self.remarks),
            "environment": self.environment,
        }


def relative(run: RunOutcome, stock: RunOutcome) -> dict[str, float | None]:
    """What a run takes as multiples of what stock DDP takes; None where that is nothing."""

    def ratio(mine: float | None, other: float | None) -> float | None:
        return mine / other if mine is not None and other else None

    return {
        "step_time": ratio(run.step_time_s.median, stock.step_time_s.median),
        "cpu_time": ratio(run.cpu_time_s.median, stock.cpu_time_s.median),
        "process_memory": ratio(run.peak_memory_bytes, stock.peak_memory_bytes),
        "total_memory": ratio(run.total_memory_bytes, stock.total_memory_bytes),
        "device_memory": ratio(run.device_memory_bytes, stock.device_memory_bytes),
        "sent": ratio(run.sent_bytes_per_step, stock.sent_bytes_per_step),
    }


def _document(run: RunOutcome) -> dict[str, Any]:
    return {"equal": run.equal, **asdict(run), "differing": list(run.differing)}
