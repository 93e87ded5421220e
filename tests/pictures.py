"""What can be read in a picture, and where."""

import itertools
from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def texts(figure: Figure) -> list[tuple[str, Bbox, Text]]:
    """Everything that can be read, with its box in pixels."""
    figure.draw_without_rendering()
    unseen = set(map(id, _unseen_tick_labels(figure)))
    return [
        (text.get_text(), text.get_window_extent(), text)
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in unseen
    ]


def _unseen_tick_labels(figure: Figure) -> Iterator[Text]:
    """Ticks beyond the limits exist but are not drawn."""
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not axes.axison or not min(limits) <= tick.get_loc() <= max(limits):
                    yield tick.label1
                    yield tick.label2


def overlaps(boxes: list[tuple[str, Bbox, Text]]) -> Iterator[tuple[str, str]]:
    for (name, box, _), (other, another, _) in itertools.combinations(boxes, 2):
        wide = min(box.x1, another.x1) - max(box.x0, another.x0)
        high = min(box.y1, another.y1) - max(box.y0, another.y0)
        if wide > 0.5 and high > 1.5:  # boxes include the room for accents
            yield name, other
