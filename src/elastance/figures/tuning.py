"""The picture of a tuned recurring job: what each run was given and came to, and the energy so far."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from elastance.figures.labels import set_fitting_title, shortened
from elastance.figures.style import WIDTH_INCHES, Theme, drawing, find_theme, quantity, unit_for
from elastance.train.tuning.results import Status
from elastance.train.tuning.savings import Default, Spent, break_even, default_of, spent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elastance.train.tuning.job import TuningJob

_HEIGHT = 5.3
_TITLE_PX = 715.0
_LAST = 5
"""The size a job has come to is the most frequent among so many last recurrences (as in the simulator)."""


def draw_tuning(job: TuningJob, history: Sequence[dict[str, Any]], *, theme: str = "light") -> Figure:
    """Draw the batch size and fate of every run, and the energy of all runs against always the default.

    Args:
        job: The job.
        history: Its runs, as `TuningStore.history` returned them.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look = find_theme(theme)
    sums, default = spent(history), default_of(job, history)
    with drawing(look):
        figure = Figure(figsize=(WIDTH_INCHES, _HEIGHT))
        FigureCanvasAgg(figure)
        _title(figure, job, history, sums)
        rows = figure.add_gridspec(
            2, 1, height_ratios=(1.0, 1.25), hspace=0.36, left=0.09, right=0.98,
            bottom=0.5 / _HEIGHT, top=1 - 1.2 / _HEIGHT,
        )  # fmt: skip
        sizes = figure.add_subplot(rows[0])
        energy = figure.add_subplot(rows[1], sharex=sizes)
        _draw_sizes(sizes, job, history, look)
        _draw_energy(energy, job, sums, default, look)
        last = max((at.recurrence for at in sums), default=0) + 1
        sizes.set_xlim(0.4, last + 0.6)
        sizes.tick_params(labelbottom=False)
        figure.draw_without_rendering()
    return figure


def _title(figure: Figure, job: TuningJob, history: Sequence[dict[str, Any]], sums: Sequence[Spent]) -> None:
    """Say what was run, and where the joules come from."""
    reached = sums[-1].reached if sums else 0
    sources = {source for run in history for source in (run["source"] or "").split(",") if source}
    made_up = sorted({"model", "replay"} & sources)
    joules = (
        f"simulated joules ({', '.join(made_up)}), not measured on hardware" if made_up else "measured joules"
    )
    settings = (
        f"target {shortened(job.target, 40)} within {job.max_epochs} epochs, eta {job.eta:g}, beta {job.beta:g}, "
        f"policy {shortened(job.policy, 40)}"
    )
    heading = f"{shortened(job.name, 40)}: {reached} recurrences, {len(history)} runs"
    figure.text(0.012, 1 - 0.11 / _HEIGHT, heading, size=12, weight="bold", va="top")
    figure.text(0.012, 1 - 0.34 / _HEIGHT, joules, va="top", alpha=0.8)
    figure.text(0.012, 1 - 0.51 / _HEIGHT, settings, va="top", alpha=0.8)


def _draw_sizes(axes: Axes, job: TuningJob, history: Sequence[dict[str, Any]], look: Theme) -> None:
    """One mark per run."""
    from matplotlib.ticker import FixedLocator, NullLocator

    colour = look.policy_colours([job.policy])[job.policy]
    axes.axhline(
        job.default_batch_size,
        color=look.ink,
        linewidth=1,
        linestyle=(0, (4, 2)),
        label="your own batch size",
    )
    kinds: tuple[tuple[str, tuple[Status, ...], str, dict[str, Any]], ...] = (
        ("reached the target", (Status.REACHED,), "o", {"color": colour, "markeredgewidth": 0}),
        ("missed or stopped", (Status.MISSED,), "x", {"color": look.ink, "markeredgewidth": 1.3}),
        (
            "failed or killed",
            (Status.FAILED, Status.KILLED),
            "v",
            {"color": look.faint, "markeredgewidth": 0},
        ),
        ("running", (Status.RUNNING,), "o", {"color": colour, "markerfacecolor": look.paper}),
    )
    marker_size = min(5.0, max(1.5, 700.0 / max(len(history), 1)))
    for name, statuses, marker, style in kinds:
        drawn = [run for run in history if run["status"] in statuses]
        axes.plot(
            [run["recurrence"] + 1 for run in drawn],
            [run["batch_size"] for run in drawn],
            marker,
            markersize=marker_size,
            label=name if drawn else f"_{name}",
            **style,
        )
    axes.set_yscale("log", base=2)
    axes.set_ylim(job.batch_sizes[0] / 1.4, job.batch_sizes[-1] * 1.4)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(FixedLocator(list(job.batch_sizes)))
    axes.set_yticks(list(job.batch_sizes), [str(size) for size in job.batch_sizes])
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    axes.set_ylabel("batch size")
    axes.set_title(_come_to(history), pad=20)
    _legend(axes)


