"""Speed of the recurring-job simulation, side by side with the published simulator in one run.

Run by ``make bench``, which installs ``zeus==0.16.0`` beside elastance into an environment of its own. Both simulate
the same jobs with the same seeds from the same files, in turn, in one process; their histories must be equal, float
for float. Reading the files is included on both sides. Figures are medians of several rounds; what counts is the
ratio, since absolute times drift with the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import time
import warnings
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import zeus
from zeus._legacy.job import Job as ZeusJob
from zeus._legacy.policy import JITPowerLimitOptimizer, PruningGTSBatchSizeOptimizer
from zeus._legacy.simulate import Simulator

from elastance.catalog import WORKLOADS
from elastance.job import Job
from elastance.runs import Provenance
from elastance.simulate import simulate_groups, simulate_history, simulate_recurring
from elastance.traces import DirectorySource, Group, GroupTrace, Submission

if TYPE_CHECKING:
    from collections.abc import Callable

GPU, SEED, ETA, BETA = "v100", 1, 0.5, 2.0
SEEDS = 200
DEFAULT_RECURRENCES = 210
DEFAULT_JOB = Job("librispeech", "deepspeech2", "adamw", 40.0, 16, 192)
CHECKED_SEEDS = 4


def main() -> int:
    """Print every figure with its target; return 1 if a target was missed."""
    traces, rounds = parse_arguments()
    print(
        f"zeus {zeus.__version__}, Python {sys.version.split()[0]}, {os.cpu_count()} cores, traces {traces}\n"
    )
    held = [
        compare(traces, DEFAULT_RECURRENCES, rounds, target=50.0),
        compare(traces, 2000, max(3, rounds // 3), target=100.0),
        growth(traces, rounds),
        sweep(traces),
        groups(traces),
        start_up("import elastance", [sys.executable, "-c", "import elastance"], 0.15),
        start_up("elastance --help", [str(Path(sys.executable).with_name("elastance")), "--help"], 0.3),
        memory(traces),
    ]
    print(f"\n{sum(held)} of {len(held)} targets held")
    return 0 if all(held) else 1


def parse_arguments() -> tuple[Path, int]:
    """Return the directory of the public traces and the number of rounds."""
    here = Path(__file__).parents[1]
    named = os.environ.get("ELASTANCE_TRACES")
    fallback = Path(named) if named else here.parent / "shared" / "data" / "zeus"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--traces", type=Path, default=fallback, help="directory of the public traces")
    parser.add_argument("--rounds", type=int, default=9, help="rounds per comparison")
    arguments = parser.parse_args()
    if not (arguments.traces / "summary_train.csv").exists():
        parser.error(
            f"{arguments.traces} holds no public traces; fetch them with "
            "`elastance data fetch --output DIR` and name DIR with --traces"
        )
    return arguments.traces, arguments.rounds


def with_zeus(traces: Path, recurrences: int, job: Job = DEFAULT_JOB, gpu: str = GPU) -> list[list[object]]:
    """Simulate a job with the published simulator, from its files to its history."""
    theirs = ZeusJob(
        *(job.dataset, job.network, job.optimizer, job.target_metric, job.max_epochs),
        job.default_batch_size,
        0.1,
    )
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        simulator = Simulator(
            str(traces / "summary_train.csv"),
            str(traces / f"summary_power_{gpu}.csv"),
            PruningGTSBatchSizeOptimizer(seed=SEED, verbose=False),
            JITPowerLimitOptimizer(verbose=False),
            seed=SEED,
            verbose=False,
        )
        history = simulator.simulate_one_job(theirs, recurrences, BETA, ETA)
    return [[int(of.bs), int(of.pl), float(of.energy), float(of.time), bool(of.reached)] for of in history]


def with_elastance(traces: Path, recurrences: int, *, compat: bool = True) -> list[list[object]]:
    """Simulate the same job with elastance, from the same files to the same history."""
    comparison = simulate_recurring(
        "librispeech",
        GPU,
        policies=["zeus"],
        eta=ETA,
        beta=BETA,
        recurrences=recurrences,
        seeds=[SEED],
        traces=DirectorySource(traces),
        compat=compat,
    )
    return comparison["zeus"].histories[0].rows()


def timed(call: Callable[[], list[list[object]]]) -> tuple[float, list[list[object]]]:
    """Return how long `call` took, s, and its answer."""
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def compare(traces: Path, recurrences: int, rounds: int, *, target: float) -> bool:
    """Time both in turn and check that they agree to the last bit."""
    theirs: list[float] = []
    ours: list[float] = []
    with_elastance(traces, 10)  # imports
    for _ in range(rounds):
        seconds, expected = timed(lambda: with_zeus(traces, recurrences))
        theirs.append(seconds)
        seconds, found = timed(lambda: with_elastance(traces, recurrences))
        ours.append(seconds)
        if found != expected:
            print(f"{recurrences} recurrences: the histories DIFFER")
            return False
    ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
    figure = (
        f"{1e3 * statistics.median(theirs) / recurrences:.2f} ms -> "
        f"{1e6 * statistics.median(ours) / recurrences:.1f} us per recurrence"
    )
    name = f"{recurrences} recurrences, same history"
    return report(name, figure, f"{ratio:.0f}x", ratio >= target, f">= {target:.0f}x")


def growth(traces: Path, rounds: int) -> bool:
    """Time normal mode at 2,000 and at 20,000 recurrences; the time of each must not grow."""
    ratios: list[float] = []
    each = (0.0, 0.0)
    for _ in range(max(3, rounds // 2)):
        short = timed(lambda: with_elastance(traces, 2_000, compat=False))[0] / 2_000
        long = timed(lambda: with_elastance(traces, 20_000, compat=False))[0] / 20_000
        ratios.append(long / short)
        each = (short, long)
    ratio = statistics.median(ratios)
    figure = f"{1e6 * each[0]:.1f} us at 2,000, {1e6 * each[1]:.1f} us at 20,000"
    return report("normal mode, time per recurrence", figure, f"{ratio:.2f}x", ratio <= 1.15, "<= 1.15x")


def sweep(traces: Path) -> bool:
    """Time a whole sweep on one core, each cell beside the published simulator's run of one of its seeds."""
    source = DirectorySource(traces)
    theirs = ours = 0.0
    recurrences = 0
    for workload, gpu in product((of.name for of in WORKLOADS), source.gpus()):
        start = time.perf_counter()
        found = simulate_recurring(workload, gpu, policies=["zeus"], seeds=range(SEEDS), traces=source)
        ours += time.perf_counter() - start
        task = found.task
        theirs += timed(partial(with_zeus, traces, task.recurrences, task.problem.job, gpu))[0]
        recurrences += task.recurrences
        plain = tuple(simulate_history(task, "zeus", seed) for seed in range(CHECKED_SEEDS))
        if found["zeus"].histories[:CHECKED_SEEDS] != plain:
            print(f"sweep, {workload} on {gpu}: many seeds at once DIFFER from one by one")
            return False
    ratio = (theirs / recurrences) / (ours / (SEEDS * recurrences))
    figure = f"{SEEDS * recurrences:,} recurrences, one core: {ours:.1f} s"
    name = f"sweep, 24 cells x {SEEDS} seeds"
    return report(name, figure, f"{ratio:.0f}x", ratio >= 300, ">= 300x")


