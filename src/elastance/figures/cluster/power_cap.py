"""A cap on the power of a cluster: who keeps it, and what it costs."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.cluster.facts import TRACES, made_up_jobs, step_times
from elastance.figures.cluster.looks import (
    BACKFILL,
    ENERGY,
    ENERGY_WORDS,
    HETER,
    HOMO,
    REPORTED,
    mean_of,
    paired,
    plus_minus,
    policy_colour,
)
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, near, reported
from elastance.figures.experiments.panels import MARKERS
from elastance.figures.experiments.statistics import seeds_in_words
from elastance.scheduling import PowerCap
from elastance.simulate.cluster import ClusterCase, Timeline, over_cap_s, run_cases, simulate_cluster
from elastance.simulate.measures import Spread
from elastance.traces.synthesize_cluster import Arrivals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate.cluster import CaseOutcome
    from elastance.traces import StepTimes

CAPS_KW = (4.0, 5.0, 6.0, 8.0, 10.0, 12.0)
"""Constant caps of the sweep, kW."""

POLICIES = (BACKFILL, HOMO, HETER, ENERGY)

SHOWN_SEED = 0
"""Seed of the trace whose power is shown over time."""

SHOWN_CAPS = {
    "constant": PowerCap.constant(8e3),
    "curve": PowerCap((0.0, 1800.0, 3600.0, 5400.0), (10e3, 5e3, 12e3, 7e3)),
}
"""Caps under which power is shown over time."""

OVER_TIME, SWEEP = "over time", "sweep"

_BASELINE = "easyscale-heter on the same trace, without a cap"


class CapRow(NamedTuple):
    """Power from `start_s` to `end_s` of one trace, or what a constant cap amounts to over traces."""

    part: str
    cap: str
    policy: str
    cap_w: float
    start_s: float | None
    end_s: float | None
    power_w: float | None
    traces: int
    jct_relative: float | None
    jct_ci95: float | None
    energy_relative: float | None
    energy_ci95: float | None
    over_cap_s: float
    over_cap_ci95: float | None


def compute(setting: Setting) -> Result[CapRow]:
    """Run one trace under a constant cap and a curve, and many traces under several constant caps."""
    times, seeds = step_times(setting), setting.seeds_or(TRACES)
    rows, exceeded_s = _over_time(times)
    free = [ClusterCase(made_up_jobs(Arrivals.POISSON, seed), policies=(HETER,)) for seed in seeds]
    capped = [
        ClusterCase(
            made_up_jobs(Arrivals.POISSON, seed), policies=POLICIES, cap=PowerCap.constant(1e3 * cap_kw)
        )
        for cap_kw in CAPS_KW
        for seed in seeds
    ]
    outcomes = run_cases([*free, *capped], times, jobs=setting.jobs, on_progress=setting.on_progress)
    baseline, rest = outcomes[: len(free)], outcomes[len(free) :]
    for number, cap_kw in enumerate(CAPS_KW):
        of_cap = rest[number * len(seeds) : (number + 1) * len(seeds)]
        rows += sweep_rows(cap_kw, of_cap, baseline)
    exceeded_s += sum(outcome[ENERGY].over_cap_s or 0.0 for outcome in rest)
    return Result(
        rows,
        cap_findings(rows, exceeded_s, len(rest) + len(SHOWN_CAPS), seeds),
        times.source,
        f"60 synthetic jobs, Poisson arrivals; 32 V100, 16 P100, 16 T4: at most 14.7 kW, at least 1.9 kW; interval "
        f"60 s; above: seed {SHOWN_SEED}; below: seeds {seeds_in_words(seeds, published=False)}",
        (
            f"Baseline: {_BASELINE}. Bars: 95 % intervals over traces. {ENERGY_WORDS}.",
            "Only energy-elastic knows of the cap; the others draw what they would without one.",
        ),
        synthetic=True,
    )


def _over_time(times: StepTimes) -> tuple[list[CapRow], float]:
    """Return power over time, and for how long `energy-elastic` was above a cap, s."""
    rows: list[CapRow] = []
    exceeded_s = 0.0
    for name, cap in SHOWN_CAPS.items():
        comparison = simulate_cluster(
            made_up_jobs(Arrivals.POISSON, SHOWN_SEED), policies=(HETER, ENERGY), traces=times, power_cap=cap
        )
        for result in comparison.policies:
            timeline = Timeline.of(result.histories[0])
            over_s = over_cap_s(timeline, cap)
            exceeded_s += over_s if result.policy == ENERGY else 0.0
            columns = (timeline.time_s[:-1], timeline.time_s[1:], timeline.power_w)
            rows += [
                CapRow(OVER_TIME, name, result.policy, cap.at(start_s), start_s, end_s, power_w, 1, None, None, None,
                       None, over_s, None)
                for start_s, end_s, power_w in zip(*(of.tolist() for of in columns), strict=True)
            ]  # fmt: skip
    return rows, exceeded_s


def sweep_rows(
    cap_kw: float,
    outcomes: Sequence[Mapping[str, CaseOutcome]],
    baseline: Sequence[Mapping[str, CaseOutcome]],
) -> list[CapRow]:
    """Return what a constant cap amounts to under every policy, relative to `easyscale-heter` without one."""
    rows: list[CapRow] = []
    for policy in POLICIES:
        jct = paired(
            [of[policy].measures.jct_s["mean"] for of in outcomes],
            [of[HETER].measures.jct_s["mean"] for of in baseline],
        )
        energy = paired(
            [of[policy].measures.energy_j for of in outcomes],
            [of[HETER].measures.energy_j for of in baseline],
        )
        over = Spread.of([of[policy].over_cap_s for of in outcomes])
        rows.append(
            CapRow(SWEEP, f"{cap_kw:g} kW", policy, 1e3 * cap_kw, None, None, None, len(outcomes), mean_of(jct),
                   jct.ci95, mean_of(energy), energy.ci95, mean_of(over), over.ci95)
        )  # fmt: skip
    return rows


def cap_findings(
    rows: Sequence[CapRow], exceeded_s: float, runs: int, seeds: Sequence[int]
) -> tuple[Finding, ...]:
    """Judge whether the cap was kept, and tell what it costs."""
    said = seeds_in_words(seeds, published=False)
    sweep = [row for row in rows if row.part == SWEEP]
    costs = [row for row in sweep if row.policy == ENERGY]
    others = [row for row in sweep if row.policy != ENERGY and row.cap_w == 8e3]
    return (
        Finding(
            "energy-elastic is never above the cap, at no instant",
            (near(f"s above it, in {runs} runs together", exceeded_s, 0.0, 0.0),),
            "",
            "4 to 12 kW, and a curve of 5 to 12 kW",
            said,
        ),
        Finding(
            "time above 8 kW of policies that know of no cap, mean",
            tuple(reported(f"{row.policy}{plus_minus(row.over_cap_ci95)}", row.over_cap_s) for row in others),
            "s",
            "none",
            said,
            REPORTED,
        ),
        Finding(
            "mean JCT of energy-elastic under a cap, and its energy",
            tuple(
                check
                for row in costs
                for check in (
                    reported(f"{row.cap}: JCT{plus_minus(row.jct_ci95)}", row.jct_relative or 0.0),
                    reported(f"energy{plus_minus(row.energy_ci95)}", row.energy_relative or 0.0),
                )
            ),
            "",
            _BASELINE,
            said,
            REPORTED,
        ),
    )


def draw(result: Result[CapRow], canvas: Canvas) -> None:
    """Above power over time, below what a constant cap costs."""
    grid = canvas.grid(2, 6, left=0.07, wspace=0.85, hspace=0.55)
    for number, name in enumerate(SHOWN_CAPS):
        axes = canvas.figure.add_subplot(grid[0, 3 * number : 3 * number + 3])
        _draw_power(
            axes, [row for row in result.rows if (row.part, row.cap) == (OVER_TIME, name)], canvas.look
        )
        axes.set_ylabel("kW" if number == 0 else "")
    sweep = [row for row in result.rows if row.part == SWEEP]
    panels = [canvas.figure.add_subplot(grid[1, 2 * number : 2 * number + 2]) for number in range(3)]
    for axes, quantity, title in (
        (panels[0], "jct", "mean JCT, heter uncapped = 1"),
        (panels[1], "energy", "energy, heter uncapped = 1"),
        (panels[2], "over", "time above the cap, min"),
    ):
        _draw_sweep(axes, sweep, quantity, canvas.look)
        axes.set_title(title, size=8.5)
        axes.set_xlabel("cap, kW")


def _draw_power(axes: Axes, rows: Sequence[CapRow], look: Theme) -> None:
    import numpy as np

    longest_min = max(row.end_s or 0.0 for row in rows) / 60.0
    for policy in (HETER, ENERGY):
        of_policy = [row for row in rows if row.policy == policy]
        bounds = [(row.start_s or 0.0) / 60.0 for row in of_policy] + [(of_policy[-1].end_s or 0.0) / 60.0]
        powers = np.array([(row.power_w or 0.0) / 1e3 for row in of_policy])
        colour = policy_colour(policy, look)
        minutes = of_policy[0].over_cap_s / 60.0
        name = policy.removeprefix("easyscale-")
        label = f"{name}, {minutes:.0f} min above" if minutes else f"{name}, never above"
        if policy == ENERGY:
            axes.stairs(powers, bounds, fill=True, color=colour, alpha=0.85, linewidth=0, label=label)
        else:
            axes.stairs(powers, bounds, color=colour, linewidth=0.8, label=label)
    cap = SHOWN_CAPS[rows[0].cap]
    bounds = [time_s / 60.0 for time_s in cap.time_s] + [max(longest_min, cap.time_s[-1] / 60.0) + 1.0]
    axes.stairs(
        np.array(cap.power_w) / 1e3, bounds, baseline=None, color=look.ink, linewidth=1.6, linestyle=(0, (3, 1.5)),
        label="cap",
    )  # fmt: skip
    axes.set_xlim(0, longest_min)
    axes.set_ylim(0, 19)
    axes.set_yticks([0, 5, 10, 15])
    axes.set_xlabel("time, min")
    constant = len(cap.time_s) == 1
    axes.set_title(f"power under a cap of {cap.power_w[0] / 1e3:g} kW" if constant else "power under a curve")
    axes.legend(loc="upper left", ncols=3, columnspacing=0.9, handlelength=1.3, borderaxespad=0.1, fontsize=7)


def _draw_sweep(axes: Axes, rows: Sequence[CapRow], quantity: str, look: Theme) -> None:
    name = {"jct": "jct_relative", "energy": "energy_relative", "over": "over_cap_s"}[quantity]
    margin = {"jct": "jct_ci95", "energy": "energy_ci95", "over": "over_cap_ci95"}[quantity]
    size = 60.0 if quantity == "over" else 1.0
    for place, policy in enumerate(POLICIES if quantity == "over" else (ENERGY,)):
        line = [row for row in rows if row.policy == policy]
        colour = policy_colour(policy, look)
        values = [(getattr(row, name) or 0.0) / size for row in line]
        axes.errorbar(
            [row.cap_w / 1e3 for row in line], values, yerr=[(getattr(row, margin) or 0.0) / size for row in line],
            fmt=MARKERS[place], linestyle="-", color=colour, markersize=4, linewidth=1.2, elinewidth=1.0,
            label=policy.removeprefix("easyscale-"),
        )  # fmt: skip
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_xticks([4, 6, 8, 10, 12])
    if quantity == "jct":
        axes.set_yscale("log")
        axes.set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
        axes.minorticks_off()
    if quantity == "over":
        axes.set_ylim(-4, 1.5 * max(row.over_cap_s for row in rows) / 60.0)
        axes.legend(loc="upper right", fontsize=7, handlelength=1.4, labelspacing=0.25, borderaxespad=0.0)
    else:
        axes.axhline(1.0, color=look.ink, linewidth=0.8, linestyle=(0, (3, 2)))


EXPERIMENT = Experiment(
    "cluster/power-cap",
    "new here",
    "A cap on the power of the cluster: kept, and at what price",
    "energy-elastic is never above the cap, constant or a curve; the others' time above it is told",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=5.0,
)
