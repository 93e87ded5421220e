"""The sweep over power limits while a job trains."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.devices.replay import replay_devices
from elastance.errors import DevicePermissionError, InputError, MeterError, NoDeviceError
from elastance.measure import PowerLimitHold
from elastance.measure.limit_records import state_directory
from elastance.runs import Provenance
from elastance.train import (
    Done,
    LeastEnergy,
    LeastEtaCost,
    LeastTime,
    MaxSlowdown,
    PowerLimitOptimizer,
    Profiling,
    Ready,
    SweepSteps,
    Warmup,
)
from made_up_limits import LimitedDevice
from made_up_time import Now
from made_up_training import Ranks, TrainingGpu, train

GRID = [250.0, 225.0, 200.0, 175.0, 150.0, 125.0, 100.0]
SHORT = SweepSteps(wait=1, warmup=2, measure=4)
TO_THE_END = 1 + 7 * 6 + 1

# Energy, time, eta-cost at eta 0 / .25 / .5 / .75 / 1, slowdown 1 / 1.1 / 1.2 / 1.5 / 2.
PUBLISHED = {
    "A40+bert-base-uncased+gpu0": "200 275  275 275 275 200 200  275 250 200 175 150",
    "A40+resnet18+gpu0": "175 175  175 175 175 175 175  175 175 150 150 125",
    "A40+resnet18+gpu0,1,2,3": "100 275  275 275 300 300 100  275 125 100 100 100",
    "A40+resnet50+gpu0": "175 300  300 225 200 200 175  300 200 175 175 150",
    "A40+resnet50+gpu0,1,2,3": "100 150  150 150 150 100 100  125 100 100 100 100",
    "A40+shufflenetv2+gpu0": "150 300  300 300 150 150 150  300 150 150 125 125",
    "V100+bert-base-uncased+gpu0": "125 250  250 250 200 150 125  250 200 200 125 100",
    "V100+resnet18+gpu0": "125 250  250 150 150 150 125  250 150 125 125 100",
    "V100+resnet18+gpu0,1": "100 250  250 100 100 100 100  250 100 100 100 100",
    "V100+resnet50+gpu0": "150 250  250 250 175 175 150  250 200 175 150 125",
    "V100+resnet50+gpu0,1": "125 250  250 250 175 150 125  250 175 150 125 100",
    "V100+shufflenetv2+gpu0": "100 200  200 200 100 100 100  200 125 100 100 100",
}
SELECTORS = [
    LeastEnergy(),
    LeastTime(),
    *(LeastEtaCost(eta) for eta in (0.0, 0.25, 0.5, 0.75, 1.0)),
    *(MaxSlowdown(factor) for factor in (1.0, 1.1, 1.2, 1.5, 2.0)),
]


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def gpu(now: Now) -> TrainingGpu:
    return TrainingGpu(now)


def tuner_of(now: Now, *gpus: TrainingGpu, **options) -> PowerLimitOptimizer:
    return PowerLimitOptimizer(gpus, **({"steps": SHORT, "clock": now, "sync": None} | options))


def test_every_state_in_its_turn(now: Now, gpu: TrainingGpu) -> None:
    with tuner_of(now, gpu) as tuner:
        assert tuner.state is None
        seen = []
        for _ in range(TO_THE_END):
            tuner.on_step_begin()
            seen.append((tuner.state, gpu.limit_w))
            now.s += gpu.step_time_s()
            tuner.on_step_end()
        assert seen[:8] == [
            (Ready(250, 0), 250),
            (Warmup(250, 1), 250),
            (Warmup(250, 0), 250),
            (Profiling(250, 3), 250),
            (Profiling(250, 2), 250),
            (Profiling(250, 1), 250),
            (Profiling(250, 0), 250),
            (Warmup(225, 1), 225),
        ]
        assert seen[-2] == (Profiling(100, 0), 100)
        assert isinstance(tuner.state, Done)
        assert gpu.limit_w == tuner.state.power_limit_w
        assert [window.power_limit_w for window in tuner.profile.windows] == GRID
        for window in tuner.profile.windows:
            time_s = 4 * (0.05 + 20.0 / window.power_limit_w)
            assert window.time_s == pytest.approx(time_s)
            assert window.energy_j == pytest.approx(time_s * 0.9 * window.power_limit_w, abs=0.01)


def test_the_grid_includes_the_minimum_and_never_goes_below(now: Now) -> None:
    gpu = TrainingGpu(now, min_w=100.0, max_w=260.0)  # the published grid ends at 85 W
    with tuner_of(now, gpu) as tuner:
        train(tuner, now, 70, gpu.step_time_s)
        assert tuner.settled
        limits_w = [window.power_limit_w for window in tuner.profile.windows]
        assert limits_w == [260, 235, 210, 185, 160, 135, 110, 100]
    assert min(gpu.set_w) == 100


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_choices_on_the_recorded_profiles(name: str, public_traces: Path) -> None:
    path = public_traces / "profiles" / f"{name}.csv"
    if not path.exists():
        pytest.skip("the recorded profiles are not here")
    with path.open() as file:
        step_s = {
            float(row["window_name"].rsplit("_", 1)[1]): float(row["elapsed_time"]) / 4
            for row in csv.DictReader(file)
        }
    chosen = []
    for selector in SELECTORS:
        now = Now()
        gpus = replay_devices(f"replay:{path}", clock=now)
        with PowerLimitOptimizer(gpus, selector=selector, steps=SHORT, sync=None, clock=now) as tuner:
            train(tuner, now, 1 + 6 * len(step_s) + 1, lambda: step_s[gpus[0].power_limits().current_w])  # noqa: B023
            chosen.append(tuner.state.power_limit_w)
            assert {gpu.power_limits().current_w for gpu in gpus} == {chosen[-1]}
        assert {gpu.power_limits().current_w for gpu in gpus} == {max(step_s)}
    assert chosen == [float(limit) for limit in PUBLISHED[name].split()]


def test_an_epoch_that_ends_in_a_window_drops_it_and_the_same_limit_is_tried_again(
    now: Now, gpu: TrainingGpu
) -> None:
    with tuner_of(now, gpu) as tuner:
        train(tuner, now, 1 + 6 + 3, gpu.step_time_s)
        assert tuner.state == Profiling(225, 3)
        tuner.on_epoch_end()
        assert tuner.state == Ready(225, 0)
        assert gpu.limit_w == 250
        tuner.on_epoch_end()  # twice does no harm
        now.s += 1000.0  # an evaluation must not count
        train(tuner, now, 36 + 1, gpu.step_time_s)
        assert tuner.settled
        assert [window.power_limit_w for window in tuner.profile.windows] == GRID
        assert tuner.profile.at(225).time_s == pytest.approx(4 * (0.05 + 20.0 / 225))


@given(st.lists(st.integers(1, 30), max_size=30), st.floats(100, 300), st.floats(0, 150))
def test_whatever_the_epochs_every_window_is_whole_and_the_limit_goes_back(
    epochs: list[int], max_w: float, span_w: float
) -> None:
    now = Now()
    gpu = TrainingGpu(now, min_w=max(50.0, max_w - span_w), max_w=max_w)
    with tuner_of(now, gpu) as tuner:
        for steps in epochs:
            train(tuner, now, steps, gpu.step_time_s)
            tuner.on_epoch_end()
            now.s += 7.0
            assert isinstance(tuner.state, Ready | Done)
        if tuner.profile is not None:
            for window in tuner.profile.windows:
                assert window.time_s == pytest.approx(4 * (0.05 + 20.0 / window.power_limit_w))
    assert gpu.limit_w == max_w
    assert all(gpu.min_w <= limit_w <= max_w for limit_w in gpu.set_w)


def test_epochs_too_short_for_a_window_are_said_and_cost_nothing(
    now: Now, gpu: TrainingGpu, caplog: pytest.LogCaptureFixture
) -> None:
    with tuner_of(now, gpu) as tuner:
        for epoch in range(7):
            assert tuner.settled == (epoch > 4)
            train(tuner, now, 6, gpu.step_time_s)
            tuner.on_epoch_end()
        assert tuner.settled
        assert gpu.limit_w == 250
    assert tuner.report.power_limit_w is None
    assert "5 epochs in a row ended before 250 W was measured, which takes 7 steps" in tuner.report.problem
    assert len(caplog.records) == 1


def test_limits_go_back_to_what_they_were_not_to_the_maximum(now: Now, gpu: TrainingGpu) -> None:
    gpu.limit_w = 215.0
    with tuner_of(now, gpu) as tuner:
        train(tuner, now, 3, gpu.step_time_s)
        assert gpu.limit_w == 250
    assert gpu.limit_w == 215
    tuner.close()
    with pytest.raises(MeterError, match="closed"):
        tuner.on_step_begin()


@pytest.mark.parametrize("steps", [1, 5, 20, 60])
def test_limits_go_back_after_an_exception(now: Now, gpu: TrainingGpu, steps: int) -> None:
    gpu.limit_w = 225.0

    def failing() -> float:
        if now.s > steps * 0.13:
            raise ZeroDivisionError
        return gpu.step_time_s()

    with pytest.raises(ZeroDivisionError), tuner_of(now, gpu) as tuner:
        train(tuner, now, 1000, failing)
    assert gpu.limit_w == 225
    assert not list(state_directory().glob("*.json"))


def test_limits_go_back_when_a_window_cannot_be_measured(now: Now, gpu: TrainingGpu) -> None:
    tuner = tuner_of(now, gpu)
    with pytest.raises(MeterError, match=r"4 steps .* under 250 W could not be measured"):
        train(tuner, now, 60, lambda: 0.0)  # the counter does not move
    assert gpu.limit_w == 250
    assert not list(state_directory().glob("*.json"))


def test_windows_too_short_for_the_counter_are_estimated_and_said(
    now: Now, gpu: TrainingGpu, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(TrainingGpu, "energy_j", lambda self: 0.0)
    with tuner_of(now, gpu) as tuner:
        train(tuner, now, TO_THE_END, gpu.step_time_s)
        assert tuner.profile.at(100).energy_j == pytest.approx(4 * 0.25 * 90.0)
    (message,) = caplog.messages
    assert "under 250 W is an estimate: 0.52 s were too short for the energy counter" in message


def test_a_right_that_is_missing_is_said_at_the_first_step(tmp_path: Path) -> None:
    gpu = LimitedDevice(tmp_path / "limit")
    gpu.fault = DevicePermissionError("setting limits needs CAP_SYS_ADMIN")
    tuner = PowerLimitOptimizer([gpu], sync=None)
    with pytest.raises(DevicePermissionError, match="CAP_SYS_ADMIN"):
        tuner.on_step_begin()


TRAIN_FOR_EVER = """
import sys, time
from pathlib import Path
from made_up_limits import LimitedDevice
from elastance.train import PowerLimitOptimizer, SweepSteps
gpu = LimitedDevice(Path(sys.argv[1]))
tuner = PowerLimitOptimizer([gpu], steps=SweepSteps(0, 1000000000, 1))
for _ in range(3):
    tuner.on_step_begin()
