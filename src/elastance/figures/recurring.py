"""The picture of a simulated recurring job: what each recurrence took, the regret, and the search path."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from elastance.figures.energy_time_plane import draw_plane, leading_policy
from elastance.figures.style import WIDE_RANGE, WIDTH_INCHES, Theme, drawing, find_theme, quantity, spread_out
from elastance.policies import PolicyKind, find_policy
from elastance.runs import Provenance
from elastance.simulate import Spread
from elastance.simulate.measures import cost_per_recurrence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from elastance.runs import RunRecord
    from elastance.simulate import Comparison, History, PolicyResult


def draw_recurring(comparison: Comparison, *, theme: str = "light") -> Figure:
    """Draw a comparison: recurrences of the first deciding policy, regret of all, and the energy-time plane.

    Raises:
        InputError: There is no such theme.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look = find_theme(theme)
    with drawing(look):
        figure = Figure(figsize=(WIDTH_INCHES, 8.2))
        FigureCanvasAgg(figure)
        upper, lower = figure.add_gridspec(
            2, 1, height_ratios=(1.15, 1), hspace=0.3, left=0.085, right=0.975, top=0.895, bottom=0.065
        )
        strips = upper.subgridspec(2, 1, height_ratios=(1.25, 1), hspace=0.12)
        planes = lower.subgridspec(1, 2, wspace=0.27)
        consumption = figure.add_subplot(strips[0])
        choice = figure.add_subplot(strips[1], sharex=consumption)
        _title(figure, comparison, look)
        _draw_recurrences(figure, consumption, choice, comparison, look)
        _draw_regret(figure.add_subplot(planes[0]), comparison, look)
        draw_plane(figure.add_subplot(planes[1]), comparison, look)
    return figure


def _colours(comparison: Comparison, look: Theme) -> dict[str, str]:
    """A colour per policy: grey for the baselines, so that colours are left for what decides."""
    colours: dict[str, str] = {}
    series = iter(look.series * len(comparison.policies))
    for result in comparison.policies:
        baseline = find_policy(result.policy).kind is PolicyKind.BASELINE
        colours[result.policy] = look.ink if baseline else next(series)
    return colours


def _title(figure: Figure, comparison: Comparison, look: Theme) -> None:
    problem = comparison.task.problem
    job = problem.job
    model = comparison.source.provenance is Provenance.MODEL
    seeds = len(comparison.policies[0].histories)
    figure.text(
        0.012,
        0.982,
        f"{job.network} on {job.dataset}, {comparison.gpu.upper()}: {comparison.task.recurrences} recurrences",
        size=12,
        weight="bold",
        va="top",
    )
    facts = {
        "builtin": "built-in models fitted to the public Zeus traces",
        "cache": "public Zeus traces",
    }.get(comparison.source.kind.value, f"traces in {comparison.source.path}")
    figure.text(
        0.012,
        0.953,
        f"Simulated. Facts: {facts}{' (model, not measured)' if model else ''}. "
        f"eta {problem.cost.eta:g}, beta {problem.beta:g}, target {job.target_metric:g}, b0 "
        f"{job.default_batch_size}, {seeds} seed{'s' if seeds > 1 else ''}"
        + (", published simulator replayed" if comparison.task.published else "")
        + ".",
        size=8,
        va="top",
        color=look.ink,
        alpha=0.75,
    )


def _say_instead(axes: Axes, text: str, look: Theme) -> None:
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=look.ink, alpha=0.7)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_recurrences(
    figure: Figure, consumption: Axes, choice: Axes, comparison: Comparison, look: Theme
) -> None:
    """Energy and time of every recurrence of the leading policy, and under it what was chosen."""
    leading = leading_policy(comparison)
    if leading is None or not comparison.task.recurrences:
        reason = "no recurrences" if leading else "only baselines: nothing was decided"
        for axes in (consumption, choice):
            _say_instead(axes, reason, look)
        return
    history = leading.histories[0]
    final = leading.measures[0].final
    ends = f", ends at batch size {final[0]}, {final[1]} W" if final else ""
    consumption.set_title(f"{leading.policy}, seed {history.seed}{ends}")
    _draw_consumption(consumption, history, comparison, look)
    _draw_choice(figure, choice, history.records, look)


