"""Energy and mean job completion time of every scheduler, over many traces of several kinds."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.cluster.facts import TRACES, cluster_facts, made_up_jobs
from elastance.figures.cluster.looks import (
    ENERGY,
    ENERGY_WORDS,
    GANG,
    HETER,
    HOMO,
    mean_of,
    paired,
    plus_minus,
    policy_colour,
)
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, at_most, near
from elastance.figures.experiments.statistics import lacking_seeds, seeds_in_words
from elastance.figures.labels import PointLabel, label_points
from elastance.scheduling.energy_elastic import DEFAULT_ETA
from elastance.simulate.cluster import ClusterCase, run_cases
from elastance.traces.synthesize_cluster import Arrivals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

    from elastance.figures.cluster.facts import ClusterFacts
    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate.cluster import CaseOutcome

POLICIES = (*GANG, HOMO, HETER, ENERGY)

ETAS = (0.0, 0.4, 0.5, 0.7, 0.8)
"""Eta knobs of the frontier, besides the scheduler's own."""

MOST_ENERGY, LONGEST_JCT = 0.85, 1.05
"""What `energy-elastic` may take, of what `easyscale-heter` does."""

PUBLISHED = "published, dealt anew"

_BASELINE = "easyscale-heter on the same trace"


class PlaneRow(NamedTuple):
    """A scheduler at an eta knob (none: its own) relative to `easyscale-heter`, mean over traces."""

    arrivals: str
    policy: str
    eta: float | None
    traces: int
    jct_relative: float
    jct_ci95: float | None
    energy_relative: float
    energy_ci95: float | None
    makespan_relative: float
    p99_jct_relative: float
    pareto_optimal: bool


def compute(setting: Setting) -> Result[PlaneRow]:
    """Simulate every scheduler, and the frontier of one, on traces of every kind."""
    facts = cluster_facts(setting)
    seeds = setting.seeds_or(TRACES)
    kinds = [*(arrivals.value for arrivals in Arrivals), *([PUBLISHED] if facts.has_trace else [])]
    cells = [(kind, seed, eta) for kind in kinds for seed in seeds for eta in (None, *ETAS)]
    outcomes = run_cases(
        [_case(facts, *cell) for cell in cells],
        facts.times,
        jobs=setting.jobs,
        on_progress=setting.on_progress,
    )
    rows: list[PlaneRow] = []
    for kind in kinds:
        of_kind: dict[tuple[str, float | None], list[CaseOutcome]] = {}
        for (of, _, eta), outcome in zip(cells, outcomes, strict=True):
            for policy, reached in outcome.items() if of == kind else ():
                of_kind.setdefault((policy, eta), []).append(reached)
        rows += plane_rows(kind, of_kind)
    return Result(
        rows,
        plane_findings(rows, seeds),
        facts.source if facts.has_trace else facts.times.source,
        f"60 synthetic jobs in the published mix{' and the published workload' if facts.has_trace else ''}; 32 V100, "
        f"16 P100, 16 T4; interval 60 s; seeds {seeds_in_words(seeds, published=False)}",
        (
            f"Baseline: {_BASELINE}. Crosses: 95 % intervals. Line: energy-elastic by eta (0: only time).",
            f"{ENERGY_WORDS}. Shaded: what energy-elastic is to reach.",
        ),
        synthetic=True,
    )


def _case(facts: ClusterFacts, kind: str, seed: int, eta: float | None) -> ClusterCase:
    policies = POLICIES if eta is None else (ENERGY,)
    if kind == PUBLISHED:
        return ClusterCase(facts.workload, seed, policies=policies, eta=eta)
    return ClusterCase(made_up_jobs(Arrivals(kind), seed), policies=policies, eta=eta)


