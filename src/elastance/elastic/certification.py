"""Run a script under several placements and under DDP, and compare every tensor after every step."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.elastic.certificate import Certificate, Difference, RunOutcome
from elastance.elastic.comparison import differing_tensors, outcome
from elastance.elastic.levels import Level
from elastance.elastic.numerics import DEVICE_TYPES
from elastance.elastic.operators import report
from elastance.elastic.trial import Trial
from elastance.elastic.trial_processes import TrialRun, run_trial, script_of
from elastance.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.elastic.operators import Operator
    from elastance.elastic.placement import Placement

_REPEATED_STEPS = 3
"""Steps of DDP that are run twice, to see whether the script repeats itself."""


def certify(
    command: Sequence[str],
    placements: Sequence[Placement],
    level: Level,
    steps: int,
    *,
    threads: int = 1,
    device_types: Sequence[str] = ("cpu",),
    levels: Sequence[Level] = (),
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
        levels: Levels whose price is to be seen, on the placement with fewest executors.
        tell: Called with what is being run.

    Raises:
        InputError: Placements of different numbers of logical workers, there is no such script, it makes no elastic
            job, or DDP run twice gives different bits.
        WorkerError: A process failed.
    """
    if len({placement.workers for placement in placements}) != 1:
        raise InputError(
            f"placements {', '.join(map(str, placements))}: expected all with the same number of logical workers"
        )
    for name in device_types:
        if name not in DEVICE_TYPES:
            raise UnknownNameError("device type", name, DEVICE_TYPES)
    script = script_of(command)
    if script is not None and not script.is_file():
        raise InputError(f"{script}: there is no such script")
    begun = datetime.now(UTC)
    runner = _Runner(command, threads, device_types, steps, tell)
    workers = placements[0].workers
    ddp = Trial("", f"{workers}x1", str(level), steps, reference=True)
    expected = runner.run(ddp, "DDP")
    operators = runner.repeat(ddp, expected)
    seen = [(trial, runner.run(trial)) for trial in (_on(ddp, placement) for placement in placements)]
    gradient_bytes: int = expected.surroundings["gradient_bytes"]
    runs = [outcome(trial, run.records, gradient_bytes, expected.records[0]) for trial, run in seen]
    runs = runner.measured(ddp, expected, [(trial, one) for (trial, _), one in zip(seen, runs, strict=True)])
    return Certificate(
        tuple(command),
        workers,
        str(level),
        steps,
        len(expected.records[0][-1].tensors),
        outcome(ddp, expected.records, gradient_bytes),
        tuple(runs),
        _prices(runner, ddp, min(placements, key=lambda one: one.executors), levels) if levels else (),
        None if operators is None else report(operators),
        _environment(script, begun) | expected.surroundings | {"device_types": list(device_types)},
    )


def _on(ddp: Trial, placement: Placement) -> Trial:
    return replace(ddp, placement=str(placement), reference=False)


@dataclass
class _Runner:
    """Runs trials of one script."""

    command: Sequence[str]
    threads: int
    device_types: Sequence[str]
    steps: int
    tell: Callable[[str], None]

    def run(self, trial: Trial, what: str | None = None) -> TrialRun:
        what = what or f"placement {trial.placement}"
        self.tell(f"{what} starts")
        return run_trial(
            self.command,
            trial,
            self.threads,
            self.device_types[:1] if trial.reference else self.device_types,
            lambda done: self.tell(f"{what}, step {done} of {trial.steps}"),
        )

    def repeat(self, ddp: Trial, expected: TrialRun) -> list[Operator] | None:
        """Run the first steps of DDP again; then look at the operators of one more.

        Raises:
            InputError: They differ: the script does not repeat itself.
        """
        compared = min(len(expected.records[0]) - 1, _REPEATED_STEPS)
        again = self.run(replace(ddp, steps=compared + 1, scan_step=compared), "DDP once more")
        # The step under the scan is left out: what listens may keep a compiled model from running as compiled.
        _check_repeats(expected, again, max(compared, 1))
        return again.operators

    def measured(
        self, ddp: Trial, expected: TrialRun, runs: Sequence[tuple[Trial, RunOutcome]]
    ) -> list[RunOutcome]:
        """Run those that differ again, up to where they do, to see by how much."""
        places = list(
            dict.fromkeys((d.step, d.tensor) for _, run in runs if (d := run.difference) is not None)
        )
        if not places:
            return [run for _, run in runs]
        last = max(step for step, _ in places)
        keep = replace(ddp, steps=last + 1, keep=tuple(places))
        wanted = self.run(keep, "DDP once more, to compare values")
        _check_repeats(expected, wanted, last + 1)
        return [
            run
            if run.difference is None
            else replace(run, difference=self._amount(keep, trial, run.difference, wanted))
            for trial, run in runs
        ]

    def _amount(self, keep: Trial, trial: Trial, difference: Difference, wanted: TrialRun) -> Difference:
        number = keep.keep.index((difference.step, difference.tensor))
        repeated = replace(trial, steps=difference.step + 1, keep=keep.keep)
        got = self.run(repeated, f"placement {trial.placement} once more, to compare values")
        theirs, ours = wanted.kept.get((0, number)), got.kept.get((difference.executor, number))
        if theirs is None or ours is None or theirs.shape != ours.shape:
            return difference
        apart = np.abs(theirs - ours)
        return replace(
            difference,
            largest=float(apart.max()) if np.isfinite(apart).all() and apart.size else None,
            elements=int((theirs != ours).sum()),
            of_elements=int(apart.size),
        )


def _check_repeats(expected: TrialRun, again: TrialRun, steps: int) -> None:
    for first, second in zip(expected.records, again.records, strict=True):
        for index, (wanted, got) in enumerate(zip(first[:steps], second[:steps], strict=False)):
            differing = differing_tensors(wanted, got)
            if differing:
                raise InputError(
                    f"the script does not repeat itself: DDP run twice differs after step {index} in {differing[0]}; "
                    "seed what it draws besides prepare(): torch.manual_seed, random.seed, numpy.random.seed"
                )


def _prices(
    runner: _Runner, ddp: Trial, placement: Placement, levels: Sequence[Level]
) -> tuple[RunOutcome, ...]:
    """Stock DDP and each level on one placement, one after the other; D2 beside DDP with the same kernels."""
    runner = replace(runner, device_types=runner.device_types[:1])
    found: list[RunOutcome] = []
    expected: TrialRun | None = None
    for pinned in (False, True):
        of_kind = [level for level in levels if level.pins_kernels is pinned]
        if pinned and not of_kind:
            continue
        base = replace(ddp, level=str(Level.D2 if pinned else Level.D1))
        expected = runner.run(base, "price: DDP with D2's kernels" if pinned else "price: stock DDP")
        gradient_bytes: int = expected.surroundings["gradient_bytes"]
        found.append(outcome(base, expected.records, gradient_bytes))
        for level in of_kind:
            trial = replace(_on(base, placement), level=str(level))
            run = runner.run(trial, f"price: level {level} on {placement}")
            found.append(outcome(trial, run.records, gradient_bytes, expected.records[0]))
    return tuple(found)


def _environment(script: Path | None, begun: datetime) -> dict[str, Any]:
    return {
        "date": begun.isoformat(timespec="seconds"),
        "script": None if script is None else str(script),
        "script_sha256": None if script is None else hashlib.sha256(script.read_bytes()).hexdigest(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "elastance": version("elastance"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
