"""Figure 9: energy and time of groups of overlapping jobs, as they add up."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, at_most, near, reported
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.experiments.statistics import seeds_in_words
from elastance.figures.labels import policy_label, shortened
from elastance.figures.style import plain_number
from elastance.figures.zeus.baselines import DEFAULT, GRID, PACKAGE
from elastance.runs import Provenance
from elastance.simulate import simulate_groups
from elastance.simulate.group_comparison import workload_of
from elastance.traces import read_groups
from elastance.traces.synthesize_groups import GroupParameters, synthesize_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate import GroupComparison
    from elastance.traces import GroupTrace, SourceRecord

GPU = "v100"
SEEDS = (0,)
REPLAY, NORMAL = "replay", "normal"

SYNTHETIC_SEED = 0
"""Seed of the groups that are made up where the user has none."""

EXPECTED_FOR = "cd6b9654bb7ba05706770b08620f42ff295600872ad976841a5b55f014cb785e"
"""SHA-256 of the group file that the expected numbers belong to: 18 synthetic groups, 745 submissions."""

_TOLERANCE = 0.001
"""Expected ratios are rounded to thousandths."""

_PAPER = (
    "on Alibaba's trace energy 7 to 52 % less, time 6 to 57 % less per workload (paper, unverified); here energy "
    "relative to default"
)


class ClusterRow(NamedTuple):
    """Sums so far relative to the default's, after so many submissions of a workload have ended."""

    workload: str
    gpu: str
    mode: str
    policy: str
    ended: int
    energy_relative: float
    time_relative: float


def compute(setting: Setting) -> Result[ClusterRow]:
    """Simulate a group file, as published and in normal mode."""
    trace = _synthetic_groups() if setting.groups is None else read_groups(setting.groups)
    seeds = setting.seeds_or(SEEDS)
    compared = {
        mode: simulate_groups(
            trace,
            GPU,
            policies=policies,
            seeds=seeds,
            traces=setting.source,
            compat=mode == REPLAY,
            jobs=setting.jobs,
            on_progress=setting.on_progress,
        )
        for mode, policies in ((REPLAY, ("zeus",)), (NORMAL, ("zeus", "grid")))
    }
    facts = setting.record([GPU])
    made_up = trace.provenance is Provenance.MODEL or trace.sha256 == EXPECTED_FOR
    kind = "synthetic groups, not the paper's" if made_up else "groups"
    overlapping = compared[NORMAL].default.totals()[0].overlapping
    return Result(
        [row for mode, comparison in compared.items() for row in _rows(mode, comparison)],
        tuple(_findings(compared, trace, facts, seeds, made_up=made_up)),
        facts,
        f"{GPU.upper()}, eta 0.5, beta 2; {kind} in {shortened(trace.path.name, 40)} (sha256 {trace.sha256[:12]}): "
        f"{len(trace.groups)} groups, {trace.submissions} submissions, {overlapping} overlapping; "
        f"seeds {', '.join(map(str, seeds))}",
        (f"{DEFAULT}, for every submission. {GRID}.",),
        synthetic=made_up,
    )


