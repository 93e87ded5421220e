"""How long a window must be for the counter it is measured with."""

import pytest

from elastance.devices import CounterInfo
from elastance.train.profiling.gauge import least_window_s
from made_up_time import Now
from made_up_training import TrainingGpu


@pytest.mark.parametrize(
    ("periods_s", "spread", "least_s"),
    [
        ([0.1], 0.1, 1.0),
        ([0.02, 0.1], 0.1, 1.0),
        ([0.1], 0.02, 0.1 / 0.06),
        ([None], 0.1, 1.0),
        ([0.0], 0.1, 0.01),
    ],
)
def test_one_period_more_or_less_is_within_the_spread(periods_s, spread, least_s) -> None:
    gpus = [TrainingGpu(Now(), f"GPU-{index}") for index in range(len(periods_s))]
    for gpu, period_s in zip(gpus, periods_s, strict=True):
        gpu.counter = CounterInfo(0.001, period_s)
    assert least_window_s(gpus, spread) == pytest.approx(least_s)


def test_polled_power_counts_as_a_slow_counter() -> None:
    gpu = TrainingGpu(Now())
    gpu.counter = None
    assert least_window_s([gpu], 0.5) == pytest.approx(1.0)