def plane_rows(
    arrivals: str, outcomes: Mapping[tuple[str, float | None], Sequence[CaseOutcome]]
) -> list[PlaneRow]:
    """Return a row per scheduler and eta knob, each trace relative to `easyscale-heter` on it."""
    quantities = {
        key: [
            (
                of.measures.jct_s["mean"],
                of.measures.energy_j,
                of.measures.makespan_s,
                of.measures.jct_s["p99"],
            )
            for of in reached
        ]
        for key, reached in outcomes.items()
    }
    baseline = list(zip(*quantities[HETER, None], strict=True))
    rows: list[PlaneRow] = []
    for (policy, eta), values in quantities.items():
        jct, energy, makespan, p99 = (
            paired(of, base) for of, base in zip(zip(*values, strict=True), baseline, strict=True)
        )
        rows.append(
            PlaneRow(arrivals, policy, eta, len(values), mean_of(jct), jct.ci95, mean_of(energy), energy.ci95,
                     mean_of(makespan), mean_of(p99), pareto_optimal=False)
        )  # fmt: skip
    return [row._replace(pareto_optimal=not beaten_by(row, rows)) for row in rows]


def beaten_by(row: PlaneRow, rows: Sequence[PlaneRow]) -> list[str]:
    """Return the other policies that take neither more energy nor more time, and less of one, on the means."""
    at = (row.jct_relative, row.energy_relative)
    return [
        of.policy
        for of in rows
        if of.policy != row.policy
        and of.jct_relative <= at[0]
        and of.energy_relative <= at[1]
        and (of.jct_relative, of.energy_relative) != at
    ]


def plane_findings(rows: Sequence[PlaneRow], seeds: Sequence[int]) -> tuple[Finding, ...]:
    """Judge the claims on every kind of traces."""
    said, unjudged = seeds_in_words(seeds, published=False), lacking_seeds(seeds, ())
    found: list[Finding] = []
    beaten = 0
    for kind in dict.fromkeys(row.arrivals for row in rows):
        of_kind = [row for row in rows if row.arrivals == kind]
        (own,) = (row for row in of_kind if row.policy == ENERGY and row.eta is None)
        beaten += len(beaten_by(own, of_kind))
        found.append(
            Finding(
                f"{kind}: energy-elastic takes at least 15 % less energy at a mean JCT at most 5 % higher",
                (
                    at_most(f"energy{plus_minus(own.energy_ci95)}", own.energy_relative, MOST_ENERGY),
                    at_most(f"mean JCT{plus_minus(own.jct_ci95)}", own.jct_relative, LONGEST_JCT),
                ),
                "",
                _BASELINE,
                said,
                unjudged,
            )
        )
    found.append(
        Finding(
            "energy-elastic is on the Pareto front of energy and mean JCT against every other policy, of means",
            (near("policies, over all kinds of traces, that are better in both", beaten, 0, 0),),
            "",
            ", ".join(policy for policy in POLICIES if policy != ENERGY),
            said,
            unjudged,
        )
    )
    return tuple(found)