def _draw_consumption(axes: Axes, history: History, comparison: Comparison, look: Theme) -> None:
    default, count = comparison.task.default, comparison.task.recurrences
    energy, time, retried = [0.0] * count, [0.0] * count, [False] * count
    for record in history.records:
        energy[record.recurrence] += record.energy_j / default.energy_j
        time[record.recurrence] += record.time_s / default.time_s
        retried[record.recurrence] |= not record.reached
    numbers = range(1, count + 1)
    usual = f"{default.batch_size}, {default.power_limit_w} W: {quantity(default.energy_j, 'J')}"
    axes.axhline(
        1.0,
        color=look.ink,
        linewidth=1,
        linestyle=(0, (4, 2)),
        zorder=1,
        label=f"default ({usual}, {quantity(default.time_s, 's')})",
    )
    for values, colour, marker, name in (
        (time, look.series[1], "D", "time"),
        (energy, look.series[0], "o", "energy"),
    ):
        axes.plot(numbers, values, color=colour, linewidth=0.7, alpha=0.55)
        axes.plot(numbers, values, marker, color=colour, markersize=3.2, linestyle="none", label=name)
    again = [number for number in numbers if retried[number - 1]]
    if again:
        peaks = [max(energy[number - 1], time[number - 1]) for number in again]
        axes.plot(
            again, peaks, "x", color=look.ink, markersize=7, markeredgewidth=1.2, label="with failed tries"
        )
    highest, lowest = max(*energy, *time, 1.0), min(*energy, *time, 1.0)
    if highest > WIDE_RANGE * lowest:
        axes.set_yscale("log")
        axes.set_ylim(lowest / 1.3, highest * 2.2)
    else:
        axes.set_ylim(0, highest * 1.28)
    axes.set_ylabel("relative to default")
    axes.legend(
        loc="upper right", ncols=4, handletextpad=0.2, columnspacing=1.2, borderaxespad=0, borderpad=0.1
    )
    axes.tick_params(labelbottom=False)


