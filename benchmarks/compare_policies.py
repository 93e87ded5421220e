"""What policies for recurring jobs cost beyond the oracle: the protocol of docs/policies.md, with its targets.

Run by ``make bench-policies``. A cell is one workload on one GPU type at one eta; its excess is the total cost of the
first N recurrences, over N times the oracle's expected cost, minus 1, averaged over seeds. Policies are tuned on the
GPU types of the `tune` set only and compared on those of the `report` set, both on the recorded traces and on
perturbed ones: for every seed anew, each time, power and number of epochs is scaled by log-normal noise.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import statistics
import sys
import time
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elastance.catalog import WORKLOADS, find_workload
from elastance.cost import EtaCost
from elastance.files import replacing
from elastance.policies import Problem
from elastance.simulate.histories import Task, simulate_history
from elastance.simulate.inputs import facts_and_job, opened_source
from elastance.simulate.processes import in_processes
from elastance.traces import JobFacts, SizeFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elastance.job import Job

SETS = {"tune": ("v100", "a40"), "report": ("p100", "rtx6000")}
LEARNED_ON = "v100"
ETAS = (0.0, 0.5, 1.0)
RECURRENCES = (30, 60)
SIGMA = 0.1
NEW, WARM, PUBLISHED = "knowledge-gradient", "knowledge-gradient, warm", "zeus"
OPTUNA = {"optuna TPE": "optuna_policies:TpeSearch", "optuna random": "optuna_policies:RandomSearch"}
POLICIES = (PUBLISHED, NEW, WARM, "grid-early-stop", *OPTUNA)
LEAST_EXCESS = 0.001
"""Excesses below this count as this in geometric means, which know no zero."""


class Cell(NamedTuple):
    """What is simulated.

    Attributes:
        traces: "recorded" or "perturbed".
        workload, gpu: Names.
        eta: Preference between energy and time.
    """

    traces: str
    workload: str
    gpu: str
    eta: float


class Part(NamedTuple):
    """What one process does at a time: one policy in one cell, under some seeds."""

    source: str | None
    cell: Cell
    policy: str
    seeds: range


Excesses = dict[int, list[float]]
"""Number of recurrences to the excess under each seed; the published number stands under 0."""


def main() -> int:
    """Print every cell and the aggregates; return 1 if a target was missed."""
    arguments = parse_arguments()
    gpus = SETS[arguments.set]
    variants = ("recorded", "perturbed") if arguments.set == "report" else ("recorded",)
    cells = [Cell(*of) for of in product(variants, (of.name for of in WORKLOADS), gpus, ETAS)]
    policies = [policy for policy in POLICIES if arguments.set == "report" or policy not in OPTUNA]
    parts = [
        Part(arguments.traces, cell, policy, of_seeds)
        for policy in policies
        for cell in cells
        for of_seeds in [arguments.optuna_seeds if policy in OPTUNA else arguments.seeds]
    ]
    print(f"{arguments.set} set: {', '.join(gpus)}; {len(cells)} cells, {len(arguments.seeds)} seeds\n")
    excesses: dict[tuple[Cell, str], Excesses] = {}
    start = time.perf_counter()
    for number, found in in_processes(excess_of, parts, arguments.jobs):
        excesses[parts[number].cell, parts[number].policy] = found
        if len(excesses) % 12 == 0:
            spent = time.perf_counter() - start
            print(f"{len(excesses)} of {len(parts)} parts after {spent:.0f} s", file=sys.stderr)
    print_cells(excesses, cells, policies)
    if arguments.output is not None:
        write_csv(arguments.output, excesses)
    return 0 if print_aggregates(excesses, policies) else 1


def parse_arguments() -> argparse.Namespace:
    """Return what to compare."""
    here = Path(__file__).parents[1]
    public = here.parent / "shared" / "data" / "zeus"
    fallback = os.environ.get("ELASTANCE_TRACES") or (str(public) if public.is_dir() else None)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=SETS, default="report", help="GPU types to compare on")
    parser.add_argument("--traces", default=fallback, help="directory of traces; else built-in models")
    parser.add_argument("--seeds", type=seeds, default=range(200), help="range of seeds, such as 0:200")
    parser.add_argument(
        "--optuna-seeds", type=seeds, default=range(10), help="the same, for Optuna: it is slow"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--output", type=Path, help="write every cell to this CSV file")
    return parser.parse_args()


def seeds(text: str) -> range:
    """Return the seeds of a text such as 0:200."""
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def excess_of(part: Part) -> Excesses:
    """Simulate one policy in one cell; numbers of recurrences are prefixes of one history, which no policy knows."""
    found: Excesses = {}
    policy = OPTUNA.get(part.policy, NEW if part.policy == WARM else part.policy)
    for seed in part.seeds:
        task = task_of(part, seed)
        published = task.facts.default_recurrences
        costs = [0.0] * task.recurrences
        for record in simulate_history(task, policy, seed).records:
            costs[record.recurrence] += record.cost_j
        totals = np.cumsum(costs)
        for key, count in ((30, 30), (60, 60), (0, published)):
            excess = float(totals[count - 1]) / (count * task.oracle.cost_j) - 1.0
            found.setdefault(key, []).append(excess)
    return found


def task_of(part: Part, seed: int) -> Task:
    """Return the job of a cell; for a warm start, one that recurred elsewhere as often as published."""
    cell = part.cell

    def on(gpu: str) -> tuple[JobFacts, Problem]:
        facts, job = recorded(part.source, cell.workload, gpu)
        if cell.traces == "perturbed":
            facts = perturbed(facts, job, cell.workload, gpu, seed)
        return facts, Problem(job, facts.power_limits_w, EtaCost(cell.eta, facts.max_power_w))

    facts, problem = on(cell.gpu)
    task = Task(facts, problem, max(*RECURRENCES, facts.default_recurrences))
    if part.policy != WARM:
        return task
    learned_on = LEARNED_ON if cell.gpu != LEARNED_ON else "a40"
    earlier_facts, earlier_problem = on(learned_on)
    return replace(task, earlier=Task(earlier_facts, earlier_problem, earlier_facts.default_recurrences))


@cache
def recorded(source: str | None, workload: str, gpu: str) -> tuple[JobFacts, Job]:
    """Return the facts of a workload's default job; read once per process."""
    return facts_and_job(opened_source(source), find_workload(workload), gpu)


