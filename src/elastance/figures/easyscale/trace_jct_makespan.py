"""Figure 14: job completion time and makespan of the published trace, replayed and with honest baselines."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.cluster.facts import TRACES, ClusterFacts, cluster_facts
from elastance.figures.cluster.looks import (
    BACKFILL,
    GANG,
    HETER,
    HOMO,
    REPORTED,
    mean_of,
    paired,
    plus_minus,
    policy_colour,
)
from elastance.figures.easyscale.replayed import (
    INTERVALS_S,
    PACKAGE,
    RECORDED,
    replay_findings,
    replayed_cases,
)
from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, at_least, at_most, reported
from elastance.figures.experiments.panels import MARKERS
from elastance.figures.experiments.statistics import lacking_seeds, seeds_in_words
from elastance.figures.style import plain_number
from elastance.simulate.cluster import PUBLISHED_POLICIES, ClusterCase, run_cases
from elastance.simulate.measures import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate.cluster import CaseOutcome

PUBLISHED, REPLAYED, CORRECTED, GAIN = "published figure", "replayed", "corrected", "gain over fifo-backfill"

COMPARED = ("yarn-cs", *GANG, HOMO, HETER)

WANTED_GAIN = 1.5
"""Makespan of `fifo-backfill` over that of `easyscale-heter`, at least."""

_SHIPPED = "yarn-cs: one job at a time, as published; gang ones give a job a GPU per logical worker or none"


class TraceRow(NamedTuple):
    """Job completion time and makespan, s; in `GAIN` the baseline's over the policy's."""

    mode: str
    interval_s: int
    policy: str
    seeds: int
    jct: float
    jct_ci95: float | None
    makespan: float
    makespan_ci95: float | None
    mean_gpus: float | None


def compute(setting: Setting) -> Result[TraceRow]:
    """Replay the published simulator at five intervals; then deal the jobs out anew under every scheduler."""
    facts = cluster_facts(setting)
    seeds = setting.seeds_or(TRACES)
    dealt = [ClusterCase(facts.workload, seed, policies=COMPARED) for seed in seeds]
    outcomes = run_cases(
        [*replayed_cases(facts), *dealt], facts.times, jobs=setting.jobs, on_progress=setting.on_progress
    )
    replays: dict[int, dict[str, CaseOutcome]] = dict(zip(INTERVALS_S, outcomes, strict=False))
    rows = [*_published_rows(), *_recorded_rows(), *_replayed_rows(replays)]
    rows += corrected_rows(outcomes[len(INTERVALS_S) :])
    return Result(
        rows,
        (*replay_findings(replays, facts), *corrected_findings(outcomes[len(INTERVALS_S) :], seeds, facts)),
        facts.source,
        f"{facts.jobs_in_words} on 32 V100, 16 P100, 16 T4; above: published simulator replayed, interval 60 s; "
        f"below: event by event, 20 s per start or change of plan, jobs dealt anew over the submission times, seeds "
        f"{seeds_in_words(seeds, published=False)}",
        (
            f"{_SHIPPED}; srtf knows run times in advance. Error bars: 95 % intervals over traces.",
            "recorded: the artifact's own simulator, on step times rebuilt from its authors' measurements.",
        ),
        synthetic=not facts.has_trace,
    )


def _published_rows() -> list[TraceRow]:
    return [
        TraceRow(PUBLISHED, 60, row["policy"], 1, float(row["jct_s"]), None, float(row["makespan_s"]), None,
                 float(row["mean_gpus"]) if row["mean_gpus"] else None)
        for row in expected_rows(PACKAGE, "trace_published")
    ]  # fmt: skip


def _recorded_rows() -> list[TraceRow]:
    return [
        TraceRow(RECORDED, int(row["interval_s"]), row["policy"], 1, float(row["jct_s"]), None,
                 float(row["makespan_s"]), None, float(row["mean_gpus"]))
        for row in expected_rows(PACKAGE, "trace_replay")
    ]  # fmt: skip


def _replayed_rows(replays: Mapping[int, Mapping[str, CaseOutcome]]) -> list[TraceRow]:
    return [
        TraceRow(REPLAYED, interval_s, policy, 1, of.measures.jct_s["mean"], None, of.measures.makespan_s, None,
                 of.measures.mean_allocated_gpus)
        for interval_s, outcomes in replays.items()
        for policy, of in outcomes.items()
    ]  # fmt: skip


def corrected_rows(outcomes: Sequence[Mapping[str, CaseOutcome]]) -> list[TraceRow]:
    """Return the mean of every policy over traces, then its gain over `fifo-backfill`, trace by trace."""
    rows: list[TraceRow] = []
    for mode in (CORRECTED, GAIN):
        for policy in COMPARED:
            jct, makespan = (
                Spread.of(quantity(outcomes, policy, name))
                if mode == CORRECTED
                else paired(quantity(outcomes, BACKFILL, name), quantity(outcomes, policy, name))
                for name in ("jct", "makespan")
            )
            gpus = Spread.of([of[policy].measures.mean_allocated_gpus for of in outcomes])
            rows.append(
                TraceRow(mode, 60, policy, len(outcomes), mean_of(jct), jct.ci95, mean_of(makespan), makespan.ci95,
                         gpus.mean if mode == CORRECTED else None)
            )  # fmt: skip
    return rows


def quantity(outcomes: Sequence[Mapping[str, CaseOutcome]], policy: str, name: str) -> list[float]:
    """Return mean job completion times or makespans of a policy, one per trace, s."""
    measures = [of[policy].measures for of in outcomes]
    return [of.makespan_s if name == "makespan" else of.jct_s["mean"] for of in measures]


def corrected_findings(
    outcomes: Sequence[Mapping[str, CaseOutcome]], seeds: Sequence[int], facts: ClusterFacts
) -> tuple[Finding, ...]:
    """Judge the claims about the corrected model."""

    def gain(policy: str, name: str, over: str = BACKFILL) -> Spread:
        return paired(quantity(outcomes, over, name), quantity(outcomes, policy, name))

    said = seeds_in_words(seeds, published=False)
    unjudged = facts.unjudged or lacking_seeds(seeds, ())
    makespan, better = gain(HETER, "makespan"), gain(HOMO, "jct", HETER)
    jct = {policy: gain(policy, "jct") for policy in (HETER, HOMO, "srtf")}
    return (
        Finding(
            f"easyscale-heter's makespan gain over fifo-backfill is at least {WANTED_GAIN}",
            (at_least(f"mean of the gains{plus_minus(makespan.ci95)}", mean_of(makespan), WANTED_GAIN),),
            "",
            "fifo-backfill on the same trace: gang, whatever fits starts",
            said,
            unjudged,
        ),
        Finding(
            "mean JCT of easyscale-heter is below that of easyscale-homo, on the mean over traces",
            (at_most(f"ratio{plus_minus(better.ci95)}", mean_of(better), 1.0),),
            "",
            "easyscale-homo on the same trace",
            said,
            unjudged,
        ),
        Finding(
            "gain in mean JCT over fifo-backfill",
            tuple(reported(f"{policy}{plus_minus(of.ci95)}", mean_of(of)) for policy, of in jct.items()),
            "",
            "fifo-backfill on the same trace; srtf is not elastic",
            said,
            REPORTED,
        ),
    )  # fmt: skip


def draw(result: Result[TraceRow], canvas: Canvas) -> None:
    """Above the replay beside what was published and recorded, below the corrected model."""
    grid = canvas.grid(2, 3, left=0.125, right=0.945, wspace=0.12, hspace=0.5, height_ratios=(1.0, 1.7))
    panels = [canvas.figure.add_subplot(grid[divmod(number, 3)]) for number in range(6)]
    rows = [row for row in result.rows if row.interval_s == 60]
    _draw_replay(panels[0], rows, "jct", canvas.look)
    _draw_replay(panels[1], rows, "makespan", canvas.look)
    _draw_intervals(panels[2], result.rows, canvas.look)
    panels[0].legend(loc="upper left", bbox_to_anchor=(-0.02, -0.02), ncols=3, columnspacing=1.2)
    panels[0].set_title("mean JCT, s")
    panels[1].set_title("makespan, s")
    _draw_bars(panels[3], [row for row in rows if row.mode == CORRECTED], "jct", canvas.look)
    _draw_bars(panels[4], [row for row in rows if row.mode == CORRECTED], "makespan", canvas.look)
    _draw_gain(panels[5], [row for row in rows if row.mode == GAIN], canvas.look)
    panels[3].set_title("corrected: mean JCT, s")
    panels[4].set_title("corrected: makespan, s")
    for number in (1, 4, 5):
        panels[number].tick_params(labelleft=False)


def _draw_replay(axes: Axes, rows: Sequence[TraceRow], name: str, look: Theme) -> None:
    colours = {PUBLISHED: look.faint, RECORDED: look.policies["grid"], REPLAYED: look.policies["zeus"]}
    for place, (mode, colour) in enumerate(colours.items()):
        values = [float(getattr(row, name)) for row in rows if row.mode == mode]
        at = [number + 0.24 * (place - 1) for number in range(len(values))]
        axes.plot(values, at, MARKERS[place], color=colour, markersize=5, label=mode)
        for value, y in zip(values, at, strict=True):
            axes.annotate(
                f"{value:,.0f}", (value, y), (5, -0.5), textcoords="offset points", va="center", size=7
            )
    axes.set_yticks(range(len(PUBLISHED_POLICIES)), PUBLISHED_POLICIES)
    axes.set_ylim(len(PUBLISHED_POLICIES) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.set_xlim(0, 1.3 * max(float(getattr(row, name)) for row in rows if row.mode == PUBLISHED))


def _draw_intervals(axes: Axes, rows: Sequence[TraceRow], look: Theme) -> None:
    """Recorded makespans as open diamonds, replayed ones as squares on a line; the elastic policies only."""
    marks = {
        RECORDED: (look.policies["grid"], "D", 7, "none"),
        REPLAYED: (look.policies["zeus"], "s", 4, None),
    }
    for policy in (HOMO, HETER):
        for mode, (colour, marker, size, fill) in marks.items():
            line = [row for row in rows if (row.mode, row.policy) == (mode, policy)]
            axes.plot(
                [INTERVALS_S.index(row.interval_s) for row in line],
                [row.makespan for row in line],
                marker=marker,
                markersize=size,
                markerfacecolor=fill or colour,
                color=colour,
                linewidth=1.2 if mode == REPLAYED else 0,
                linestyle="-" if policy == HETER else (0, (3, 1.5)),
            )
        first = next(row for row in rows if (row.mode, row.policy) == (RECORDED, policy))
        above = policy == HOMO
        axes.annotate(
            policy, (0, first.makespan), (-4, 9 if above else -9), textcoords="offset points",
            va="bottom" if above else "top", size=7,
        )  # fmt: skip
    axes.yaxis.tick_right()
    axes.spines["right"].set_visible(True)
    axes.spines["left"].set_visible(False)
    axes.set_xticks(range(len(INTERVALS_S)), [f"{of} s" for of in INTERVALS_S])
    axes.set_xlim(-0.35, len(INTERVALS_S) - 0.65)
    axes.set_ylim(4600, 6100)
    axes.set_title("makespan, s, by interval")


def _draw_bars(axes: Axes, rows: Sequence[TraceRow], name: str, look: Theme) -> None:
    for number, row in enumerate(rows):
        value, margin = float(getattr(row, name)), getattr(row, f"{name}_ci95") or 0.0
        axes.barh(number, value, 0.68, color=policy_colour(row.policy, look))
        if margin:
            axes.errorbar(value, number, xerr=margin, color=look.ink, elinewidth=0.9, capsize=2)
        axes.annotate(
            f"{value:,.0f}", (value + margin, number), (3, 0), textcoords="offset points", va="center", size=7
        )
    _policy_rows(axes, rows)
    axes.tick_params(axis="x", length=0, labelbottom=False)
    axes.set_xlim(0, 1.22 * max(float(getattr(row, name)) for row in rows))


def _draw_gain(axes: Axes, rows: Sequence[TraceRow], look: Theme) -> None:
    """Filled: makespan, with the wanted gain as a line; open: mean JCT."""
    for number, row in enumerate(rows):
        colour = policy_colour(row.policy, look)
        for name, shift, fill in (("makespan", -0.16, colour), ("jct", 0.16, look.paper)):
            axes.errorbar(
                getattr(row, name), number + shift, xerr=getattr(row, f"{name}_ci95") or 0.0, fmt="o", color=colour,
                markerfacecolor=fill, markersize=4.5, elinewidth=1.2,
            )  # fmt: skip
        axes.annotate(
            plain_number(row.makespan), (row.makespan - (row.makespan_ci95 or 0.0), number - 0.16), (-5, 0),
            textcoords="offset points", ha="right", va="center", size=7,
        )  # fmt: skip
    axes.axvline(WANTED_GAIN, color=look.ink, linewidth=0.9, linestyle=(0, (3, 2)))
    _policy_rows(axes, rows)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 1.5, 2, 4], ["0.5", "1", "1.5", "2", "4"])
    axes.minorticks_off()
    axes.set_xlim(0.33, None)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    axes.set_title("gain: ● makespan, ○ JCT")
    axes.set_xlabel(f"over fifo-backfill; dashed: {WANTED_GAIN}")


def _policy_rows(axes: Axes, rows: Sequence[TraceRow]) -> None:
    axes.set_yticks(range(len(rows)), [row.policy for row in rows])
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)


EXPERIMENT = Experiment(
    "easyscale/trace-jct-makespan",
    "EasyScale, Figure 14",
    "Completion times and makespan of a trace, against honest baselines",
    "replay at 60 s: makespan within 3 %, mean GPUs 5 %, JCT 10 % of the recorded; makespans in its "
    f"order; corrected: heter's makespan gain over fifo-backfill at least {WANTED_GAIN}; JCT below homo's",
    Kind.STATISTICAL,
    compute,
    draw,
    height_in=4.8,
)
