"""A power limit that `tune run` has chosen and set is left alone by an optimizer in the script."""

from elastance.measure import power_limit
from elastance.train import Done, PowerLimitOptimizer, SweepSteps
from elastance.train.tuning.result_file import CHOSEN_LIMIT
from made_up_time import Now
from made_up_training import TrainingGpu, train


def test_nothing_is_measured_under_a_limit_that_was_chosen(monkeypatch) -> None:
    now = Now()
    gpu = TrainingGpu(now)
    monkeypatch.setenv(CHOSEN_LIMIT, "150")
    with power_limit([gpu], 150.0):
        with PowerLimitOptimizer([gpu], steps=SweepSteps(1, 2, 4), clock=now, sync=None) as tuner:
            train(tuner, now, 20, lambda: 0.1)
            assert tuner.state == Done(150.0)
            assert gpu.power_limits().current_w == 150.0
        assert gpu.power_limits().current_w == 150.0
    assert tuner.profile is None
    assert tuner.report.power_limit_w == 150.0