def perturbed(facts: JobFacts, job: Job, workload: str, gpu: str, seed: int) -> JobFacts:
    """Scale every time, power and number of epochs; a path that reached the target still does within the job.

    Epochs belong to the job and are scaled alike on every GPU; times and powers are scaled on each anew.
    """

    def noisy(value: float, rng: np.random.Generator) -> float:
        return value * math.exp(rng.normal(0.0, SIGMA))

    def path(epochs: int | None, rng: np.random.Generator) -> int | None:
        if epochs is None:
            return None
        scaled = max(1, round(noisy(epochs, rng)))
        return min(scaled, job.max_epochs) if epochs <= job.max_epochs else max(scaled, job.max_epochs + 1)

    sizes: dict[int, SizeFacts] = {}
    for size, of in facts.sizes.items():
        on_gpu = np.random.default_rng((seed, size, *f"{gpu} {workload}".encode()))
        of_job = np.random.default_rng((seed, size, *workload.encode()))
        sizes[size] = SizeFacts(
            size,
            of.power_limits_w,
            tuple(noisy(time_s, on_gpu) for time_s in of.time_per_epoch_s),
            tuple(noisy(power_w, on_gpu) for power_w in of.average_power_w),
            tuple(path(epochs, of_job) for epochs in of.paths),
        )
    return replace(facts, sizes=sizes)


def print_cells(
    excesses: dict[tuple[Cell, str], Excesses], cells: Sequence[Cell], policies: Sequence[str]
) -> None:
    """Print the mean excess of every cell, %."""
    print("excess over the oracle, %, at N = 30 / 60 / the published number\n")
    print(f"{'traces':10}{'workload':14}{'gpu':9}{'eta':>4}" + "".join(f"{name:>26}" for name in policies))
    for cell in cells:
        shown = (
            " / ".join(f"{100 * statistics.fmean(of):.2f}" for of in excesses[cell, policy].values())
            for policy in policies
        )
        print(
            f"{cell.traces:10}{cell.workload:14}{cell.gpu:9}{cell.eta:4g}"
            + "".join(f"{of:>26}" for of in shown)
        )


