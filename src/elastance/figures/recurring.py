"""The picture of a simulated recurring job: what each recurrence took, the regret, and the search path."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from pathlib import PurePath
from typing import TYPE_CHECKING

from elastance.figures.energy_time_plane import draw_plane
from elastance.figures.labels import shortened
from elastance.figures.recurrences import draw_recurrences
from elastance.figures.regret import draw_regret
from elastance.figures.style import WIDTH_INCHES, Theme, drawing, find_theme
from elastance.policies import PolicyKind, find_policy
from elastance.runs import Provenance
from elastance.traces import SourceKind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from elastance.simulate import Comparison, PolicyResult
    from elastance.traces import SourceRecord

# Heights in inches, from the bottom; without recurrences there is no upper part and the figure is lower.
_LOWER = (0.7, 3.3)
_UPPER = (4.2, 8.0)
_ABSENT = 3.9
_HEADER = 1.2


def draw_recurring(comparison: Comparison, *, theme: str = "light") -> Figure:
    """Draw a comparison: recurrences of the first deciding policy, regret of all, and the energy-time plane.

    Args:
        comparison: What `elastance.simulate.simulate_recurring` returned.
        theme: Name of a theme, see `find_theme`.

    Raises:
        InputError: There is no such theme.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    look, leading = find_theme(theme), leading_policy(comparison)
    drawable = leading is not None and comparison.task.recurrences > 0
    height = (_UPPER[1] if drawable else _ABSENT) + _HEADER
    with drawing(look):
        figure = Figure(figsize=(WIDTH_INCHES, height))
        FigureCanvasAgg(figure)
        _title(figure, comparison, height)
        if leading is not None and drawable:
            rows = figure.add_gridspec(
                3, 1, height_ratios=(1.75, 1.25, 0.7), hspace=0.27, left=0.09, right=0.98,
                bottom=_UPPER[0] / height, top=_UPPER[1] / height,
            )  # fmt: skip
            consumption = figure.add_subplot(rows[0])
            sizes = figure.add_subplot(rows[1], sharex=consumption)
            limits = figure.add_subplot(rows[2], sharex=consumption)
            draw_recurrences(consumption, sizes, limits, comparison, leading, look)
        else:
            absent = "only baselines: no policy decided anything" if leading is None else "no recurrences"
            figure.text(0.5, (_ABSENT + 0.15) / height, absent, ha="center", weight="bold")
        _draw_lower(figure, comparison, leading, look, height)
        # Ticks that are made when the figure is saved would no longer know the theme.
        figure.draw_without_rendering()
    return figure


def _draw_lower(
    figure: Figure, comparison: Comparison, leading: PolicyResult | None, look: Theme, height: float
) -> None:
    """Regret, with room for its labels, and the energy-time plane."""
    regret, plane = (
        figure.add_subplot(
            figure.add_gridspec(
                1, 1, left=left, right=right, bottom=_LOWER[0] / height, top=_LOWER[1] / height
            )[0]
        )
        for left, right in ((0.09, 0.38), (0.65, 0.98))
    )
    if comparison.task.recurrences:
        draw_regret(regret, comparison, leading, look)
    else:
        regret.text(0.5, 0.5, "no regret without recurrences", ha="center", transform=regret.transAxes)
        regret.set_axis_off()
    draw_plane(plane, comparison, leading, look)


def leading_policy(comparison: Comparison) -> PolicyResult | None:
    """Return the first policy that decides anything, if there is one."""
    for result in comparison.policies:
        if find_policy(result.policy).kind is not PolicyKind.BASELINE:
            return result
    return None


def _title(figure: Figure, comparison: Comparison, height: float) -> None:
    """Say what was simulated, from which facts, and with which settings."""
    task, problem = comparison.task, comparison.task.problem
    job = problem.job
    seeds = len(comparison.policies[0].histories)
    settings = (
        f"eta {problem.cost.eta:g}, beta {'inf' if math.isinf(problem.beta) else f'{problem.beta:g}'}, "
        f"target metric {job.target_metric:g} within {job.max_epochs} epochs, "
        + (f"window {problem.window_size}, " if problem.window_size else "")
        + f"{task.recurrences} recurrence{'' if task.recurrences == 1 else 's'}, "
        f"{seeds} seed{'' if seeds == 1 else 's'}"
        + (", published simulator replayed" if task.published else "")
    )
    heading = f"{shortened(f'{job.network} on {job.dataset}', 60)}, {comparison.gpu.upper()}"
    figure.text(0.012, 1 - 0.11 / height, heading, size=12, weight="bold", va="top")
    figure.text(0.012, 1 - 0.34 / height, facts_in_words(comparison.source), va="top", alpha=0.8)
    figure.text(0.012, 1 - 0.51 / height, settings, va="top", alpha=0.8)


def facts_in_words(source: SourceRecord) -> str:
    """Return where the facts came from; a directory by its own name only, as pictures travel."""
    if source.kind is SourceKind.MEASURED:
        return f"Measured on {source.path}"
    digest = f"sha256 {source.sha256[:12]}"
    model = source.provenance is Provenance.MODEL
    if source.kind is SourceKind.BUILTIN:
        return f"Simulated from a model, not from measurements: built-in, fitted to public traces ({digest})"
    if source.kind is SourceKind.CACHE or source.is_public:
        return f"Simulated from the public Zeus traces ({digest})"
    where = f"{shortened(PurePath(source.path).name or source.path, 40)} ({digest})"
    return (
        f"Simulated from a model, not from measurements: synthetic traces in {where}"
        if model
        else f"Simulated from recorded traces in {where}"
    )
