from pathlib import Path

import pytest

from elastance.errors import UnknownNameError
from elastance.figures import draw_splits, save_figure
from elastance.runs import Provenance
from elastance.simulate import GpuGroup, SplitComparison, compare_splits, split_problem
from elastance.traces import ProfilePoint, SplitProfile
from made_up_splits import made_up_points

METHODS = ["exact", "even", "time-balanced", "zeus2-brute-force"]


def compared(methods: list[str], counts: tuple[int, int] = (1, 1), batch: int = 60) -> SplitComparison:
    groups = [
        GpuGroup(
            SplitProfile(
                name,
                tuple(sorted(ProfilePoint(*point) for point in made_up_points(speed, limits, cap=32))),
                "profiled window", Provenance.MODEL, f"/home/somebody/{name}.json", name[0] * 64,
            ),
            count,
        )
        for name, speed, limits, count in (
            ("fast", 4.0, (100, 200), counts[0]), ("slow", 1.0, (50, 70), counts[1]),
        )
    ]  # fmt: skip
    return compare_splits(groups, split_problem(groups, batch), methods)


def test_bars_are_computing_then_waiting_and_power() -> None:
    comparison = compared(METHODS)
    times, powers = draw_splits(comparison).axes
    solved = [result.solution.plan for result in comparison.results if result.solution]
    solved.sort(key=comparison.problem.order)
    loads = [load for plan in solved for load in plan.loads if load.batch_size]
    computing = [bar.get_width() for bar in times.patches if bar.get_hatch() is None]
    waiting = [bar.get_width() for bar in times.patches if bar.get_hatch()]
    assert computing == pytest.approx([load.time_s for load in loads])
    longest = max(plan.time_s for plan in solved)
    assert waiting == pytest.approx([load.idle_s for load in loads if load.idle_s > 0.004 * longest])
    assert [bar.get_width() for bar in powers.patches] == pytest.approx([load.power_w for load in loads])
    limits = [line.get_xdata()[0] for line in powers.lines]
    assert limits == [load.power_limit_w for load in loads]


def test_gpus_that_do_the_same_are_one_bar_and_released_ones_say_so() -> None:
    times, powers = draw_splits(compared(["even"], (2, 6), 64)).axes
    assert [label.get_text() for label in times.get_yticklabels()] == ["2 x fast", "6 x slow"]
    assert len(powers.patches) == 2
    (times, _) = draw_splits(compared(["exact"], (1, 2), 1)).axes
    assert " released" in [text.get_text() for text in times.texts]


def test_text_says_what_it_rests_on_without_paths() -> None:
    said = " ".join(text.get_text() for text in draw_splits(compared(METHODS)).texts)
    assert "60 samples over fast, slow" in said
    assert "facts: model, sha256 ffffffffffff, ssssssssssss" in said
    assert "zeus2 methods: their shares and limits, priced on the measured curves" in said
    assert "somebody" not in said
    assert "zeus2" not in " ".join(text.get_text() for text in draw_splits(compared(["even"])).texts)


def test_same_comparison_same_bytes_in_every_theme(tmp_path: Path) -> None:
    for theme in ("light", "dark"):
        for name in ("one", "two"):
            save_figure(draw_splits(compared(METHODS), theme=theme), tmp_path / f"{name}.svg")
        assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    with pytest.raises(UnknownNameError, match="theme"):
        draw_splits(compared(["even"]), theme="blue")
