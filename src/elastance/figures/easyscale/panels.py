"""Ours on the left, the published numbers on the right."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from elastance.figures.easyscale.measured import models_of, ratio_of
from elastance.figures.experiments.panels import Estimate, draw_estimates
from elastance.runs import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.figures.easyscale.measured import TimeRow
    from elastance.figures.experiments.canvas import Canvas


def draw_beside(
    canvas: Canvas,
    rows: Sequence[TimeRow],
    variants: Sequence[str],
    *,
    published_on: str,
    label: str,
    targets: Sequence[float] = (),
    logarithmic: bool = False,
) -> None:
    """Draw time relative to the baseline: a row per model, a mark per variant.

    Args:
        canvas: Where to draw.
        rows: What was measured and published.
        variants: Which variants are shown.
        published_on: Title of the panel on the right.
        label: Of the horizontal axis.
        targets: Where claims draw their lines, on the left.
        logarithmic: Whether the axis shows ratios on a logarithmic scale instead of per cent more.
    """
    grid = canvas.grid(1, 2, above_in=0.62, left=0.115, right=0.985, wspace=0.36)
    colours = dict(zip(variants, (canvas.look.energy, canvas.look.time, *canvas.look.series), strict=False))
    panels = ((Provenance.MEASURED, "measured on this machine"), (Provenance.PUBLISHED, published_on))
    for column, (provenance, title) in enumerate(panels):
        axes = canvas.figure.add_subplot(grid[column])
        models = models_of(rows, provenance)
        series = {
            variant: [_estimate(rows, model, variant, provenance, logarithmic) for model in models]
            for variant in variants
        }
        draw_estimates(axes, models, series, colours, canvas.look)
        axes.axvline(1.0 if logarithmic else 0.0, color=canvas.look.ink, linewidth=0.9)
        for target in targets if provenance is Provenance.MEASURED else ():
            axes.axvline(target, color=canvas.look.faint, linewidth=1, linestyle=(0, (4, 2)))
        if logarithmic:
            axes.set_xscale("log")
            axes.set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
            axes.minorticks_off()
            axes.set_xlim(0.45, 6.5)
        axes.set_title(title)
        axes.set_xlabel(label)
    canvas.legend(len(variants))


def _estimate(
    rows: Sequence[TimeRow], model: str, variant: str, provenance: Provenance, logarithmic: bool
) -> Estimate:
    of = ratio_of(rows, model, variant, provenance)
    half_width = of.half_width if math.isfinite(of.half_width) else None
    if logarithmic:
        return Estimate(of.mean, half_width if half_width is None else min(half_width, 0.9 * of.mean))
    return Estimate(100 * (of.mean - 1), None if half_width is None else 100 * half_width)
