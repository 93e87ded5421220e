import numpy as np
import pytest

from elastance.simulate.cluster import Timeline
from made_up_cluster import make_history


def test_phases_add_up() -> None:
    timeline = Timeline.of(make_history())
    assert timeline.time_s.tolist() == [0.0, 10.0, 20.0, 30.0, 50.0, 60.0]
    assert timeline.length_s.tolist() == [10.0, 10.0, 10.0, 20.0, 10.0]
    assert timeline.allocated.tolist() == [[0, 0], [2, 0], [2, 1], [2, 1], [0, 1]]
    assert timeline.useful.tolist() == [[0, 0], [0, 0], [0, 1], [2, 1], [0, 1]]
    # The whole cluster idles at 90 W.
    assert timeline.power_w == pytest.approx([90.0, 90.0, 150.0, 570.0, 150.0])
    assert timeline.idle_w == pytest.approx([90.0, 90.0, 80.0, 0.0, 80.0])


def test_energy_is_the_integral_of_the_power_of_everything_that_happened() -> None:
    history = make_history()
    timeline = Timeline.of(history)
    held = sum(
        (phase.end_s - phase.start_s) * (phase.power_w - np.dot(phase.gpus, history.power.idle_w))
        for phase in history.phases
    )
    assert float(timeline.length_s @ timeline.power_w) == pytest.approx(held + 60.0 * 90.0)