def draw(result: Result[PlaneRow], canvas: Canvas) -> None:
    """A plane per kind of traces; the better, the nearer to the lower left."""
    kinds = list(dict.fromkeys(row.arrivals for row in result.rows))
    columns = 2 if len(kinds) == 4 else len(kinds)
    grid = canvas.grid(-(-len(kinds) // columns), columns, left=0.075, wspace=0.08, hspace=0.28)
    jct = [row.jct_relative + (row.jct_ci95 or 0.0) for row in result.rows]
    energy = [
        row.energy_relative + sign * (row.energy_ci95 or 0.0) for row in result.rows for sign in (-1, 1)
    ]
    for number, kind in enumerate(kinds):
        axes = canvas.figure.add_subplot(grid[divmod(number, columns)])
        axes.set_xscale("log")
        axes.set_xlim(0.93 * min(row.jct_relative for row in result.rows), 1.12 * max(jct))
        axes.set_ylim(min(energy) - 0.04, max(energy) + 0.04)
        axes.set_title(f"{kind}")
        ticks = [
            of for of in (0.7, 1, 1.5, 2, 3, 4, 6, 8, 12) if axes.get_xlim()[0] < of < axes.get_xlim()[1]
        ]
        axes.set_xticks(ticks, [f"{of:g}" for of in ticks])
        axes.minorticks_off()
        _draw_plane(axes, [row for row in result.rows if row.arrivals == kind], canvas.look)
        axes.set_ylabel("energy, heter = 1" if number % columns == 0 else "")
        axes.set_xlabel("mean JCT, easyscale-heter = 1" if number + columns >= len(kinds) else "")
        axes.tick_params(labelleft=number % columns == 0)


def _draw_plane(axes: Axes, rows: Sequence[PlaneRow], look: Theme) -> None:
    axes.fill_between([1e-3, LONGEST_JCT], 0.0, MOST_ENERGY, color=look.energy, alpha=0.1, linewidth=0)
    axes.grid(linewidth=0.4, alpha=0.4)
    axes.set_axisbelow(True)
    frontier = sorted(
        (row for row in rows if row.policy == ENERGY),
        key=lambda row: DEFAULT_ETA if row.eta is None else row.eta,
    )
    axes.plot(
        [row.jct_relative for row in frontier], [row.energy_relative for row in frontier], color=look.energy,
        linewidth=1.1, zorder=3,
    )  # fmt: skip
    labels: list[PointLabel] = []
    for row in rows:
        at = (row.jct_relative, row.energy_relative)
        colour = policy_colour(row.policy, look)
        of_frontier = row.eta is not None
        axes.errorbar(
            *at, xerr=row.jct_ci95 or 0.0, yerr=row.energy_ci95 or 0.0, fmt="o", color=colour,
            markersize=3 if of_frontier else 6, elinewidth=0.6 if of_frontier else 1.2, zorder=4,
            markerfacecolor=look.paper if of_frontier else colour,
        )  # fmt: skip
        ink = colour if row.policy in {HOMO, HETER, ENERGY} else look.ink
        style = {"color": ink, "size": 6.5 if of_frontier else 8}
        style |= {"weight": "bold"} if row.policy == ENERGY and not of_frontier else {}
        text = _eta_name(row.eta) if row.eta is not None else row.policy.removeprefix("easyscale-")
        labels.append(PointLabel(text, at, 6.0, not of_frontier, style))
    labels.sort(key=lambda label: not label.needed)
    label_points(axes, labels, _marks(axes, rows, frontier))


def _eta_name(eta: float) -> str:
    return f"eta {eta:g}" if eta == ETAS[0] else f"{eta:g}"


def _marks(axes: Axes, rows: Sequence[PlaneRow], frontier: Sequence[PlaneRow]) -> list[Bbox]:
    """What labels must not cover, in pixels: marks, their intervals, and the frontier."""
    from matplotlib.transforms import Bbox

    def place(jct: float, energy: float) -> tuple[float, float]:
        x, y = axes.transData.transform((jct, energy))
        return float(x), float(y)

    boxes: list[Bbox] = []
    for row in rows:
        x, y = place(row.jct_relative, row.energy_relative)
        right, top = place(
            row.jct_relative + (row.jct_ci95 or 0.0), row.energy_relative + (row.energy_ci95 or 0.0)
        )
        boxes += [
            Bbox.from_bounds(x - 4, y - 4, 8, 8),
            Bbox.from_extents(2 * x - right, y - 1, right, y + 1),
            Bbox.from_extents(x - 1, 2 * y - top, x + 1, top),
        ]
    for one, other in pairwise(frontier):
        (x0, y0), (x1, y1) = (place(of.jct_relative, of.energy_relative) for of in (one, other))
        boxes += [
            Bbox.from_bounds(x0 + (x1 - x0) * step / 12 - 1, y0 + (y1 - y0) * step / 12 - 1, 2, 2)
            for step in range(13)
        ]
    return boxes


EXPERIMENT = Experiment(
    "cluster/energy-vs-jct",
    "new here",
    "Energy and mean job completion time of every scheduler",
    "energy-elastic takes at least 15 % less energy than easyscale-heter at a mean JCT at most 5 % higher, and is on "
    "the Pareto front, on Poisson, diurnal and burst arrivals",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=5.6,
)
