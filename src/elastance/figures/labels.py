"""Put text where it covers neither other text nor data."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from elastance.policies import find_policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

_LONGEST_NAME = 20
"""Letters of a policy's name that fit beside a panel."""


def policy_label(name: str) -> str:
    """Return a policy's name as figures write it: the class of a user's own, with the definition of a grid."""
    if ":" not in name:
        return shortened(find_policy(name).label, _LONGEST_NAME)
    classes = (part.rpartition(":")[2] for part in name.split("+"))
    return shortened("+".join(classes), _LONGEST_NAME)


def shortened(text: str, most: int) -> str:
    """Return `text`, cut to `most` letters with an ellipsis for the rest."""
    return text if len(text) <= most else text[: most - 1] + "…"


def spread_out(wanted: Sequence[float], apart: float, lowest: float, highest: float) -> list[float]:
    """Return positions between `lowest` and `highest` that are at least `apart` and close to the `wanted` ones.

    The order is kept and the sum of squared moves is least. Where there is not enough room, positions go on
    below `lowest`.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    # With the room that each one needs taken off, "apart" becomes "not decreasing".
    fitted = _not_decreasing([wanted[index] - apart * rank for rank, index in enumerate(order)])
    highest -= apart * (len(wanted) - 1)
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = min(max(fitted[rank], lowest), highest) + apart * rank
    return placed


def _not_decreasing(values: Sequence[float]) -> list[float]:
    """Return the closest sequence that does not decrease, by least squares: neighbours in conflict share their mean.

    SciPy has it too, but importing its optimizers takes as long as drawing the figure.
    """
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / count:
            before, members = pools.pop()
            total, count = total + before, count + members
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def set_fitting_title(axes: Axes, candidates: Sequence[str], width_px: float, **style: Any) -> None:  # noqa: ANN401
    """Give `axes` the first title that is at most `width_px` wide, or else the last one."""
    for text in candidates:
        title = axes.set_title(text, **style)
        if title.get_window_extent().width <= width_px:
            return


class PointLabel(NamedTuple):
    """Text that belongs to a point.

    Attributes:
        text: What to write.
        point: Where in data coordinates.
        gap_px: Distance from the point, pixels.
        needed: Whether to write it even where there is no free place.
        style: Further properties of the text.
    """

    text: str
    point: tuple[float, float]
    gap_px: float
    needed: bool
    style: dict[str, Any]


_DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0), (0, 1), (0, -1))
_DISTANCES = (1.0, 1.7)
"""Distances to try, in multiples of the gap; farther away nobody knows what a label belongs to."""


def label_points(axes: Axes, labels: Iterable[PointLabel], obstacles: Iterable[Bbox]) -> int:
    """Write each label beside its point where it covers neither an obstacle nor another label; count those written.

    A label without a free place is left out; a needed one then takes the place that covers least, but never
    another label's. Earlier ones have the first choice. The limits of `axes` must be final.

    Args:
        axes: Where to write.
        labels: In order of importance.
        obstacles: What must stay visible, in pixels.
    """
    inside, blocked, written = axes.get_window_extent(), list(obstacles), list[Any]()
    for label in labels:
        x, y = (float(value) for value in axes.transData.transform(label.point))
        text = axes.annotate(label.text, (x, y), xycoords="figure pixels", zorder=8, **label.style)
        size = text.get_window_extent()
        places = _places(x, y, size.width, size.height, label.gap_px)
        free = [box for box in places if _within(box, inside) and not _covers(box, written)]
        best = min(free, key=lambda box: _covers(box, blocked), default=None)
        if best is None or (_covers(best, blocked) and not label.needed):
            text.remove()
            continue
        written.append(best)
        # Points instead of pixels, so that the text keeps its place at another resolution.
        points = 72.0 / axes.figure.dpi
        text.xy, text.xycoords = label.point, "data"
        text.set(ha="left", va="bottom", position=((best.x0 - x) * points, (best.y0 - y) * points))
        text.anncoords = "offset points"
    return len(written)


def _places(x: float, y: float, width: float, height: float, gap: float) -> list[Bbox]:
    """Boxes around a point, the nearest first."""
    from matplotlib.transforms import Bbox

    boxes: list[Bbox] = []
    for distance in _DISTANCES:
        for right, up in _DIRECTIONS:
            # Diagonal places sit at the corner of the marker, which is nearer than straight beside it.
            away = gap * distance * (0.7 if right and up else 1.0)
            left = x + right * away - (0.0, width / 2, width)[1 - right]
            bottom = y + up * away - (0.0, height / 2, height)[1 - up]
            boxes.append(Bbox.from_bounds(left, bottom, width, height))
    return boxes


def _within(box: Bbox, outer: Bbox) -> bool:
    return box.x0 >= outer.x0 and box.x1 <= outer.x1 and box.y0 >= outer.y0 and box.y1 <= outer.y1


def _covers(box: Bbox, others: Sequence[Bbox]) -> int:
    return sum(
        box.x0 < other.x1 and other.x0 < box.x1 and box.y0 < other.y1 and other.y0 < box.y1
        for other in others
    )
