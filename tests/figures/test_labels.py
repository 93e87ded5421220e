from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from elastance.figures.labels import (
    PointLabel,
    label_points,
    policy_label,
    set_fitting_title,
    shortened,
    spread_out,
)


def empty_axes() -> tuple[Figure, object]:
    figure = Figure(figsize=(4, 4), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return figure, axes


@given(st.lists(st.floats(0, 1), max_size=10))
def test_labels_end_up_apart_in_order_and_inside(wanted: list[float]) -> None:
    placed = spread_out(wanted, 0.1, 0.0, 1.0)
    assert len(placed) == len(wanted)
    assert all(high - low >= 0.1 - 1e-9 for low, high in pairwise(sorted(placed)))
    assert all(-1e-9 <= y <= 1 + 1e-9 for y in placed)
    for (one, at), (other, there) in combinations(zip(wanted, placed, strict=True), 2):
        assert one == other or (one < other) == (at < there)


def test_labels_that_are_apart_stay_where_they_are() -> None:
    assert spread_out([0.9, 0.1, 0.5], 0.2, 0.0, 1.0) == pytest.approx([0.9, 0.1, 0.5])
    assert spread_out([0.5, 0.5], 0.2, 0.0, 1.0) == pytest.approx([0.4, 0.6])
    assert spread_out([], 0.2, 0.0, 1.0) == []


def test_numbers_cover_neither_each_other_nor_what_must_be_seen() -> None:
    figure, axes = empty_axes()
    obstacle = Bbox.from_bounds(*(axes.transData.transform((0.5, 0.5)) + 1), 60, 60)
    crowd = [PointLabel(str(number), (0.5, 0.5), 6.0, False, {}) for number in range(40)]
    written = label_points(axes, crowd, [obstacle])
    assert 1 < written < 40
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == written
    frame = axes.get_window_extent()
    for one, other in combinations([*boxes, obstacle], 2):
        overlap = Bbox.intersection(one, other)
        assert overlap is None or min(overlap.width, overlap.height) < 0.1
    assert all(box.x0 >= frame.x0 and box.y1 <= frame.y1 for box in boxes)
    before = [(box.x0 - frame.x0) / frame.width for box in boxes]
    figure.set_dpi(200)
    frame = axes.get_window_extent()
    after = [(text.get_window_extent().x0 - frame.x0) / frame.width for text in axes.texts]
    assert after == pytest.approx(before, abs=0.01), "labels keep their place in a finer picture"


def test_a_needed_label_is_written_over_data_but_not_over_text() -> None:
    _, axes = empty_axes()
    everywhere = [axes.get_window_extent()]
    assert label_points(axes, [PointLabel("1", (0.5, 0.5), 6.0, False, {})], everywhere) == 0
    needed = PointLabel("1", (0.5, 0.5), 6.0, True, {})
    assert label_points(axes, [needed, needed], everywhere) == 2
    one, other = (text.get_window_extent() for text in axes.texts)
    overlap = Bbox.intersection(one, other)
    assert overlap is None or min(overlap.width, overlap.height) < 0.1


def test_the_first_title_that_fits_is_taken() -> None:
    _, axes = empty_axes()
    set_fitting_title(axes, ["a title that is much too long for this", "short"], 100.0)
    assert axes.get_title() == "short"
    set_fitting_title(axes, ["first", "second"], 100.0)
    assert axes.get_title() == "first"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("zeus", "zeus"),
        ("grid", "grid (no early stop)"),
        ("grid-early-stop", "grid-early-stop"),
        ("thompson+max-power", "thompson+max-power"),
        ("package.module:MyPolicy", "MyPolicy"),
        ("package.module:MyPolicyWithAnEndlessName", "MyPolicyWithAnEndle…"),
        ("a.b:One+c.d:Two", "One+Two"),
    ],
)
def test_policies_are_called_by_short_names(name: str, label: str) -> None:
    assert policy_label(name) == label


def test_text_is_cut_with_an_ellipsis() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