def _come_to(history: Sequence[dict[str, Any]]) -> str:
    reached = [run for run in history if run["status"] == Status.REACHED]
    if not reached:
        return "no run has reached the target yet"
    last = sorted(reached, key=lambda run: run["recurrence"])[-_LAST:]
    size, count = Counter(run["batch_size"] for run in last).most_common(1)[0]
    return f"batch size {size} in {count} of the last {len(last)} recurrences"


def _draw_energy(
    axes: Axes, job: TuningJob, sums: Sequence[Spent], default: Default | None, look: Theme
) -> None:
    """Energy of all runs so far, and that of as many runs at the default with its standard error."""
    from matplotlib.ticker import MaxNLocator

    always_j = default.energy_j + (default.energy_error_j or 0.0) if default is not None else 0.0
    largest = max([1.0, *(at.energy_j for at in sums), *(at.reached * always_j for at in sums)])
    unit, size = unit_for(largest, "J")
    numbers = [at.recurrence + 1 for at in sums]
    title = "energy so far"
    if default is not None and sums:
        mean = [at.reached * default.energy_j / size for at in sums]
        runs = f"{default.runs} run{'' if default.runs == 1 else 's'}"
        label = f"always batch size {job.default_batch_size}: mean of {runs} there, {quantity(default.energy_j, 'J')}"
        if default.energy_error_j is not None:
            error = [at.reached * default.energy_error_j / size for at in sums]
            low, high = ([m + sign * e for m, e in zip(mean, error, strict=True)] for sign in (-1, 1))
            axes.fill_between(numbers, low, high, color=look.ink, alpha=0.15, linewidth=0)
            label += " (band: standard error)"
        axes.plot(numbers, mean, color=look.ink, linestyle=(0, (4, 2)), linewidth=1, label=label)
        title = _saved(sums, default)
    axes.plot(
        numbers, [at.energy_j / size for at in sums], color=look.energy, marker="o", markersize=3.0,
        markeredgewidth=0, label="all runs of the job",
    )  # fmt: skip
    if default is not None and sums:
        _mark_break_even(axes, sums, default, look)
    axes.set_ylim(0, largest / size * 1.08)
    axes.set_ylabel(f"energy so far, {unit}")
    axes.set_xlabel("recurrence")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    set_fitting_title(axes, [title, "energy so far"], _TITLE_PX, pad=21)
    _legend(axes)


def _saved(sums: Sequence[Spent], default: Default) -> str:
    always_j = sums[-1].reached * default.energy_j
    if not always_j:
        return "energy so far"
    share = 100.0 * (1.0 - sums[-1].energy_j / always_j)
    word = "less" if share >= 0 else "more"
    return f"exploration included, {abs(share):.0f} % {word} energy than always the default batch size"


def _mark_break_even(axes: Axes, sums: Sequence[Spent], default: Default, look: Theme) -> None:
    at = break_even(sums, "energy_j", default.energy_j)
    if at is None:
        return
    axes.axvline(at, color=look.faint, linewidth=0.9)
    # Below sums, which rise to the right; on the side where there is room.
    is_late = at > 0.7 * len(sums)
    axes.annotate(
        f"breaks even\nat recurrence {at}", (at, 0.05), (-6 if is_late else 6, 0), textcoords="offset points",
        xycoords=axes.get_xaxis_transform(), va="bottom", ha="right" if is_late else "left", size=7.5,
    )  # fmt: skip


def _legend(axes: Axes) -> None:
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.006, 1.0), ncols=5, handletextpad=0.4, columnspacing=1.4,
        borderaxespad=0, borderpad=0.25,
    )  # fmt: skip
