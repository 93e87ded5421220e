"""What if the cluster had other GPUs: as many of them, or of the same peak power."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.cluster.facts import TRACES, made_up_jobs, step_times
from elastance.figures.cluster.looks import (
    BACKFILL,
    ENERGY,
    ENERGY_WORDS,
    HETER,
    REPORTED,
    mean_of,
    paired,
    plus_minus,
    policy_colour,
)
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, at_most, reported
from elastance.figures.experiments.panels import Estimate, draw_estimates
from elastance.figures.experiments.statistics import lacking_seeds, seeds_in_words
from elastance.simulate.cluster import PUBLISHED_CLUSTER, ClusterCase, ClusterPower, ClusterShape, run_cases
from elastance.simulate.measures import Spread
from elastance.traces.synthesize_cluster import Arrivals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.simulate.cluster import CaseOutcome
    from elastance.traces import ClusterWorkload

POLICIES = (BACKFILL, HETER, ENERGY)

MIXES = {
    PUBLISHED_CLUSTER: "as published",
    "v100=64": "as many GPUs",
    "v100=32,t4=32": "as many GPUs",
    "v100=16,p100=16,t4=32": "as many GPUs",
    "t4=64": "as many GPUs",
    "v100=49": "same peak power",
    "v100=24,t4=107": "same peak power",
    "t4=210": "same peak power",
}
"""Clusters, and what they have in common with the published one."""

_QUANTITIES = {
    "jct_s": ("mean JCT, min", 60.0),
    "makespan_s": ("makespan, min", 60.0),
    "energy_j": ("energy, MJ", 1e6),
}
"""Title and unit of each panel."""


class MixRow(NamedTuple):
    """A scheduler on a cluster: mean and 95 % interval over traces."""

    cluster: str
    kept: str
    gpus: int
    peak_power_w: float
    policy: str
    traces: int
    jct_s: float
    jct_s_ci95: float | None
    makespan_s: float
    makespan_s_ci95: float | None
    energy_j: float
    energy_j_ci95: float | None


def compute(setting: Setting) -> Result[MixRow]:
    """Simulate the same jobs on every cluster."""
    times, seeds = step_times(setting), setting.seeds_or(TRACES)
    cases = [
        ClusterCase(rehomed(made_up_jobs(Arrivals.POISSON, seed), ClusterShape.parse(cluster)), cluster=cluster,
                    policies=POLICIES)
        for cluster in MIXES
        for seed in seeds
    ]  # fmt: skip
    outcomes = run_cases(cases, times, jobs=setting.jobs, on_progress=setting.on_progress)
    of_mix = {
        cluster: outcomes[number * len(seeds) : (number + 1) * len(seeds)]
        for number, cluster in enumerate(MIXES)
    }
    return Result(
        [row for cluster, reached in of_mix.items() for row in mix_rows(cluster, reached)],
        mix_findings(of_mix, seeds),
        times.source,
        f"60 synthetic jobs, Poisson arrivals, interval 60 s; seeds {seeds_in_words(seeds, published=False)}",
        (
            "A job with more logical workers than GPUs of its preferred type prefers the most numerous type.",
            f"{ENERGY_WORDS}. Bars: 95 % intervals over traces.",
        ),
        synthetic=True,
    )


def rehomed(workload: ClusterWorkload, shape: ClusterShape) -> ClusterWorkload:
    """Return the jobs as they could run on another cluster.

    A job whose preferred GPU type has fewer GPUs there than it has logical workers prefers the most numerous type.
    """
    there = dict(zip(shape.types, shape.counts, strict=True))
    most = max(there, key=lambda of: there[of])
    jobs = tuple(
        job if there.get(job.preferred_gpu, 0) >= job.logical_workers else replace(job, preferred_gpu=most)
        for job in workload.jobs
    )
    return replace(workload, jobs=jobs)


def mix_rows(cluster: str, outcomes: Sequence[Mapping[str, CaseOutcome]]) -> list[MixRow]:
    """Return a row per scheduler."""
    shape = ClusterShape.parse(cluster)
    busy_w = ClusterPower.assumed(shape.types).busy_w
    peak_w = sum(count * power_w for count, power_w in zip(shape.counts, busy_w, strict=True))
    rows: list[MixRow] = []
    for policy in POLICIES:
        jct, makespan, energy = (Spread.of(values(outcomes, policy, of)) for of in _QUANTITIES)
        rows.append(
            MixRow(cluster, MIXES[cluster], shape.size, peak_w, policy, len(outcomes), mean_of(jct), jct.ci95,
                   mean_of(makespan), makespan.ci95, mean_of(energy), energy.ci95)
        )  # fmt: skip
    return rows


def values(outcomes: Sequence[Mapping[str, CaseOutcome]], policy: str, quantity: str) -> list[float]:
    """Return a quantity of a policy, one per trace."""
    measures = [of[policy].measures for of in outcomes]
    return [of.jct_s["mean"] if quantity == "jct_s" else float(getattr(of, quantity)) for of in measures]


def mix_findings(
    outcomes: Mapping[str, Sequence[Mapping[str, CaseOutcome]]], seeds: Sequence[int]
) -> tuple[Finding, ...]:
    """Judge whether `energy-elastic` saves on every cluster, and tell by how much, and what other GPUs would do."""

    def relative(cluster: str, quantity: str, policy: str, to: str, base: str) -> Spread:
        return paired(values(outcomes[cluster], policy, quantity), values(outcomes[base], to, quantity))

    said = seeds_in_words(seeds, published=False)
    saved = {cluster: relative(cluster, "energy_j", ENERGY, HETER, cluster) for cluster in outcomes}
    slower = {cluster: relative(cluster, "jct_s", ENERGY, HETER, cluster) for cluster in outcomes}
    others = [cluster for cluster in outcomes if cluster != PUBLISHED_CLUSTER]
    return (
        Finding(
            "energy-elastic takes less energy than easyscale-heter on every cluster",
            tuple(
                at_most(f"{cluster}{plus_minus(of.ci95)}", mean_of(of), 1.0) for cluster, of in saved.items()
            ),
            "",
            "easyscale-heter on the same cluster and trace",
            said,
            lacking_seeds(seeds, ()),
        ),
        Finding(
            "energy and mean JCT of energy-elastic, by cluster",
            tuple(
                check
                for cluster in outcomes
                for check in (
                    reported(f"{cluster}: energy{plus_minus(saved[cluster].ci95)}", mean_of(saved[cluster])),
                    reported(f"JCT{plus_minus(slower[cluster].ci95)}", mean_of(slower[cluster])),
                )
            ),
            "",
            "easyscale-heter on the same cluster and trace",
            said,
            REPORTED,
        ),
        Finding(
            "energy and mean JCT under energy-elastic on other clusters",
            tuple(
                reported(f"{cluster}: {name}{plus_minus(of.ci95)}", mean_of(of))
                for cluster in others
                for name, quantity in (("energy", "energy_j"), ("JCT", "jct_s"))
                for of in (relative(cluster, quantity, ENERGY, ENERGY, PUBLISHED_CLUSTER),)
            ),
            "",
            f"energy-elastic on {PUBLISHED_CLUSTER}, same trace",
            said,
            REPORTED,
        ),
    )


def draw(result: Result[MixRow], canvas: Canvas) -> None:
    """A row per cluster, a panel per quantity, a mark per scheduler."""
    clusters = list(dict.fromkeys(row.cluster for row in result.rows))
    names = [_cluster_name(next(row for row in result.rows if row.cluster == of)) for of in clusters]
    colours = {policy: policy_colour(policy, canvas.look) for policy in POLICIES}
    grid = canvas.grid(1, len(_QUANTITIES), left=0.195, wspace=0.12, above_in=0.6)
    for number, (quantity, (title, unit)) in enumerate(_QUANTITIES.items()):
        axes = canvas.figure.add_subplot(grid[number])
        series = {
            policy: [
                Estimate(getattr(row, quantity) / unit, (getattr(row, f"{quantity}_ci95") or 0.0) / unit)
                for cluster in clusters
                for row in result.rows
                if (row.cluster, row.policy) == (cluster, policy)
            ]
            for policy in POLICIES
        }
        draw_estimates(axes, names, series, colours, canvas.look)
        axes.tick_params(labelleft=number == 0)
        axes.set_xlim(0, None)
        axes.set_title(title)
    canvas.legend(3)


def _cluster_name(row: MixRow) -> str:
    return f"{ClusterShape.parse(row.cluster)}\n{row.gpus} GPUs, {row.peak_power_w / 1e3:.1f} kW"


EXPERIMENT = Experiment(
    "cluster/gpu-mix",
    "new here",
    "The same jobs on clusters of other GPUs",
    "energy-elastic takes less energy than easyscale-heter on every cluster; the rest is told",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=5.2,
)
