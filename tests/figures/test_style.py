import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from elastance.errors import InputError
from elastance.figures import check_picture_path, find_theme, save_figure
from elastance.figures.style import THEMES, drawing, spread_out


def small_figure() -> Figure:
    figure = Figure(figsize=(2, 2))
    FigureCanvasAgg(figure)
    figure.add_subplot().plot([1, 2], [3, 4])
    return figure


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf", "PNG"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        save_figure(small_figure(), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


@pytest.mark.parametrize("name", ["plot", "plot.jpg", "plot.png.txt"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"a picture ends in \.png, \.svg or \.pdf"):
        check_picture_path(tmp_path / name)


def test_a_failure_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plot.png"
    path.write_bytes(b"old")

    def interrupted(self: Figure, target: Path, **_: object) -> None:
        Path(target).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_figure(small_figure(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_themes_are_found_by_name() -> None:
    assert find_theme("dark").paper != find_theme("light").paper
    with pytest.raises(InputError, match="known: light, dark"):
        find_theme("sepia")


def luminance(colour: str) -> float:
    """Relative luminance of a #rrggbb colour (WCAG 2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_colours_stand_out_from_the_paper(theme) -> None:
    paper = luminance(theme.paper)
    for colour, least in [(theme.ink, 7.0), *((colour, 2.0) for colour in theme.series)]:
        light, dark = sorted((luminance(colour), paper), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= least, colour


def test_a_theme_leaves_other_figures_alone() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with drawing(find_theme("dark")):
        assert mpl.rcParams["figure.facecolor"] == find_theme("dark").paper
    assert dict(mpl.rcParams) == before


def test_labels_are_moved_apart() -> None:
    figure = small_figure()
    axes = figure.axes[0]
    labels = [
        axes.text(0.5, y, "label", transform=axes.transAxes) for y in (0.5, 0.51, 0.52, 0.97, 0.98, 0.02)
    ]
    spread_out(axes, labels)
    renderer = figure.canvas.get_renderer()
    boxes = sorted((label.get_window_extent(renderer) for label in labels), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 + 0.01 for low, high in itertools.pairwise(boxes))


def test_drawing_needs_no_screen_and_no_global_state() -> None:
    probe = (
        "import sys, elastance.figures as f; print('matplotlib' in sys.modules);"
        "import elastance; f.draw_recurring(elastance.simulate_recurring('squad', recurrences=5));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