def print_aggregates(excesses: dict[tuple[Cell, str], Excesses], policies: Sequence[str]) -> bool:
    """Print what the targets are about; return whether they were met."""
    means = {
        (cell, count, policy): statistics.fmean(values)
        for (cell, policy), found in excesses.items()
        for count, values in found.items()
    }

    def over_cells(
        policy: str, variant: str = "", eta: float | None = None, count: int | None = None
    ) -> list[float]:
        return [
            mean
            for (cell, of_count, name), mean in means.items()
            if name == policy
            and cell.traces.startswith(variant)
            and eta in (None, cell.eta)
            and count in (None, of_count)
        ]

    print("\ngeometric means over cells (cell = traces x workload x gpu x eta x N), %")
    print(
        f"  excess: exp(mean(log(max(e, {LEAST_EXCESS:g})))) over the cells' excesses e; in brackets, over zeus's\n"
        "  ratio: exp(mean(log(1 + e))) - 1\n"
    )
    selections = {"all": {}, "recorded": {"variant": "recorded"}, "perturbed": {"variant": "perturbed"}}
    selections |= {f"eta {eta:g}": {"eta": eta} for eta in ETAS}
    selections |= {"N = 30": {"count": 30}, "N = 60": {"count": 60}, "N as published": {"count": 0}}
    for name, selection in selections.items():
        if not over_cells(PUBLISHED, **selection):
            continue
        base = geometric_excess(over_cells(PUBLISHED, **selection))
        print(f"{name}")
        for policy in policies:
            values = over_cells(policy, **selection)
            excess = geometric_excess(values)
            print(
                f"  {policy:28} excess {100 * excess:7.3f} ({excess / base:6.3f})   "
                f"ratio {100 * geometric_ratio(values):7.3f}   worst cell {100 * max(values):8.2f}"
            )
    worst = max(
        ((1 + mean) / (1 + means[cell, count, PUBLISHED]) - 1, cell, count)
        for (cell, count, policy), mean in means.items()
        if policy == NEW
    )
    share = geometric_excess(over_cells(NEW)) / geometric_excess(over_cells(PUBLISHED))
    warm = geometric_ratio(over_cells(WARM))
    floored = sum(mean < LEAST_EXCESS for (_, _, policy), mean in means.items() if policy in (NEW, PUBLISHED))
    where = f"{', '.join(map(str, worst[1]))}, N {worst[2] or 'as published'}"
    targets = (
        (f"excess of {NEW} / zeus's: {share:.3f}, target <= 0.5 ({floored} cells floored)", share <= 0.5),
        (
            f"total cost of {NEW} / zeus's - 1, worst cell: {100 * worst[0]:.2f} % ({where}), target <= 2 %",
            worst[0] <= 0.02,
        ),
        (
            f"warm start, geometric mean of total / oracle's - 1: {100 * warm:.2f} %, target <= 1.5 %",
            warm <= 0.015,
        ),
    )
    print()
    for text, held in targets:
        print(f"{'held  ' if held else 'MISSED'}  {text}")
    return all(held for _, held in targets)


def geometric_excess(values: Iterable[float]) -> float:
    """Return the geometric mean of excesses."""
    return math.exp(statistics.fmean(math.log(max(value, LEAST_EXCESS)) for value in values))


def geometric_ratio(values: Iterable[float]) -> float:
    """Return the geometric mean of total cost over the oracle's, minus 1."""
    return math.expm1(statistics.fmean(math.log1p(value) for value in values))


def write_csv(path: Path, excesses: dict[tuple[Cell, str], Excesses]) -> None:
    """Write the mean excess of every cell and the standard error of that mean."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["traces", "workload", "gpu", "eta", "recurrences", "policy", "seeds", "excess", "standard_error"]
        )
        for (cell, policy), found in excesses.items():
            for count, values in found.items():
                error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
                row = [*cell, count or "published", policy, len(values)]
                writer.writerow([*row, f"{statistics.fmean(values):.6f}", f"{error:.6f}"])


if __name__ == "__main__":
    sys.exit(main())
