"""Energy and completion times of `energy-elastic` beside the other schedulers, paired over seeds.

Run ``python benchmarks/cluster_energy.py --jobs 2``: made-up workloads of 60 jobs with Poisson, diurnal and bursty
arrivals, at built-in step times. ``--published DIR`` adds the published workload, dealt out anew.
``--eta 0.5,0.6`` shows the frontier, ``--power-cap 12kW,8kW`` what caps cost, ``--may-mix`` what happens when every
job may run on several GPU types. Rows are mean ± 95 % confidence interval over seeds, relative to `easyscale-heter`
on the same jobs. The default eta was chosen with ``--seeds 100:130``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from elastance.runs import Provenance
from elastance.simulate.cluster import ClusterMeasures, simulate_cluster
from elastance.simulate.measures import Spread
from elastance.traces import ClusterWorkload, StepTimes, read_cluster, read_step_times
from elastance.traces.step_times import builtin_step_times
from elastance.traces.synthesize_cluster import Arrivals, ClusterParameters, draw_cluster_jobs

BASELINE = "easyscale-heter"
"""What everything is relative to; knows of no cap."""

PERIOD_S = 3600.0
"""A day of the diurnal workloads, so that 60 jobs see more than one."""

COLUMNS = ("mean JCT", "p99 JCT", "makespan", "energy", "fairness p95")
"""What is printed as a ratio."""


@dataclass(frozen=True)
class Row:
    """What a row of the table is of; picklable."""

    workload: str
    policy: str
    eta: float | None = None
    cap: str | None = None
    may_mix: bool = False

    def __str__(self) -> str:
        eta = "" if self.eta is None else f" eta {self.eta:g}"
        return f"{self.policy}{eta}{'' if self.cap is None else f' under {self.cap}'}"


@dataclass(frozen=True)
class Outcome:
    """One row on one seed."""

    ratios: dict[str, float]
    peak_w: float
    levels: dict[str, int]


def main() -> None:
    """Print a table per workload."""
    options = _options()
    workloads = options.workloads.split(",") + (["published"] if options.published else [])
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last))
    etas = [None] if options.eta is None else [float(eta) for eta in options.eta.split(",")]
    caps = [None] if options.power_cap is None else options.power_cap.split(",")
    rows = [
        Row(workload, policy, eta, cap, options.may_mix)
        for workload in workloads
        for policy in options.policies.split(",")
        for eta in (etas if policy == "energy-elastic" else [None])
        for cap in (caps if policy == "energy-elastic" else [None])
    ]
    tasks = [(row, seed, options.published) for row in rows for seed in seeds]
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(_outcome, *zip(*tasks, strict=True), chunksize=1))
    print(f"{len(seeds)} seeds, {options.seeds}, relative to {BASELINE}")
    for number, row in enumerate(rows):
        if number == 0 or rows[number - 1].workload != row.workload:
            print(f"\n{row.workload:34s} {' '.join(f'{name:>15s}' for name in COLUMNS)}    peak")
        _print_row(row, outcomes[number * len(seeds) : (number + 1) * len(seeds)])


def _print_row(row: Row, outcomes: list[Outcome]) -> None:
    cells: list[str] = []
    for name in COLUMNS:
        spread = Spread.of([of.ratios[name] for of in outcomes])
        cells.append(f"{spread.mean:7.3f} ± {spread.ci95 or 0.0:.3f}")
    levels: Counter[str] = sum((Counter(of.levels) for of in outcomes), Counter())
    peak_kw = sum(of.peak_w for of in outcomes) / len(outcomes) / 1e3
    print(
        f"{row!s:34s} {' '.join(f'{cell:>15s}' for cell in cells)} {peak_kw:4.1f} kW   "
        + ", ".join(f"{name} {count / len(outcomes):.1f}" for name, count in sorted(levels.items())),
        flush=True,
    )


def _outcome(row: Row, seed: int, published: Path | None) -> Outcome:
    measures, levels = _run(row, seed, published)
    before, _ = _run(Row(row.workload, BASELINE, may_mix=row.may_mix), seed, published)
    ratios = (
        measures.jct_s["mean"] / before.jct_s["mean"],
        measures.jct_s["p99"] / before.jct_s["p99"],
        measures.makespan_s / before.makespan_s,
        measures.energy_j / before.energy_j,
        measures.fairness["p95"] / before.fairness["p95"],
    )
    return Outcome(dict(zip(COLUMNS, ratios, strict=True)), measures.peak_power_w, levels)


@cache
def _run(row: Row, seed: int, published: Path | None) -> tuple[ClusterMeasures, dict[str, int]]:
    workload, times = _workload(row.workload, seed, published)
    if row.may_mix:
        jobs = tuple(replace(job, may_mix_types=True) for job in workload.jobs)
        workload = replace(workload, jobs=jobs)
    result = simulate_cluster(
        workload,
        policies=[row.policy],
        seeds=[seed if row.workload == "published" else 0],
        traces=times,
        power_cap=row.cap,
        eta=row.eta,
    )[row.policy]
    levels = Counter(str(job.determinism) for job in result.histories[0].jobs)
    return result.measures[0], dict(levels)


def _workload(name: str, seed: int, published: Path | None) -> tuple[ClusterWorkload, StepTimes]:
    if name == "published":
        assert published is not None
        return read_cluster(published / "workload.csv"), read_step_times(published / "step_times.json")
    arrivals = Arrivals(name)
    period_s = PERIOD_S if arrivals is Arrivals.DIURNAL else ClusterParameters.period_s
    jobs = draw_cluster_jobs(ClusterParameters(arrivals=arrivals, period_s=period_s), seed)
    return ClusterWorkload(Path("synthetic"), "", Provenance.MODEL, jobs), builtin_step_times()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", default="poisson,diurnal,burst", help="made-up ones, with commas")
    parser.add_argument("--published", type=Path, help="folder of the published workload and its step times")
    parser.add_argument("--policies", default="energy-elastic", help="with commas")
    parser.add_argument("--seeds", default="0:30", help="from:to, the last not included")
    parser.add_argument("--eta", help="eta knobs, with commas")
    parser.add_argument("--power-cap", help="caps, with commas")
    parser.add_argument("--may-mix", action="store_true", help="every job may run on several GPU types")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