def groups(traces: Path, count: int = 1000, rows: int = 100) -> bool:
    """Time 100,000 overlapping jobs under four policies on two cores."""
    rng = np.random.default_rng(1)
    made_up: list[Group] = []
    for number in range(count):
        starts = np.cumsum(rng.exponential(rng.choice([50.0, 400.0, 2000.0]), rows))
        lengths = rng.lognormal(np.log(300.0), 0.8, rows)
        submissions = zip(starts, starts + lengths, lengths / lengths.mean(), strict=True)
        dataset = WORKLOADS[number % len(WORKLOADS)].dataset
        made_up.append(
            Group(f"synthetic-{number}", dataset, tuple(Submission(*map(float, of)) for of in submissions))
        )
    trace = GroupTrace(Path("made-up"), "0" * 64, Provenance.MODEL, tuple(made_up))
    start = time.perf_counter()
    found = simulate_groups(trace, GPU, traces=traces, jobs=2)
    elapsed = time.perf_counter() - start
    runs = sum(result.totals()[0].runs for result in found.policies)
    figure = f"{runs:,} runs under {', '.join(result.policy for result in found.policies)}"
    return report("100,000 group jobs, two cores", figure, f"{elapsed:.1f} s", elapsed < 20, "< 20 s")


def start_up(name: str, command: list[str], target_s: float) -> bool:
    """Time a whole process, with the bare interpreter's own time beside it."""
    bare = [sys.executable, "-c", "pass"]
    for warm_up in (command, bare):
        subprocess.run(warm_up, check=True, capture_output=True)
    times: list[float] = []
    idle: list[float] = []
    for _ in range(11):
        for runs, what in ((times, command), (idle, bare)):
            start = time.perf_counter()
            subprocess.run(what, check=True, capture_output=True)
            runs.append(time.perf_counter() - start)
    median = statistics.median(times)
    figure = f"whole process (bare Python: {statistics.median(idle):.3f} s)"
    return report(name, figure, f"{median:.3f} s", median < target_s, f"< {target_s} s")


def memory(traces: Path) -> bool:
    """Measure the peak memory of the default job, as a whole process."""
    command = [
        str(Path(sys.executable).with_name("elastance")),
        *("simulate", "recurring", "--traces", str(traces)),
    ]
    # A small process starts it: a child's peak counts what it shared with its parent before it began.
    small_parent = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", small_parent, *command], check=True, capture_output=True, text=True
    )
    peak_mb = int(shown.stdout) / 1024
    return report(
        "default job, peak memory",
        "whole process, four policies",
        f"{peak_mb:.0f} MB",
        peak_mb < 150,
        "< 150 MB",
    )


def report(name: str, figure: str, value: str, held: bool, target: str) -> bool:
    """Print one figure."""
    print(f"{name:38} {figure:48} {value:>9}  target {target:10} {'held' if held else 'MISSED'}")
    return held


if __name__ == "__main__":
    sys.exit(main())
