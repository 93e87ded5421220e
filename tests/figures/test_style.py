import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from elastance.errors import InputError
from elastance.figures import Theme, check_picture_path, find_theme, save_figure
from elastance.figures.style import THEMES, drawing, plain_number, quantity


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


@pytest.mark.parametrize("suffix", ["svg", "pdf"])
def test_no_date_is_written(tmp_path: Path, suffix: str) -> None:
    save_figure(small_figure(), tmp_path / f"plot.{suffix}")
    content = (tmp_path / f"plot.{suffix}").read_bytes()
    assert b"<dc:date>" not in content
    assert b"CreationDate" not in content


@pytest.mark.parametrize("name", ["plot", "plot.jpg", "plot.png.txt"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"a picture ends in \.png, \.svg or \.pdf"):
        check_picture_path(tmp_path / name)
    with pytest.raises(InputError, match=r"a picture ends in \.png, \.svg or \.pdf"):
        save_figure(small_figure(), tmp_path / name)


def test_a_missing_directory_is_refused_before_drawing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no directory"):
        check_picture_path(tmp_path / "missing" / "plot.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match="is a directory"):
        check_picture_path(tmp_path / "folder.png")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_failure_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure) -> None:
    path = tmp_path / "plot.png"
    path.write_bytes(b"old")

    def interrupted(self: Figure, target: Path, **_: object) -> None:
        Path(target).write_bytes(b"half")
        raise failure

    monkeypatch.setattr(Figure, "savefig", interrupted)
    expected = KeyboardInterrupt if failure is KeyboardInterrupt else InputError
    with pytest.raises(expected) as raised:
        save_figure(small_figure(), path)
    assert "\n" not in str(raised.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_themes_are_found_by_name() -> None:
    assert find_theme("dark").paper != find_theme("light").paper
    with pytest.raises(InputError, match="known: dark, light"):
        find_theme("sepia")


def linear(colour: str) -> np.ndarray:
    """Linear light of a #rrggbb colour."""
    channels = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2)."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    light, dark = sorted((float(weights @ linear(colour)) for colour in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def all_colours(theme: Theme) -> list[str]:
    return [theme.ink, theme.energy, theme.time, *theme.policies.values(), *theme.series]


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_in_every_colour_can_be_read(theme: Theme) -> None:
    for colour in all_colours(theme):
        assert contrast(colour, theme.paper) >= 4.5, colour
    assert contrast(theme.faint, theme.paper) >= 2.0


COLOUR_BLIND = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
"""How linear light is seen without red or green cones (Machado, Oliveira, Fernandes 2009, severity 1)."""


def lab(light: np.ndarray) -> np.ndarray:
    """CIE L*a*b* under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(to_xyz @ light / to_xyz.sum(axis=1), 0.0))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("blindness", COLOUR_BLIND)
@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_colour_blind_tell_the_main_colours_apart(theme: Theme, blindness: str) -> None:
    seen = np.array(COLOUR_BLIND[blindness])
    groups = [
        [theme.policies["zeus"], theme.policies["grid"], theme.policies["grid-early-stop"], theme.ink],
        [theme.energy, theme.time, theme.ink],
    ]
    for one, other in (pair for group in groups for pair in combinations(group, 2)):
        distance = np.linalg.norm(lab(seen @ linear(one)) - lab(seen @ linear(other)))
        assert distance >= 12, (one, other, distance)


def test_well_known_policies_keep_their_colours_and_others_take_turns() -> None:
    theme = find_theme("light")
    names = ["one", "zeus", "grid", *(f"more-{index}" for index in range(5))]
    colours = theme.policy_colours(names)
    assert list(colours) == names
    assert colours["zeus"] == theme.policy_colours(["zeus"])["zeus"] == theme.policies["zeus"]
    assert [colours["one"], colours["more-0"]] == list(theme.series[:2])
    assert colours["more-4"] == theme.series[0]


def test_a_theme_leaves_other_figures_alone() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with drawing(find_theme("dark")):
        assert mpl.rcParams["figure.facecolor"] == find_theme("dark").paper
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-1e-13, "0"), (0.5, "0.5"), (8.564, "8.56"), (9.996, "10"), (19.44, "19.4"), (99.96, "100"),
     (25160.4, "25,160"), (-3.1, "-3.1")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert plain_number(value) == text


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [(9.53e6, "J", "9.53 MJ"), (112.0, "J", "112 J"), (2.5e9, "J", "2.5 GJ"), (59344.0, "s", "16.5 h"),
     (85.0, "s", "1.42 min"), (0.5, "s", "0.5 s")],
)  # fmt: skip
def test_quantities_have_a_unit_that_suits_them(value: float, base: str, text: str) -> None:
    assert quantity(value, base) == text


def test_drawing_needs_no_screen_and_no_global_state() -> None:
    probe = (
        "import sys, elastance.figures as f; print('matplotlib' in sys.modules);"
        "import elastance; f.draw_recurring(elastance.simulate_recurring('squad', recurrences=5));"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["False", "False"]
