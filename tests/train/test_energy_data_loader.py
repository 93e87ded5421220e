"""A loader that measures epochs and stops in time."""

import logging
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.cost import EtaCost
from elastance.errors import InputError, MeterError
from elastance.train import EnergyDataLoader, LeastEnergy, PowerLimitOptimizer, StoppedBy, SweepSteps
from made_up_time import Now
from made_up_training import Ranks, TrainingGpu

SHORT = SweepSteps(wait=1, warmup=1, measure=2)


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def gpu(now: Now) -> TrainingGpu:
    return TrainingGpu(now)


def passed(loader: EnergyDataLoader, now: Now, gpu: TrainingGpu) -> list:
    seen = []
    for batch in loader:
        now.s += gpu.step_time_s()
        seen.append(batch)
    return seen


def test_what_is_measured_is_everything_in_an_epoch(now: Now, gpu: TrainingGpu) -> None:
    loader = EnergyDataLoader("abc", [gpu], max_epochs=2, clock=now)
    for epoch in loader.epochs():
        assert passed(loader, now, gpu) == ["a", "b", "c"]
        now.s += 1.0  # an evaluation
        assert loader.result.epochs == epoch
    now.s += 100.0
    result = loader.result
    assert result.time_s == pytest.approx(2 * (3 * 0.13 + 1.0))
    assert result.energy_j == pytest.approx(result.time_s * 225.0, abs=0.01)
    assert result.cost_j == pytest.approx(EtaCost(0.5, 250.0).of_run(result.energy_j, result.time_s))
    assert (result.epochs, result.reached, result.stopped_by) == (2, False, StoppedBy.EPOCHS)
    assert len(loader) == 3


@pytest.mark.parametrize(("higher", "values"), [(True, [0.5, 0.8, 0.9]), (False, [0.9, 0.8, 0.5])])
def test_the_target_is_met_at_equality(now: Now, gpu: TrainingGpu, higher: bool, values: list[float]) -> None:
    loader = EnergyDataLoader(
        "abc", [gpu], max_epochs=9, target_metric=0.8, higher_is_better=higher, clock=now
    )
    for epoch in loader.epochs():
        passed(loader, now, gpu)
        loader.report_metric(math.nan)
        loader.report_metric(values[epoch])
    assert (loader.result.epochs, loader.result.reached, loader.result.stopped_by) == (
        2,
        True,
        StoppedBy.TARGET,
    )


def test_any_number_of_passes_left_early_or_not_at_all(now: Now, gpu: TrainingGpu) -> None:
    tuner = PowerLimitOptimizer([gpu], steps=SHORT, clock=now, sync=None)
    with tuner:
        loader = EnergyDataLoader(range(30), tuner, max_epochs=4, clock=now)
        other = EnergyDataLoader(range(3), [gpu], max_epochs=1, clock=now)  # state is per object
        left = []
        for epoch in loader.epochs():
            if epoch == 1:
                now.s += 1.0
                continue
            for batch in loader:
                now.s += gpu.step_time_s()
                if batch == 12:
                    break
            left.append(iter(loader))  # begun, never used, and still there at the end
            next(left[-1])
            passed(loader, now, gpu)
        for _ in other.epochs():
            passed(other, now, gpu)
        assert tuner.settled
    assert loader.result.epochs == 4
    assert other.result.epochs == 1
    assert gpu.limit_w == 250


@given(st.floats(1.0, 2000.0), st.integers(1, 20))
def test_the_threshold_is_kept_but_for_the_first_epoch(threshold_j: float, steps: int) -> None:
    now = Now()
    gpu = TrainingGpu(now)
    loader = EnergyDataLoader(range(steps), [gpu], max_epochs=50, cost_threshold_j=threshold_j, clock=now)
    for _ in loader.epochs():
        passed(loader, now, gpu)
    result = loader.result
    assert result.epochs >= 1
    if result.epochs > 1:
        assert result.cost_j < threshold_j
    if result.stopped_by is StoppedBy.COST:
        assert result.cost_j * (1 + 1 / result.epochs) >= threshold_j * (1 - 1e-6) - 0.1


