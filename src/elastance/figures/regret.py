"""Cumulative regret of every policy against the oracle."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from elastance.figures.labels import policy_label, set_fitting_title, spread_out
from elastance.figures.style import WIDE_RANGE, Theme, plain_number
from elastance.policies import PolicyKind, find_policy
from elastance.simulate import Spread
from elastance.simulate.measures import cost_per_recurrence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from elastance.simulate import Comparison, PolicyResult

_MOST_WITH_VALUES = 8
"""Up to this many policies the label at the end of a line has a second line, with the value."""

_TITLE_PX = 400.0
"""Room for the title, that over the labels included."""


def draw_regret(axes: Axes, comparison: Comparison, leading: PolicyResult | None, look: Theme) -> None:
    """Draw mean regret over seeds and its 95 % interval, in costs of one oracle recurrence.

    Labels stand to the right of `axes`, which needs about 130 pixels there.
    """
    names = [result.policy for result in comparison.policies]
    curves = {result.policy: regret_over_seeds(result, comparison) for result in comparison.policies}
    set_fitting_title(axes, _messages(leading), _TITLE_PX)
    colours, numbers = look.policy_colours(names), range(comparison.task.recurrences + 1)
    for name, spreads in curves.items():
        means = [spread.mean or 0.0 for spread in spreads]
        half = [spread.ci95 or 0.0 for spread in spreads]
        axes.plot(numbers, means, color=colours[name], linestyle=_line_style(name), label=name)
        if any(half):
            low = [mean - interval for mean, interval in zip(means, half, strict=True)]
            high = [mean + interval for mean, interval in zip(means, half, strict=True)]
            axes.fill_between(numbers, low, high, color=colours[name], alpha=0.22, linewidth=0)
    _scale(axes, [[spread.mean or 0.0 for spread in spreads] for spreads in curves.values()])
    axes.set_xlim(0, comparison.task.recurrences)
    axes.set_ylabel("cumulative regret, oracle jobs")
    seeds = len(comparison.policies[0].histories)
    axes.set_xlabel(f"recurrence (mean and its 95 % interval, {seeds} seeds)" if seeds > 1 else "recurrence")
    _label_ends(axes, {name: spreads[-1] for name, spreads in curves.items()}, colours, look)


def regret_over_seeds(result: PolicyResult, comparison: Comparison) -> list[Spread]:
    """Return the regret after 0, 1, 2, ... recurrences, in costs of one oracle recurrence."""
    count, oracle_j = comparison.task.recurrences, comparison.task.oracle.cost_j
    per_seed = [cost_per_recurrence(history.records, count) for history in result.histories]
    curves = [
        [total / oracle_j - number for number, total in enumerate(accumulate(costs, initial=0.0))]
        for costs in per_seed
    ]
    return [Spread.of(values) for values in zip(*curves, strict=True)]


def _messages(leading: PolicyResult | None) -> list[str]:
    if leading is None:
        return ["regret against the oracle"]
    message = f"regret of {plain_number(leading.spread('regret_oracle_jobs').mean or 0.0)} oracle jobs"
    return [f"{policy_label(leading.policy)}: {message}", message]


def _line_style(policy: str) -> Any:  # noqa: ANN401
    """Baselines are told apart by their dashes, as they share a colour."""
    if find_policy(policy).kind is not PolicyKind.BASELINE:
        return "-"
    return (0, (1, 1.2)) if policy == "oracle" else (0, (4, 2))


def _scale(axes: Axes, curves: Sequence[Sequence[float]]) -> None:
    """Linear, unless the policies end far apart: then logarithmic from one oracle job upwards.

    The means set the limits; the interval of two or three seeds is often so wide that nothing else would show.
    """
    from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter, SymmetricalLogLocator

    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    # The oracle's own regret is nothing but the rounding of a sum.
    ends = [curve[-1] for curve in curves]
    lowest, highest = min(map(min, curves)), max(map(max, curves))
    smallest = min((end for end in ends if end > 1e-6), default=1.0)
    if max(ends) <= WIDE_RANGE * max(smallest, 1.0):
        margin = max(0.06 * (highest - lowest), 0.01)  # an axis of rounding errors would be absurd
        axes.set_ylim(lowest - margin, highest + margin)
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        return
    axes.set_yscale("symlog", linthresh=1.0, linscale=0.5)
    axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1.0))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(min(-0.3, lowest * 1.3), highest * 2)


def _label_ends(axes: Axes, ends: dict[str, Spread], colours: dict[str, str], look: Theme) -> None:
    """Write each policy's name and regret to the right of its line's end, none over another."""
    frame = axes.get_window_extent()
    values = len(ends) <= _MOST_WITH_VALUES
    apart = (28.0 if values else 14.0) / frame.height
    to_axes = axes.transData + axes.transAxes.inverted()
    wanted = [float(to_axes.transform((0.0, spread.mean or 0.0))[1]) for spread in ends.values()]
    placed = spread_out(wanted, apart, 0.0, 1.0)
    for (name, spread), own, y in zip(ends.items(), wanted, placed, strict=True):
        text = f"{policy_label(name)}\n{_with_interval(spread)}" if values else policy_label(name)
        axes.plot(
            [1.0, 1.025, 1.035],
            [own, y, y],
            color=look.faint,
            linewidth=0.8,
            transform=axes.transAxes,
            clip_on=False,
            scalex=False,
            scaley=False,
            label=f"_to {name}",
        )
        axes.text(
            1.045,
            y,
            text,
            transform=axes.transAxes,
            color=colours[name],
            va="center",
            linespacing=1.1,
        )


def _with_interval(spread: Spread) -> str:
    mean = plain_number(spread.mean or 0.0)
    # An interval that rounds to nothing, as that of a fixed configuration, says nothing.
    return mean if plain_number(spread.ci95 or 0.0) == "0" else f"{mean} ± {plain_number(spread.ci95 or 0.0)}"
