"""A Gantt chart of a simulated cluster: when each job waited, and on which GPU types it ran."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.schedules import HEADER_IN, headed_figure, policy_name
from elastance.figures.style import drawing, find_theme
from elastance.simulate.cluster import Activity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elastance.figures.style import Theme
    from elastance.simulate.cluster import ClusterComparison, ClusterHistory

MOST_ROWS = 80
"""Jobs that can be told apart in a panel; of more, those in the middle are shown."""

GPU_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#f0e442", "#999999")
"""Colours of GPU types, in the order of the cluster: those of Okabe and Ito, which areas can have undarkened."""

_ROW_IN, _BETWEEN_IN, _LEGEND_IN = 0.026, 0.42, 0.3


class Bar(NamedTuple):
    """A piece of a job's row.

    Attributes:
        row: Which row.
        start_s, end_s: From when to when, s.
        gpu: Number of the GPU type.
        low, high: Which part of the row's height: the type's share of the GPUs the job holds.
        training: Whether it trains there; else it restarts, or holds them for nothing.
    """

    row: int
    start_s: float
    end_s: float
    gpu: int
    low: float
    high: float
    training: bool


def shown_jobs(history: ClusterHistory) -> list[int]:
    """Return the numbers of the jobs that get a row, in order of submission: all, or those in the middle."""
    order = sorted(range(len(history.jobs)), key=lambda number: (history.jobs[number].submit_s, number))
    first = _first_row(len(order))
    return order[first : first + MOST_ROWS]


def _first_row(jobs: int) -> int:
    """Return which job, in order of submission, gets the first row."""
    return max(0, (jobs - MOST_ROWS) // 2)


def job_bars(history: ClusterHistory, jobs: Sequence[int]) -> Iterator[Bar]:
    """Return what the jobs held when; on several types at once, one piece each, as high as its share."""
    rows = {number: row for row, number in enumerate(jobs)}
    for phase in history.phases:
        if phase.job not in rows:
            continue
        low, held = 0.0, sum(phase.gpus)
        for gpu, count in enumerate(phase.gpus):
            if count:
                high = low + count / held
                training = phase.activity is Activity.TRAINING
                yield Bar(rows[phase.job], phase.start_s, phase.end_s, gpu, low, high, training)
                low = high


def draw_cluster_gantt(comparison: ClusterComparison, *, theme: str = "light") -> Figure:
    """Draw, for the first seed of every policy, when each job waited and on which GPU types it ran.

    Of many jobs the middle ones are shown, from the first submission among them to their last end.

    Args:
        comparison: What `elastance.simulate.cluster.simulate_cluster` returned.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    look = find_theme(theme)
    histories = [result.histories[0] for result in comparison.policies]
    panel = max(0.7, _ROW_IN * len(shown_jobs(histories[0])))
    between = _BETWEEN_IN * (len(histories) - 1)
    height = HEADER_IN + _LEGEND_IN + 0.35 + panel * len(histories) + between + 0.45
    with drawing(look):
        figure = headed_figure(comparison, height)
        _legend(figure, comparison, look, 1 - (HEADER_IN + 0.12) / height)
        grid = figure.add_gridspec(
            len(histories), 1, left=0.1, right=0.985, hspace=_BETWEEN_IN / panel, bottom=0.45 / height,
            top=1 - (HEADER_IN + _LEGEND_IN + 0.35) / height,
        )  # fmt: skip
        bounds_min = _shown_time(histories)
        for number, (result, history) in enumerate(zip(comparison.policies, histories, strict=True)):
            axes = figure.add_subplot(grid[number, 0])
            _draw_jobs(axes, history, look)
            axes.set_xlim(*bounds_min)
            axes.set_title(_panel_title(policy_name(result.policy), history))
            axes.tick_params(labelbottom=number + 1 == len(histories))
        figure.axes[-1].set_xlabel("time, min")
        figure.draw_without_rendering()
    return figure


def _panel_title(policy: str, history: ClusterHistory) -> str:
    jobs, first = len(history.jobs), _first_row(len(history.jobs))
    return policy if not first else f"{policy}: jobs {first + 1:,} to {first + MOST_ROWS:,} of {jobs:,}"


def _shown_time(histories: Sequence[ClusterHistory]) -> tuple[float, float]:
    """Return from when to when all shown jobs wait or run, min."""
    shown = [history.jobs[number] for history in histories for number in shown_jobs(history)]
    first_s = min(job.submit_s for job in shown) if _first_row(len(histories[0].jobs)) else 0.0
    return first_s / 60.0, max(job.end_s for job in shown) / 60.0


def _draw_jobs(axes: Axes, history: ClusterHistory, look: Theme) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    jobs = shown_jobs(history)
    waits = [
        [(history.jobs[number].submit_s / 60.0, row), (history.jobs[number].end_s / 60.0, row)]
        for row, number in enumerate(jobs)
    ]
    axes.add_collection(LineCollection(waits, colors=look.faint, linewidths=0.7, zorder=1))
    pieces: dict[tuple[int, bool], list[list[tuple[float, float]]]] = {}
    for bar in job_bars(history, jobs):
        left, right = bar.start_s / 60.0, bar.end_s / 60.0
        top, bottom = (bar.row - 0.45 + 0.9 * share for share in (bar.low, bar.high))
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        pieces.setdefault((bar.gpu, bar.training), []).append(corners)
    for (gpu, training), corners in sorted(pieces.items()):
        colour = GPU_COLOURS[gpu % len(GPU_COLOURS)]
        shapes = PolyCollection(corners, facecolors=colour, linewidths=0.0, alpha=1.0 if training else 0.4)
        shapes.set_zorder(3 if training else 2)
        axes.add_collection(shapes)
    axes.set_ylim(len(jobs) - 0.4, -0.6)
    step = next(of for of in (1, 2, 5, 10, 20) if len(jobs) <= 5 * of or of == 20)
    places = range(step - 1, len(jobs), step)
    first = _first_row(len(history.jobs))
    axes.set_yticks(list(places), [f"{first + place + 1:,}" for place in places])
    axes.set_ylabel("job")


def _legend(figure: Figure, comparison: ClusterComparison, look: Theme, y: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    types = [name.upper() for name in comparison.cluster.types]
    handles = [Patch(color=colour, label=name) for name, colour in zip(types, GPU_COLOURS, strict=False)]
    handles += [
        Patch(color=GPU_COLOURS[0], alpha=0.4, label="restarting, or held for nothing"),
        Line2D([], [], color=look.faint, linewidth=1.0, label="submitted, holds no GPU"),
    ]
    figure.legend(handles=handles, loc="center left", bbox_to_anchor=(0.09, y), ncols=8, handlelength=1.4)