def test_the_epoch_after_the_sweep_is_predicted_at_the_optimum(now: Now, gpu: TrainingGpu) -> None:
    """The last epoch was measured under all limits; the next will cost what the best one costs."""

    def trained(threshold_j: float) -> EnergyDataLoader:
        with PowerLimitOptimizer([gpu], selector=LeastEnergy(), steps=SHORT, clock=now, sync=None) as tuner:
            loader = EnergyDataLoader(
                range(40), tuner, max_epochs=2, cost_threshold_j=threshold_j, eta=1.0, clock=now
            )
            for _ in loader.epochs():
                passed(loader, now, gpu)
                now.s += 2.0
        return loader

    first_j = trained(1.0).result.energy_j
    # 40 steps of 0.25 s at 90 W, and an evaluation of 2 s at 90 W
    next_j = 40 * 0.25 * 90.0 + 2.0 * 90.0
    assert first_j != pytest.approx(next_j, rel=0.01)
    assert trained(first_j + next_j - 1.0).result.stopped_by is StoppedBy.COST
    assert trained(first_j + next_j + 1.0).result.epochs == 2


def test_nothing_is_predicted_while_limits_are_measured(
    now: Now, gpu: TrainingGpu, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        PowerLimitOptimizer([gpu], steps=SHORT, clock=now, sync=None) as tuner,
        caplog.at_level(logging.WARNING),
    ):
        loader = EnergyDataLoader(range(10), tuner, max_epochs=9, cost_threshold_j=1.0, clock=now)
        for epoch in loader.epochs():
            assert tuner.settled == (epoch > 2)
            passed(loader, now, gpu)
    assert loader.result.epochs == 3
    assert "power limits are still being measured" in caplog.text


def test_ranks_stop_together() -> None:
    ranks = Ranks(2)

    def work(rank: int):
        now = Now()
        gpu = TrainingGpu(now, f"GPU-{rank}")
        loader = EnergyDataLoader(
            range(10), [gpu], max_epochs=9, target_metric=0.5, cost_threshold_j=2000.0,
            gather=ranks.gather_of(rank), clock=now,
        )  # fmt: skip
        for _ in loader.epochs():
            for _ in loader:
                now.s += gpu.step_time_s() * (1 + rank)
            loader.report_metric(0.6 * rank)  # only the second rank thinks it is done
        return loader.result

    first, second = ranks.run(work)
    assert first == second
    assert first.stopped_by is StoppedBy.COST
    assert first.energy_j == pytest.approx(first.epochs * 3 * 1.3 * 225.0, abs=0.1)
    assert first.time_s == pytest.approx(first.epochs * 2.6)
    assert first.cost_j == pytest.approx(EtaCost(0.5, 500.0).of_run(first.energy_j, first.time_s))


def test_misuse_is_said(now: Now, gpu: TrainingGpu) -> None:
    loader = EnergyDataLoader("abc", [gpu], max_epochs=1, clock=now)
    with pytest.raises(MeterError, match="belongs into an epoch"):
        iter(loader)
    for _ in loader.epochs():
        passed(loader, now, gpu)
    with pytest.raises(MeterError, match="make a new loader"):
        next(loader.epochs())
    unread = EnergyDataLoader("abc", [gpu], max_epochs=1, clock=now)
    with pytest.raises(MeterError, match="epoch 0 .* could not be measured"):
        list(unread.epochs())  # no time passes, so nothing is counted


@pytest.mark.parametrize(
    "options",
    [
        {"max_epochs": 0},
        {"target_metric": math.nan},
        {"cost_threshold_j": 0.0},
        {"cost_threshold_j": math.nan},
        {"eta": 2.0},
    ],
)
def test_bad_input(now: Now, gpu: TrainingGpu, options: dict) -> None:
    with pytest.raises(InputError):
        EnergyDataLoader("abc", [gpu], **({"max_epochs": 1} | options))


def test_a_pytorch_loader() -> None:
    torch = pytest.importorskip("torch")
    data = torch.utils.data.DataLoader(torch.arange(10), batch_size=4)
    loader = EnergyDataLoader(data, "sim:v100", max_epochs=2)
    seen = [batch.tolist() for _ in loader.epochs() for batch in loader]
    assert seen == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] * 2
    assert loader.result.energy_j > 0
