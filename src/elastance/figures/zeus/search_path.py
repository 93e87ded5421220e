"""Figure 8: expected cost of every configuration, and the order in which one run of the policy tried them."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, near
from elastance.figures.experiments.setting import unjudged_by
from elastance.figures.experiments.statistics import seeds_in_words
from elastance.figures.zeus.baselines import DEFAULT, EXPECTED, ORACLE, PACKAGE
from elastance.simulate import simulate_history

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate import History, Task
    from elastance.traces import SourceRecord

GPU = "v100"
WORKLOADS = ("librispeech", "imagenet")
SEED = 1

_DEAREST = 3.0
"""Costs from this multiple of the oracle's on share a colour."""

_LEGEND = (
    "Numbers: order of the first tries of zeus, bold where it ran most often. Square: default; star: oracle; "
    "hatched: never reaches the target."
)


class PathRow(NamedTuple):
    """One configuration: what it costs, and when it was tried."""

    workload: str
    gpu: str
    seed: int
    batch_size: int
    power_limit_w: int
    expected_cost_j: float
    relative_to_oracle: float
    first_tried: int | None
    runs: int
    default: bool


def compute(setting: Setting) -> Result[PathRow]:
    """Replay one seed of the published policy on two workloads."""
    seed = setting.seeds_or((SEED,))[0]
    tasks = {workload: setting.task(workload, GPU, published=True) for workload in WORKLOADS}
    histories = {workload: simulate_history(task, "zeus", seed) for workload, task in tasks.items()}
    source = setting.record([GPU])
    return Result(
        [row for workload, task in tasks.items() for row in _rows(workload, task, histories[workload])],
        (_finding(histories, seed, source),),
        source,
        f"{GPU.upper()}, eta 0.5, beta 2, seed {seeds_in_words([seed], published=True)}",
        (
            _LEGEND,
            f"{DEFAULT}. {ORACLE}. {EXPECTED}.",
        ),
    )


def _rows(workload: str, task: Task, history: History) -> list[PathRow]:
    visits = [(record.batch_size, record.power_limit_w) for record in history.records]
    order = {key: number for number, key in enumerate(dict.fromkeys(visits), start=1)}
    own = (task.default.batch_size, task.default.power_limit_w)
    return [
        PathRow(
            workload,
            GPU,
            history.seed,
            *key,
            at.cost_j,
            at.cost_j / task.oracle.cost_j,
            order.get(key),
            visits.count(key),
            key == own,
        )
        for key, at in task.table.items()
    ]


def _finding(histories: dict[str, History], seed: int, source: SourceRecord) -> Finding:
    """The recorded histories are known by their digests: equal bytes, every joule and second included."""
    checks = [
        near(
            f"{row['workload']}, histories that differ",
            0 if history_digest(histories[row["workload"]]) == row["sha256"] else 1,
            0,
            0,
        )
        for row in expected_rows(PACKAGE, "search_path")
    ]
    other = "" if seed == SEED else f"the recorded histories are of seed {SEED}"
    return Finding(
        "every run equals the recorded history of the published simulator, float for float",
        tuple(checks),
        "",
        f"recorded histories of zeus 0.16.0 on NumPy 2.4.6, seed {SEED}",
        seeds_in_words([seed], published=True),
        unjudged_by(source) or other,
    )


def history_digest(history: History) -> str:
    """Return the SHA-256 of the rows of `history` as JSON."""
    return hashlib.sha256(json.dumps(history.rows()).encode()).hexdigest()


def draw(result: Result[PathRow], canvas: Canvas) -> None:
    """A heat map per workload: sizes upwards, limits to the right."""
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    workloads = list(dict.fromkeys(row.workload for row in result.rows))
    grid = canvas.grid(
        1, len(workloads) + 1, width_ratios=[*[1.0] * len(workloads), 0.035], wspace=0.2, right=0.91
    )
    colours = ScalarMappable(LogNorm(1.0, _DEAREST, clip=True), mpl.colormaps["cividis"])
    for number, workload in enumerate(workloads):
        axes = canvas.figure.add_subplot(grid[number])
        _draw_workload(axes, [row for row in result.rows if row.workload == workload], colours, canvas.look)
        axes.set_ylabel("batch size" if number == 0 else "")
    bar = canvas.figure.colorbar(colours, cax=canvas.figure.add_subplot(grid[len(workloads)]))
    ticks = [1.0, 1.5, 2.0, _DEAREST]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks[:-1]] + [f"≥ {_DEAREST:g}"])
    bar.ax.minorticks_off()
    bar.set_label("expected cost, oracle = 1")


def _draw_workload(axes: Axes, rows: Sequence[PathRow], colours: ScalarMappable, look: Theme) -> None:
    from matplotlib.patches import Rectangle

    sizes = sorted({row.batch_size for row in rows})
    limits = sorted({row.power_limit_w for row in rows})
    shade: Callable[[float], tuple[float, float, float, float]] = colours.to_rgba  # pyright: ignore[reportAssignmentType]
    most_run = max(rows, key=lambda row: row.runs)
    for row in rows:
        x, y = limits.index(row.power_limit_w), sizes.index(row.batch_size)
        never = math.isinf(row.relative_to_oracle)
        red, green, blue, _ = shade(_DEAREST if never else row.relative_to_oracle)
        fill = look.paper if never else (red, green, blue)
        cell = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=fill, edgecolor=look.paper, linewidth=1)
        if never:
            cell.set(hatch="///", edgecolor=look.faint, linewidth=0)
        axes.add_patch(cell)
        ink = look.ink if never else "#000000" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "#ffffff"
        if row.relative_to_oracle == 1.0:
            axes.plot(x + 0.33, y, marker="*", markersize=6, color=ink)
        if row.default:
            axes.plot(x - 0.33, y, marker="s", markersize=4, color=ink)
        if row.first_tried:
            weight = "bold" if row is most_run else "normal"
            number = axes.text(x, y, str(row.first_tried), ha="center", va="center", color=ink, weight=weight)
            if never:
                number.set_bbox({"facecolor": look.paper, "edgecolor": "none", "pad": 2})
    tried = sum(row.first_tried is not None for row in rows)
    axes.set_title(f"{rows[0].workload}: tried {tried} of {len(rows)}")
    axes.set_xlim(-0.5, len(limits) - 0.5)
    axes.set_ylim(-0.5, len(sizes) - 0.5)
    axes.set_xticks(range(len(limits)), [str(limit) for limit in limits])
    axes.set_yticks(range(len(sizes)), [str(size) for size in sizes])
    axes.tick_params(length=0)
    axes.set_xlabel("power limit, W")


EXPERIMENT = Experiment(
    "zeus/search-path",
    "Zeus, Figure 8",
    "Where one search went",
    "the path of seed 1 equals the recorded history of that run, float for float",
    Kind.EXACT,
    compute,
    draw,
    height_in=4.4,
)
