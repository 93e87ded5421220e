from pathlib import Path

import pytest

from elastance.errors import UnknownNameError
from elastance.figures import draw_groups, save_figure
from elastance.runs import Provenance
from elastance.simulate import GroupComparison, simulate_groups
from elastance.traces import Group, GroupTrace, Submission


def compared(
    datasets: tuple[str, ...], policies: tuple[str, ...], seeds: tuple[int, ...] = (0,)
) -> GroupComparison:
    groups = tuple(
        Group(f"synthetic-{dataset}", dataset, tuple(Submission(10.0 * i, 10.0 * i + 15) for i in range(12)))
        for dataset in datasets
    )
    trace = GroupTrace(Path("a-file-of-groups.csv"), "0" * 64, Provenance.MODEL, groups)
    return simulate_groups(trace, policies=policies, seeds=seeds)


ALL = ("cifar100", "imagenet", "squad", "librispeech", "movielens-1m", "sentiment140")


@pytest.mark.parametrize(
    ("datasets", "policies", "seeds"),
    [
        (ALL, ("zeus", "default", "grid", "oracle"), (0, 1, 2)),
        (("squad",), ("zeus",), (0,)),
        (ALL[:4], ("default",), (0,)),
    ],
)
def test_bars_stand_for_what_was_computed(
    datasets: tuple[str, ...], policies: tuple[str, ...], seeds: tuple[int, ...]
) -> None:
    comparison = compared(datasets, policies, seeds)
    figure = draw_groups(comparison)
    shown = [name for name in policies if name != "default"] or ["default"]
    energy, time, *curves = figure.axes
    assert len(curves) == len(datasets)
    for axes, quantity in ((energy, "energy_j"), (time, "time_s")):
        widths = [bar.get_width() for bar in axes.patches]
        expected = [
            comparison.relative(comparison[name], comparison.default, quantity, dataset).mean
            for dataset in (*datasets, None)
            for name in shown
        ]
        assert widths == pytest.approx([min(value or 0.0, 1.6) for value in expected])
    for axes, dataset in zip(curves, datasets, strict=True):
        line = axes.lines[0]
        assert line.get_ydata()[-1] == pytest.approx(
            comparison.relative(comparison[shown[0]], comparison.default, "energy_j", dataset).mean
        )


def test_text_says_that_it_is_synthetic_and_what_the_baseline_is() -> None:
    figure = draw_groups(compared(("squad",), ("zeus", "grid")))
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "Synthetic groups in a-file-of-groups.csv" in texts
    assert "from a model, not from measurements" in texts
    assert "user's own batch size" in texts


def test_no_text_stands_over_another() -> None:
    """Titles, legend and notes; numbers beside bars may touch the line at 1."""
    figure = draw_groups(compared(ALL, ("zeus", "default", "grid", "oracle")), theme="dark")
    boxes = [text.get_window_extent() for text in figure.texts]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    boxes += [axes._left_title.get_window_extent() for axes in figure.axes]
    boxes += [axes.xaxis.label.get_window_extent() for axes in figure.axes if axes.get_xlabel()]
    for number, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:number])
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)


def test_same_comparison_same_bytes(tmp_path: Path) -> None:
    comparison = compared(("squad",), ("zeus",))
    for name in ("a.svg", "b.svg"):
        save_figure(draw_groups(comparison), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_unknown_theme() -> None:
    with pytest.raises(UnknownNameError):
        draw_groups(compared(("squad",), ("zeus",)), theme="blue")