def _synthetic_groups() -> GroupTrace:
    """Make the groups that ``elastance data synthesize groups`` makes unless told otherwise."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"synthetic-groups-seed-{SYNTHETIC_SEED}.csv"
        synthesize_groups(path, GroupParameters(), seed=SYNTHETIC_SEED)
        return replace(read_groups(path), path=Path(path.name))


def _rows(mode: str, comparison: GroupComparison) -> list[ClusterRow]:
    rows: list[ClusterRow] = []
    for result in comparison.policies:
        for dataset in comparison.datasets:
            energy, time = (
                comparison.cumulative(result, quantity, dataset).tolist()
                for quantity in ("energy_j", "time_s")
            )
            rows += [
                ClusterRow(workload_of(dataset), GPU, mode, result.policy, ended, *so_far)
                for ended, so_far in enumerate(zip(energy, time, strict=True), start=1)
            ]
    return rows


def _findings(
    compared: dict[str, GroupComparison],
    trace: GroupTrace,
    facts: SourceRecord,
    seeds: Sequence[int],
    *,
    made_up: bool,
) -> list[Finding]:
    replay, normal = compared[REPLAY], compared[NORMAL]
    other_groups = "" if trace.sha256 == EXPECTED_FOR else "the expected numbers belong to another group file"
    other_seeds = "" if tuple(seeds) == SEEDS else "the expected numbers belong to seed 0"

    def relative(comparison: GroupComparison, quantity: str, dataset: str | None = None) -> float:
        return comparison.relative(comparison["zeus"], comparison.default, quantity, dataset).mean or 0.0

    found = {workload_of(dataset): dataset for dataset in replay.datasets}
    checks = [
        near(f"{row['workload']}, {quantity}", relative(replay, field, found[row["workload"]]),
             float(row[f"{quantity}_relative"]), _TOLERANCE)
        for row in expected_rows(PACKAGE, "cluster")
        if row["workload"] in found
        for quantity, field in (("energy", "energy_j"), ("time", "time_s"))
    ]  # fmt: skip
    in_total = [
        at_most(f"{name} in normal mode", relative(normal, field), relative(replay, field))
        for name, field in (("energy", "energy_j"), ("time", "time_s"), ("cost", "cost_j"))
    ]
    shown = [
        reported(workload_of(dataset), relative(normal, "energy_j", dataset)) for dataset in normal.datasets
    ]
    alone = seeds_in_words(seeds, published=False)
    unjudged = "the groups are synthetic" if made_up else "the paper's group file is not public here"
    return [
        Finding(
            f"sums per workload relative to default, recomputed, within {_TOLERANCE}",
            tuple(checks),
            "",
            f"{DEFAULT}, for every submission",
            seeds_in_words(seeds, published=True),
            other_groups or unjudged_by(facts) or other_seeds,
        ),
        Finding(
            "normal mode is at least as good in total as the published rules",
            tuple(in_total),
            "of default's",
            "the published simulator replayed on the same groups",
            alone,
        ),
        Finding(_PAPER, tuple(shown), "", f"{DEFAULT}, for every submission", alone, unjudged),
    ]


def draw(result: Result[ClusterRow], canvas: Canvas) -> None:
    """A panel per workload: sums so far, as submissions end."""
    workloads = list(dict.fromkeys(row.workload for row in result.rows))
    height = -(-len(workloads) // 3)
    grid = canvas.grid(height, 3, above_in=0.75, wspace=0.2, hspace=0.42, left=0.08)
    for number, workload in enumerate(workloads):
        axes = canvas.figure.add_subplot(grid[divmod(number, 3)])
        _draw_workload(axes, [row for row in result.rows if row.workload == workload], canvas.look)
        axes.set_ylabel("sum so far, default = 1" if number % 3 == 0 else "")
        axes.set_xlabel("submissions ended" if number + 3 >= len(workloads) else "")
    canvas.legend(3)


def _draw_workload(axes: Axes, rows: Sequence[ClusterRow], look: Theme) -> None:
    colours = {
        ("zeus", NORMAL): look.policies["zeus"],
        ("grid", NORMAL): look.policies["grid"],
        ("zeus", REPLAY): look.faint,
    }
    ends: list[float] = []
    for (policy, mode), colour in colours.items():
        line = [row for row in rows if (row.policy, row.mode) == (policy, mode)]
        name = policy_label(policy) + (", published rules" if mode == REPLAY else "")
        ended = [row.ended for row in line]
        axes.plot(ended, [row.energy_relative for row in line], color=colour, label=f"{name}: energy")
        axes.plot(
            ended, [row.time_relative for row in line], color=colour, linestyle=(0, (2, 1.2)), linewidth=1.1,
            label=f"{name}: time",
        )  # fmt: skip
        if policy == "zeus":
            ends += [of for row in line for of in (row.energy_relative, row.time_relative)]
            ends.append(line[-1].energy_relative)
    axes.axhline(1.0, color=look.ink, linewidth=0.8, linestyle=(0, (4, 2)))
    last = [row for row in rows if (row.policy, row.mode) == ("zeus", NORMAL)][-1]
    axes.set_title(f"{rows[0].workload}: energy {plain_number(last.energy_relative)}")
    axes.set_xlim(0, max(row.ended for row in rows))
    # Grid Search may take a hundred times as much; it leaves through the top.
    axes.set_ylim(min(0.9, *ends) - 0.08, min(max(1.1, *ends), 2.0) + 0.08)


EXPERIMENT = Experiment(
    "zeus/cluster",
    "Zeus, Figure 9",
    "Groups of overlapping jobs: energy and time as they add up",
    "sums per workload of the reference groups to the last digit; normal mode at least as good in total; synthetic",
    Kind.SYNTHETIC,
    compute,
    draw,
    height_in=5.4,
)
