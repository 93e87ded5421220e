"""Run a script under several placements and under DDP, and compare every tensor after every step."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice, zip_longest
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from elastance.elastic.levels import Level
from elastance.elastic.numerics import DEVICE_TYPES, environment
from elastance.elastic.placement import Placement
from elastance.elastic.trial import Trial
from elastance.errors import InputError, UnknownNameError, WorkerError
from elastance.train.launching import RankProcess, started_ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_VERSION = 1


@dataclass(frozen=True)
class StepRecord:
    """One global step as an executor wrote it down.

    Attributes:
        step: Global steps done.
        time_s: Wall time of the step.
        peak_memory_bytes: Most memory the process has had so far.
        sent_bytes: Payload it has sent for gradients so far.
        tensors: Sha256 by name.
    """

    step: int
    time_s: float
    peak_memory_bytes: int
    sent_bytes: int
    tensors: dict[str, str]


@dataclass(frozen=True)
class Difference:
    """The first place where a run differs from DDP.

    Attributes:
        executor: Which executor.
        step: Global step, from 0.
        tensor: Its first tensor that differs.
    """

    executor: int
    step: int
    tensor: str


@dataclass(frozen=True)
class RunOutcome:
    """One run of the script.

    Attributes:
        placement: Executors and logical workers.
        steps: Global steps it did.
        step_time_s: Median wall time of a global step.
        peak_memory_bytes: Most memory of any of its processes.
        sent_bytes_per_step: Payload for gradients that all executors sent together, as elastance counts it.
        difference: Where it differs from DDP first; None if it does not, or is DDP.
    """

    placement: str
    steps: int
    step_time_s: float
    peak_memory_bytes: int
    sent_bytes_per_step: float
    difference: Difference | None = None


@dataclass(frozen=True)
class Certificate:
    """Whether a script gives the bits of DDP, and where that was seen.

    Attributes:
        command: What was run.
        workers: Logical workers.
        level: The level it ran at.
        reference: The run under DDP, with one process per logical worker.
        runs: One per placement.
        environment: What it holds for.
    """

    command: tuple[str, ...]
    workers: int
    level: str
    reference: RunOutcome
    runs: tuple[RunOutcome, ...]
    environment: dict[str, Any]

    @property
    def equal(self) -> bool:
        """Whether no bit differed, on any placement."""
        return all(run.difference is None for run in self.runs)

    def to_json(self) -> dict[str, Any]:
        """The certificate as a document."""
        reference = asdict(self.reference)
        del reference["difference"], reference["sent_bytes_per_step"]
        return {
            "format": "elastance certificate",
            "version": _VERSION,
            "equal": self.equal,
            "command": list(self.command),
            "workers": self.workers,
            "level": self.level,
            "compared": "sha256 of parameters, buffers and optimizer state, every global step and executor",
            "reference": {"what": "torch.nn.parallel.DistributedDataParallel over gloo", **reference},
            "runs": [{"equal": run.difference is None, **asdict(run)} for run in self.runs],
            "environment": self.environment,
        }


def certify(
    command: Sequence[str],
    placements: Sequence[Placement],
    level: Level,
    steps: int,
    *,
    threads: int = 1,
    device_types: Sequence[str] = ("cpu",),
    tell: Callable[[str], None] = lambda _: None,
) -> Certificate:
    """Run `command` under DDP and under each placement, and compare.

    Args:
        command: A script that calls `elastance.elastic.prepare`, and how to run it.
        placements: All of the same number of logical workers.
        level: The level to run at.
        steps: Global steps to compare at most.
        threads: Intra-op threads of every process, where the script does not set them.
        device_types: Types of processor that executors stand in for, in turn; DDP runs on the first.
        tell: Called with what is being run.

    Raises:
        InputError: Placements of different numbers of logical workers, or the script makes no elastic job.
        WorkerError: A process failed.
    """
    if len({placement.workers for placement in placements}) != 1:
        raise InputError(
            f"placements {', '.join(map(str, placements))}: expected all with the same number of logical workers"
        )
    for name in device_types:
        if name not in DEVICE_TYPES:
            raise UnknownNameError("device type", name, DEVICE_TYPES)
    workers = placements[0].workers
    ddp = Trial("", f"{workers}x1", str(level), steps, reference=True)
    tell(f"DDP with {workers} processes")
    expected = _run(command, ddp, threads, device_types[:1])
    runs: list[RunOutcome] = []
    for placement in placements:
        tell(f"placement {placement}")
        records = _run(
            command, replace(ddp, placement=str(placement), reference=False), threads, device_types
        )
        runs.append(_outcome(str(placement), records, first_difference(expected[0], records)))
    return Certificate(
        tuple(command),
        workers,
        str(level),
        _outcome(f"{workers}x1", expected),
        tuple(runs),
        _environment(threads) | {"device_types": list(device_types)},
    )


def _run(
    command: Sequence[str], trial: Trial, threads: int, device_types: Sequence[str]
) -> list[list[StepRecord]]:
    """What each executor wrote down."""
    with tempfile.TemporaryDirectory(prefix="elastance-") as name:
        directory = Path(name)
        logs = directory / "logs"
        logs.mkdir()
        variables = {
            **replace(trial, directory=name).environment(),
            "OMP_NUM_THREADS": str(threads),
        }
        executors = Placement.parse(trial.placement).executors
        types = islice(cycle(device_types), executors)
        ranks = [
            RankProcess(f"executor {index}", variables | environment(Level(trial.level), device_type))
            for index, device_type in enumerate(types)
        ]
        # What the script prints is no part of the certificate; the last words of a failure are told.
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
            started_ranks(command, ranks, logs) as running,
        ):
            end = running.until_ended()
        what = "DDP" if trial.reference else f"placement {trial.placement}"
        if end.failure is not None:
            raise WorkerError(
                f"{what}: process {end.failure.rank} ended with status {end.failure.exit_status}: "
                f"{end.failure.last_words or 'it said nothing'}"
            )
        records = [_read(directory / f"executor-{index}.jsonl") for index in range(executors)]
        if not all(records):
            raise InputError(f"{what}: the script trained no step of a job made by elastance.elastic.prepare")
        return records


def _read(path: Path) -> list[StepRecord]:
    if not path.exists():
        return []
    return [StepRecord(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def first_difference(
    expected: Sequence[StepRecord], executors: Sequence[Sequence[StepRecord]]
) -> Difference | None:
    """The first step, and its first tensor, in which an executor differs from what is expected; None if none does."""
    found: list[Difference] = []
    for executor, got in enumerate(executors):
        for index, (wanted, step) in enumerate(zip_longest(expected, got)):
            if wanted is None or step is None:
                found.append(Difference(executor, index, "(one of them ends here)"))
                break
            names = [*wanted.tensors, *(name for name in step.tensors if name not in wanted.tensors)]
            differing = next(
                (name for name in names if wanted.tensors.get(name) != step.tensors.get(name)), None
            )
            if differing is not None:
                found.append(Difference(executor, index, differing))
                break
    return min(found, key=lambda one: (one.step, one.executor), default=None)


def _outcome(
    placement: str, executors: Sequence[Sequence[StepRecord]], difference: Difference | None = None
) -> RunOutcome:
    first = executors[0]
    return RunOutcome(
        placement,
        len(first),
        median(record.time_s for record in first),
        max(records[-1].peak_memory_bytes for records in executors),
        sum(records[-1].sent_bytes for records in executors) / len(first),
        difference,
    )


def _environment(threads: int) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "elastance": version("elastance"),
        "threads": threads,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