def _draw_choice(figure: Figure, axes: Axes, records: Sequence[RunRecord], look: Theme) -> None:
    """Batch size of every run; the power limit by colour, a cross where the target was missed."""
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    sizes = sorted({record.batch_size for record in records})
    limits = sorted({record.power_limit_w for record in records})
    reached = [record for record in records if record.reached]
    missed = [record for record in records if not record.reached]
    axes.set_yscale("log", base=2)
    marks: Any = axes.scatter(
        [record.recurrence + 1 for record in reached],
        [record.batch_size for record in reached],
        c=[record.power_limit_w for record in reached],
        cmap=_limit_colours(limits, look),
        norm=_limit_norm(limits),
        s=20,
        linewidths=0,
        zorder=3,
    )
    axes.plot(
        [record.recurrence + 1 for record in missed],
        [record.batch_size for record in missed],
        "x",
        color=look.ink,
        markersize=5,
        markeredgewidth=1.2,
        zorder=4,
    )
    shown = _apart(sizes)
    axes.yaxis.set_major_locator(FixedLocator(shown))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(shown, [str(size) for size in shown])
    axes.set_ylim(sizes[0] / 1.6, sizes[-1] * 1.6)
    axes.set_xlim(0, max(record.recurrence for record in records) + 2)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("batch size")
    axes.set_xlabel("recurrence (crosses: tries stopped before the target)")
    bar = figure.colorbar(
        marks, ax=axes.figure.axes[:2], ticks=limits[:: max(1, len(limits) // 7)], pad=0.015, aspect=32
    )
    bar.set_label("power limit, W")
    bar.outline.set_visible(False)  # type: ignore[attr-defined]


def _apart(sizes: Sequence[int], most: int = 9) -> list[int]:
    """Pick those of the ascending `sizes` that stand far enough apart on a logarithmic axis, from the top."""
    least = max(math.log2(sizes[-1] / sizes[0]) / most, 0.5)
    shown = [sizes[-1]]
    for size in reversed(sizes):
        if math.log2(shown[-1] / size) >= least:
            shown.append(size)
    return shown[::-1]


def _limit_colours(limits: Sequence[int], look: Theme) -> Any:  # noqa: ANN401
    import matplotlib as mpl
    import numpy as np
    from matplotlib.colors import ListedColormap

    first = 0.12 if look.name == "light" else 0.15  # the palest colours vanish on the paper
    return ListedColormap(mpl.colormaps[look.scale](np.linspace(first, 1.0, len(limits))))


def _limit_norm(limits: Sequence[int]) -> Any:  # noqa: ANN401
    """One colour per limit, its tick in the middle of it."""
    from matplotlib.colors import BoundaryNorm

    middles = [(low + high) / 2 for low, high in pairwise(limits)]
    first = middles[0] if middles else limits[0] + 10
    last = middles[-1] if middles else limits[0] - 10
    return BoundaryNorm([2 * limits[0] - first, *middles, 2 * limits[-1] - last], len(limits))


def _draw_regret(axes: Axes, comparison: Comparison, look: Theme) -> None:
    """Cost beyond the oracle's, accumulated; mean over seeds and its 95 % interval."""
    axes.set_title("cumulative regret, oracle recurrences")
    count = comparison.task.recurrences
    if not count:
        _say_instead(axes, "no recurrences", look)
        return
    colours = _colours(comparison, look)
    ends: list[tuple[str, float]] = []
    for result in comparison.policies:
        spreads = _regret_over_seeds(result, comparison)
        means = [spread.mean or 0.0 for spread in spreads]
        half = [spread.ci95 or 0.0 for spread in spreads]
        numbers = range(1, count + 1)
        dashed = find_policy(result.policy).kind is PolicyKind.BASELINE
        axes.plot(numbers, means, color=colours[result.policy], linestyle="--" if dashed else "-")
        if any(half):
            low = [mean - interval for mean, interval in zip(means, half, strict=True)]
            high = [mean + interval for mean, interval in zip(means, half, strict=True)]
            axes.fill_between(numbers, low, high, color=colours[result.policy], alpha=0.25, linewidth=0)
        ends.append((result.policy, means[-1]))
    largest = max(value for _, value in ends)
    smallest = min((value for _, value in ends if value > 1), default=1.0)
    if largest > WIDE_RANGE * smallest:
        axes.set_yscale("symlog", linthresh=max(1.0, 10 ** math.floor(math.log10(smallest))))
        axes.set_ylim(bottom=-0.1)
    axes.set_xlim(1, max(count, 2))
    axes.set_xlabel("recurrence")
    _label_ends(axes, ends, colours)


def _regret_over_seeds(result: PolicyResult, comparison: Comparison) -> list[Spread]:
    count, oracle_j = comparison.task.recurrences, comparison.task.oracle.cost_j
    curves = [
        [total / oracle_j - number for number, total in enumerate(accumulate(costs), start=1)]
        for costs in (cost_per_recurrence(history.records, count) for history in result.histories)
    ]
    return [Spread.of(values) for values in zip(*curves, strict=True)]


def _label_ends(axes: Axes, ends: Sequence[tuple[str, float]], colours: dict[str, str]) -> None:
    """Write each policy's name at the end of its line, inside the axes, none over another."""
    to_pixels, to_axes = axes.transData, axes.transAxes.inverted()
    labels: list[Any] = []
    for policy, value in ends:
        _, y = to_axes.transform(to_pixels.transform((1, value)))
        labels.append(
            axes.text(
                0.985,
                float(y) + 0.012,
                find_policy(policy).label,
                transform=axes.transAxes,
                ha="right",
                va="bottom",
                color=colours[policy],
                weight="bold",
            )
        )
    bottom, top = axes.get_ylim()
    if axes.get_yscale() == "linear":
        axes.set_ylim(bottom, top + 0.1 * (top - bottom))
    spread_out(axes, labels)
