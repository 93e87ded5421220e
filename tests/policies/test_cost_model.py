import math

import numpy as np
import pytest

from elastance.errors import InputError, PolicyError
from elastance.policies import LimitMeasurement, Outcome
from elastance.policies.cost_model import Assumptions, CostModel
from made_up import make_problem

PROFILE = [LimitMeasurement(200, 10.0, 150.0), LimitMeasurement(100, 14.0, 100.0)]
"""At eta 0.5 and 200 W at most, an epoch costs 1750 J at 200 W and 2100 J at 100 W."""
EPOCH_J = 1750.0


def profiled(*sizes: int, window_size: int = 0) -> CostModel:
    model = CostModel(make_problem(window_size=window_size), Assumptions())
    for size in sizes:
        model.observe_profile(size, PROFILE)
    return model


def expected_epochs(model: CostModel, size: int) -> float:
    return math.exp(model.beliefs.mean[model.sizes.index(size)]) / EPOCH_J


def test_a_run_tells_its_epochs_by_its_cost() -> None:
    model = profiled(32)
    for _ in range(20):
        model.observe_run(Outcome(0, 32, 200, 5 * EPOCH_J, True), profiling=False)
    assert expected_epochs(model, 32) == pytest.approx(5.0, rel=1e-3)


def test_the_profiling_epoch_is_taken_out() -> None:
    model = profiled(32)
    for _ in range(20):
        model.observe_run(Outcome(0, 32, 200, (1750 + 2100) / 2 + 4 * EPOCH_J, True), profiling=True)
    assert expected_epochs(model, 32) == pytest.approx(5.0, rel=1e-3)


def test_runs_under_another_limit_tell_the_same() -> None:
    model = profiled(32)
    for _ in range(20):
        model.observe_run(Outcome(0, 32, 100, 5 * 2100.0, True), profiling=False)
    assert expected_epochs(model, 32) == pytest.approx(5.0, rel=1e-3)


def test_without_a_profile_epochs_cannot_be_told() -> None:
    with pytest.raises(PolicyError, match="batch size 64 at 200 W, which was never profiled"):
        profiled(32).observe_run(Outcome(0, 64, 200, 1.0, True), profiling=False)


def test_a_stopped_run_raises_the_expectation_of_its_size_and_its_neighbours() -> None:
    model = profiled(32, 64)
    model.observe_run(Outcome(0, 32, 200, 5 * EPOCH_J, True), profiling=False)
    before = expected_epochs(model, 64), expected_epochs(model, 128)
    model.observe_run(Outcome(1, 64, 200, 10 * EPOCH_J, False), profiling=False)
    assert expected_epochs(model, 64) > max(9.0, before[0])
    assert expected_epochs(model, 128) > before[1]
    assert not model.succeeded(64)


def test_a_size_beyond_the_jobs_epochs_is_expected_never_to_end() -> None:
    """It fails cheaply, which must not make it look cheap."""
    model = profiled(32, 64)
    model.observe_run(Outcome(0, 32, 200, 15 * EPOCH_J, True), profiling=False)
    model.observe_run(Outcome(1, 64, 200, 20 * EPOCH_J, False), profiling=False)
    expected = dict(zip(model.sizes, model.beliefs.log_cost, strict=True))
    assert expected[64] > expected[32] + 1.0


def test_misses_of_a_size_that_succeeds_at_times_are_charged_to_its_successes() -> None:
    model = profiled(32)
    for _ in range(30):
        model.observe_run(Outcome(0, 32, 200, 5 * EPOCH_J, True), profiling=False)
        model.observe_run(Outcome(1, 32, 200, 10 * EPOCH_J, False), profiling=False)
    assert math.exp(model.beliefs.log_cost[model.sizes.index(32)]) == pytest.approx(15 * EPOCH_J, rel=0.01)


def test_the_noise_is_learned_from_all_sizes_together() -> None:
    calm, rough = profiled(32, 64), profiled(32, 64)
    for number in range(40):
        for size in (32, 64):
            calm.observe_run(Outcome(0, size, 200, 8 * EPOCH_J, True), profiling=False)
            rough.observe_run(Outcome(0, size, 200, (6 + 4 * (number % 2)) * EPOCH_J, True), profiling=False)
    assert calm.beliefs.noise_variance < 0.03**2
    assert rough.beliefs.noise_variance == pytest.approx((math.log(10 / 6) / 2) ** 2, rel=0.1)


def test_knowledge_holds_on_another_gpu_except_for_the_level_of_the_cost() -> None:
    model = profiled(16, 32)
    for size, epochs in ((16, 4), (32, 8)):
        for _ in range(10):
            model.observe_run(Outcome(0, size, 200, epochs * EPOCH_J, True), profiling=False)
    other = CostModel(make_problem(), Assumptions())
    other.adopt(model.knowledge())
    assert other.succeeded(16)
    assert other.limits.choose_power_limit(16) is None, "the new GPU is still to be profiled"
    assert other.best_of((16, 32)) == 16
    other.observe_profile(16, [LimitMeasurement(200, 100.0, 150.0)])
    assert expected_epochs(other, 32) / 10 == pytest.approx(8.0, rel=0.05)


def test_knowledge_of_sizes_that_are_not_on_offer_counts_too() -> None:
    knowledge = profiled(32).knowledge()
    knowledge["epochs"] = {"48": {**_tally(30, math.log(2.0))}}
    model = CostModel(make_problem(), Assumptions())
    before = model.beliefs.mean[model.sizes.index(64)] - model.beliefs.mean[0]
    model.adopt(knowledge)
    assert 48 in model.sizes
    assert np.isfinite(model.beliefs.mean).all()
    assert model.beliefs.mean[model.sizes.index(64)] - model.beliefs.mean[0] != before


def _tally(count: int, mean: float) -> dict[str, float]:
    return {
        "count": count,
        "mean": mean,
        "squares": 0.0,
        "wasted": 0.0,
        "bound_precision": 0.0,
        "bound_weighted": 0.0,
    }


def test_knowledge_of_another_job_or_window_is_refused() -> None:
    knowledge = profiled(32).knowledge()
    with pytest.raises(InputError, match="knowledge of window_size 0 does not serve window_size 4"):
        profiled(32, window_size=4).adopt(knowledge)
    with pytest.raises(InputError, match="knowledge of job .* does not serve"):
        CostModel(make_problem(max_epochs=7), Assumptions()).adopt(knowledge)