print(gpu.limit_w, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_limits_go_back_after_a_signal_or_at_the_next_start(tmp_path: Path, ending: signal.Signals) -> None:
    file = tmp_path / "limit"
    gpu = LimitedDevice(file)
    tests = Path(__file__).parents[1]
    child = subprocess.Popen(
        [sys.executable, "-c", TRAIN_FOR_EVER, str(file)],
        env=os.environ | {"PYTHONPATH": str(tests)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout.readline() == "300.0\n"
        child.send_signal(ending)
    if ending is signal.SIGKILL:
        assert gpu.limit_w == 300
        with PowerLimitOptimizer([gpu], observe=True, sync=None) as tuner:
            tuner.on_step_begin()
            assert gpu.limit_w == 250
    assert gpu.limit_w == 250


def test_an_observer_changes_limits_in_windows_only_and_estimates_the_optimum(
    now: Now, gpu: TrainingGpu
) -> None:
    gpu.limit_w = 225.0
    with tuner_of(now, gpu, observe=True, selector=LeastEnergy()) as tuner:
        train(tuner, now, 1, gpu.step_time_s)
        assert gpu.limit_w == 225
        train(tuner, now, TO_THE_END - 2, gpu.step_time_s)
        began_s, began_j = now.s, gpu.energy_j()
        train(tuner, now, 101, gpu.step_time_s)
        assert tuner.settled
        assert gpu.limit_w == 225
        steady_s, steady_j = now.s - began_s, gpu.energy_j() - began_j
    report = tuner.report
    assert report.power_limit_w == 100
    assert report.steps == TO_THE_END + 100
    assert report.measured.energy_j == pytest.approx(began_j + steady_j, abs=0.01)
    # The estimate is what 101 steps at 100 W would have taken instead of the 101 at 225 W.
    optimum_s = 101 * (0.05 + 20.0 / 100)
    assert report.at_optimum.provenance is Provenance.ESTIMATE
    assert report.at_optimum.time_s == pytest.approx(now.s - steady_s + optimum_s)
    assert report.at_optimum.energy_j == pytest.approx(began_j + optimum_s * 90.0, rel=1e-4)
    measured, best, estimate = str(report).splitlines()
    assert measured.endswith("J (counter)")
    assert best == "best power limit: 100 W"
    assert estimate.startswith("at that limit, had it been set: about ")
    assert estimate.endswith("s (estimate)")


def test_a_tuned_run_needs_no_estimate(now: Now, gpu: TrainingGpu) -> None:
    with tuner_of(now, gpu) as tuner:
        train(tuner, now, 100, gpu.step_time_s)
    assert tuner.report.at_optimum is None
    assert tuner.report.problem is None
    with tuner_of(now, gpu) as tuner:
        train(tuner, now, 5, gpu.step_time_s)
    assert tuner.report.problem == "training ended before the sweep did"
    assert "no power limit was selected: training ended" in str(tuner.report)


def test_ranks_add_their_energy_take_the_longest_time_and_count_all_gpus() -> None:
    """The published default weighed time by the GPUs of one rank only."""
    ranks = Ranks(3)

    def work(rank: int) -> tuple:
        now = Now()
        gpu = TrainingGpu(now, f"GPU-{rank}")
        with tuner_of(now, gpu, gather=ranks.gather_of(rank)) as tuner:
            train(tuner, now, 60, lambda: gpu.step_time_s() * (1.0 + 0.1 * rank))
            return tuner.profile, tuner.state

    results = ranks.run(work)
    assert results[0] == results[1] == results[2]
    profile, state = results[0]
    assert profile.max_power_w == 750
    for window in profile.windows:
        time_s = 4 * (0.05 + 20.0 / window.power_limit_w)
        assert window.time_s == pytest.approx(1.2 * time_s)
        assert window.energy_j == pytest.approx(3.3 * time_s * 0.9 * window.power_limit_w, abs=0.01)
    assert state.power_limit_w == LeastEtaCost(0.5).choose(profile)


def test_a_gpu_that_two_ranks_measure_is_refused_on_both() -> None:
    ranks = Ranks(2)

    def work(rank: int) -> None:
        now = Now()
        tuner_of(now, TrainingGpu(now), gather=ranks.gather_of(rank)).on_step_begin()

    errors = ranks.run(work)
    assert all(isinstance(error, InputError) and "more than one rank" in str(error) for error in errors)


def test_gpus_that_accept_unlike_limits_are_refused(now: Now) -> None:
    gpus = TrainingGpu(now, "GPU-0"), TrainingGpu(now, "GPU-1", 100, 300)
    with pytest.raises(InputError, match="100 to 250 W, 100 to 300 W"):
        tuner_of(now, *gpus).on_step_begin()
    assert [gpu.set_w for gpu in gpus] == [[], []]


def test_a_saved_profile_is_used_for_what_it_was_measured_for_only(
    now: Now, gpu: TrainingGpu, tmp_path: Path
) -> None:
    cache = {"cache": tmp_path / "profiles", "job": "cifar 100", "batch_size": 64}
    with tuner_of(now, gpu, **cache) as tuner:
        train(tuner, now, TO_THE_END, gpu.step_time_s)
        measured = tuner.profile
    with tuner_of(now, gpu, selector=LeastTime(), **cache) as tuner:
        train(tuner, now, 1, gpu.step_time_s)
        assert tuner.profile == measured
        assert tuner.state == Done(250)
    for other in (
        {"batch_size": 128},
        {"job": "imagenet"},
        {"steps": SweepSteps(1, 2, 5)},
        {"limit_step_w": 50},
    ):
        with tuner_of(now, gpu, **(cache | other)) as tuner:
            train(tuner, now, 1, gpu.step_time_s)
            assert not tuner.settled


def test_only_the_first_rank_reads_and_writes_profiles(tmp_path: Path) -> None:
    def work_with(ranks: Ranks, steps: int):
        def work(rank: int):
            now = Now()
            gpu = TrainingGpu(now, f"GPU-{rank}")
            options = {"cache": tmp_path / f"{rank}", "job": "x", "batch_size": 8}
            with tuner_of(now, gpu, gather=ranks.gather_of(rank), **options) as tuner:
                train(tuner, now, steps, gpu.step_time_s)
                return tuner.settled

        return work

    assert Ranks(2).run(lambda rank: None) == [None, None]
    for steps in (TO_THE_END, 1):
        ranks = Ranks(2)
        assert ranks.run(work_with(ranks, steps)) == [True, True]
    assert len(list((tmp_path / "0").iterdir())) == 1
    assert not (tmp_path / "1").exists()
    (file,) = (tmp_path / "0").iterdir()
    file.write_text("{")
    ranks = Ranks(2)
    assert all("delete it to have it measured anew" in str(error) for error in ranks.run(work_with(ranks, 1)))


def test_bad_input(now: Now, gpu: TrainingGpu, tmp_path: Path) -> None:
    for steps in (SweepSteps(-1), SweepSteps(1, -1), SweepSteps(1, 1, 0)):
        with pytest.raises(InputError, match="at least 1 to measure"):
            tuner_of(now, gpu, steps=steps)
    for step_w in (0.0, -25.0, math.nan):
        with pytest.raises(InputError, match="step"):
            tuner_of(now, gpu, limit_step_w=step_w)
    with pytest.raises(InputError, match="needs job= and batch_size="):
        tuner_of(now, gpu, cache=tmp_path)
    with pytest.raises(NoDeviceError, match="GPUs only"):
        tuner_of(now)


def test_devices_that_it_finds_are_closed_with_it() -> None:
    with PowerLimitOptimizer("sim:v100x2", sync=None) as tuner:
        tuner.on_step_begin()
        assert tuner.job_gpus.gpu_count == 2
        assert tuner.job_gpus.max_power_w == 500
    assert tuner.report.steps == 0


def test_a_hold_around_the_tuner_keeps_its_limit(now: Now, gpu: TrainingGpu) -> None:
    with PowerLimitHold(gpu, 150):
        with tuner_of(now, gpu) as tuner:
            train(tuner, now, 60, gpu.step_time_s)
        assert gpu.limit_w == 150
    assert gpu.limit_w == 250


def test_a_profile_is_json_in_words(now: Now, gpu: TrainingGpu, tmp_path: Path) -> None:
    with tuner_of(now, gpu, cache=tmp_path, job="a/b c", batch_size=64) as tuner:
        train(tuner, now, TO_THE_END, gpu.step_time_s)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("a-b-c-bs64-")
    content = json.loads(path.read_text())
    assert content["measured_for"]["rank_gpus"] == [["Made Up"]]
    assert content["windows"][0].keys() == {"power_limit_w", "energy_j", "time_s"}
