"""Run a script as a trial, in as many processes as the trial has executors, and read what it wrote down."""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.elastic.comparison import StepRecord
from elastance.elastic.levels import Level
from elastance.elastic.numerics import environment
from elastance.elastic.operators import Operator
from elastance.elastic.placement import Placement
from elastance.errors import InputError, WorkerError
from elastance.train.launching import RankProcess, started_ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from elastance.elastic.trial import Trial
    from elastance.train.launching import RankFailure

_OURS = re.compile(r"elastance\.errors\.\w+: (.*)")


@dataclass(frozen=True)
class TrialRun:
    """What a trial left.

    Attributes:
        records: Steps by executor.
        surroundings: What the first executor computed with.
        operators: Of the step that was looked at; None if it was not reached.
        kept: Values of the tensors that were asked for, by executor and number.
    """

    records: list[list[StepRecord]]
    surroundings: dict[str, Any]
    operators: list[Operator] | None
    kept: dict[tuple[int, int], NDArray[np.float64]]


def script_of(command: Sequence[str]) -> Path | None:
    """The Python script in a command; None if it has none, as ``python -m package``."""
    for argument in command:
        if argument in ("-m", "-c"):
            return None
        if argument.endswith(".py"):
            return Path(argument)
    return None


def run_trial(
    command: Sequence[str],
    trial: Trial,
    threads: int,
    device_types: Sequence[str],
    look: Callable[[int], None] = lambda _: None,
) -> TrialRun:
    """Run a script once.

    Args:
        command: Program and arguments.
        trial: What is asked of it; its directory is made here.
        threads: Intra-op threads of every process, where the script does not set them.
        device_types: Types of processor that executors stand in for, in turn.
        look: Called with the number of steps that the first executor has done, every now and then.

    Raises:
        InputError: The script makes no elastic job, or one that `elastance.elastic` refuses.
        WorkerError: A process failed.
    """
    what = "DDP" if trial.reference else f"placement {trial.placement}"
    with tempfile.TemporaryDirectory(prefix="elastance-") as name:
        directory = Path(name)
        shared = replace(trial, directory=name).environment() | {"OMP_NUM_THREADS": str(threads)}
        executors = Placement.parse(trial.placement).executors
        ranks = [
            RankProcess(f"executor {index}", shared | environment(Level(trial.level), device_type))
            for index, device_type in enumerate(islice(cycle(device_types), executors))
        ]
        files = [directory / f"executor-{index}.jsonl" for index in range(executors)]
        failure = _run(command, ranks, directory, _StepCounter(files[0], look))
        if failure is not None:
            raise _explained(what, failure)
        if not all(file.exists() for file in files):
            raise InputError(f"{what}: the script trained no step of a job made by elastance.elastic.prepare")
        records = [_read(file) for file in files]
        if not all(records):
            raise InputError(
                f"{what}: the script made a job by elastance.elastic.prepare, but trained no step of it"
            )
        return TrialRun(
            records,
            json.loads((directory / "surroundings.json").read_text("utf-8")),
            _operators(directory / "operators.json"),
            {
                (executor, number): np.load(path)
                for executor in range(executors)
                for number in range(len(trial.keep))
                if (path := directory / f"kept-{executor}-{number}.npy").exists()
            },
        )


def _run(
    command: Sequence[str], ranks: Sequence[RankProcess], directory: Path, look: Callable[[], None]
) -> RankFailure | None:
    logs = directory / "logs"
    logs.mkdir()
    with ExitStack() as stack:
        # What the script prints is no part of the certificate; the last words of a failure are told. Only while
        # the processes are started: whoever shows progress meanwhile is to be seen.
        nowhere = stack.enter_context(Path(os.devnull).open("w"))
        with redirect_stdout(nowhere), redirect_stderr(nowhere):
            running = stack.enter_context(started_ranks(command, ranks, logs))
        return running.until_ended(look).failure


class _StepCounter:
    """Tells how many steps a process has written down, whenever there are more."""

    def __init__(self, path: Path, tell: Callable[[int], None]) -> None:
        self._path, self._tell = path, tell
        self._read = self._steps = 0

    def __call__(self) -> None:
        if not self._path.exists() or self._path.stat().st_size == self._read:
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        self._read += len(new)
        self._steps += new.count(b"\n")
        self._tell(self._steps)


def _explained(what: str, failure: RankFailure) -> Exception:
    words = failure.last_words or "it said nothing"
    ours = _OURS.fullmatch(words)
    if ours is not None:
        return InputError(f"{what}: {ours.group(1)}")
    return WorkerError(f"{what}: process {failure.rank} ended with status {failure.exit_status}: {words}")


def _read(path: Path) -> list[StepRecord]:
    return [StepRecord(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _operators(path: Path) -> list[Operator] | None:
    if not path.exists():
        return None
    return [
        Operator(one["name"], one["calls"], tuple(one["phases"]), tuple(one["modules"]))
        for one in json.loads(path.read_text("utf-8"))
    ]
