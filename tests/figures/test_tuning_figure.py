"""The picture of a tuned job."""

from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.errors import UnknownNameError
from elastance.figures import save_figure
from elastance.figures.tuning import draw_tuning
from made_up_tuning import a_job, a_run
from pictures import overlaps, texts

HISTORY = [
    a_run(0, 128, "reached", energy_j=100.0),
    a_run(1, 64, "missed", energy_j=150.0),
    a_run(1, 128, "reached", energy_j=120.0),
    *(a_run(number, 64, "reached", energy_j=60.0) for number in range(2, 12)),
    a_run(12, 64, "killed", energy_j=None, cost_j=None),
    a_run(13, 64, "running", energy_j=None, cost_j=None),
]


def test_every_run_is_a_mark_and_energy_adds_up() -> None:
    sizes, energy = draw_tuning(a_job(), HISTORY).axes
    marks = {line.get_label(): line for line in sizes.lines}
    assert list(marks["reached the target"].get_xdata()) == [1, 2, *range(3, 13)]
    assert list(marks["missed or stopped"].get_xdata()) == [2]
    assert list(marks["missed or stopped"].get_ydata()) == [64]
    assert list(marks["running"].get_xdata()) == [14]
    lines = {line.get_label(): line for line in energy.lines}
    assert energy.get_ylabel() == "energy so far, kJ"
    assert lines["all runs of the job"].get_ydata()[-1] == pytest.approx(0.970)
    (always,) = (line for label, line in lines.items() if label.startswith("always batch size 128"))
    assert always.get_ydata()[-1] == pytest.approx(12 * 0.110)
    assert "mean of 2 runs there" in always.get_label()


def test_it_says_what_came_of_it_and_where_joules_come_from() -> None:
    figure = draw_tuning(a_job(), HISTORY)
    said = " ".join(text for text, _, _ in texts(figure))
    assert "nightly: 12 recurrences, 15 runs" in said
    assert "simulated joules (model), not measured on hardware" in said
    assert "batch size 64 in 5 of the last 5 recurrences" in said
    assert "exploration included, 27 % less energy than always the default batch size" in said
    # 430 J after three recurrences of 110 J, 550 J after five: then it stays below.
    assert "breaks even\nat recurrence 5" in said


@pytest.mark.parametrize(
    "history", [[], HISTORY[:1], HISTORY[1:2], HISTORY], ids=["none", "one", "missed", "all"]
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_overlaps(history, theme: str) -> None:
    assert list(overlaps(texts(draw_tuning(a_job(), history, theme=theme)))) == []


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_job_is_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    pictures = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for picture in pictures:
        save_figure(draw_tuning(a_job(), HISTORY), picture)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_an_unknown_theme() -> None:
    with pytest.raises(UnknownNameError, match="theme"):
        draw_tuning(a_job(), HISTORY, theme="sepia")
