"""Simulated GPUs: exact energy, believable readings, faults on demand; time is a number the test sets."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.catalog import GPUS, WORKLOADS, find_gpu
from elastance.devices.simulated import IDLE_POWER_W, SimulatedDevice, simulated_devices
from elastance.errors import (
    DeviceLostError,
    DevicePermissionError,
    InputError,
    NotSupportedError,
    UnknownNameError,
)
from elastance.runs import Provenance
from elastance.traces.builtin import load_models
from made_up_time import Now

CHANGES = st.lists(
    st.tuples(st.floats(0.0, 30.0), st.floats(0.0, 1.0), st.floats(100.0, 250.0)), min_size=1, max_size=8
)


def v100(now: Now, **options) -> SimulatedDevice:
    return SimulatedDevice(find_gpu("v100"), clock=now, **options)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_full_load_draws_the_mean_of_the_builtin_models(gpu) -> None:
    device = SimulatedDevice(gpu, clock=Now(), noise=0.0)
    models = load_models()
    for limit_w in gpu.power_limits_w:
        device.set_power_limit(limit_w)
        powers_w = []
        for workload in WORKLOADS:
            cell = models.cell(workload.name, gpu.name)
            size = max(size for size in cell.batch_sizes if size <= workload.batch_size)
            powers_w.append(cell.average_power_w(size, limit_w))
        settled = SimulatedDevice(gpu, clock=(now := Now()), noise=0.0)
        settled.set_power_limit(limit_w)
        now.s = 1000.0
        assert settled.power_w() == pytest.approx(sum(powers_w) / len(powers_w), abs=0.002)


def test_an_idle_gpu_draws_its_idle_power_whatever_the_limit() -> None:
    device = v100(Now(), load=0.0, noise=0.0)
    assert device.power_w() == IDLE_POWER_W["v100"]
    device.set_power_limit(100.0)
    assert device.power_w() == IDLE_POWER_W["v100"]


def test_energy_in_steady_state_is_power_times_time() -> None:
    now = Now()
    device = v100(now, noise=0.0)
    power_w, before_j = device.power_w(), device.true_energy_j()
    now.s += 100.0
    assert device.true_energy_j() - before_j == pytest.approx(100.0 * power_w, rel=1e-5)


@given(CHANGES)
def test_energy_is_the_integral_of_power_through_every_change(changes) -> None:
    now = Now()
    device = v100(now, noise=0.0, period_s=0.0)
    before_j, integral_j = device.true_energy_j(), 0.0
    for length_s, load, limit_w in changes:
        device.load = load
        device.set_power_limit(limit_w)
        steps = 200
        for _ in range(steps):  # the midpoint rule: exact to 1e-6 on so slow a curve
            now.s += length_s / steps / 2
            integral_j += device.power_w() * length_s / steps
            now.s += length_s / steps / 2
    tolerance_j = 1e-3 + sum(length_s for length_s, _, _ in changes) * 1e-3  # readings are whole milliwatts
    assert device.true_energy_j() - before_j == pytest.approx(integral_j, rel=1e-5, abs=tolerance_j)


@given(CHANGES, st.floats(0.001, 0.2))
def test_the_counter_lags_the_truth_by_one_period_at_most(changes, period_s) -> None:
    now = Now()
    device = v100(now, period_s=period_s)
    for length_s, load, limit_w in changes:
        device.load = load
        device.set_power_limit(limit_w)
        now.s += length_s
        behind_j = device.true_energy_j() - device.energy_j()
        assert -1e-6 <= behind_j <= 400.0 * period_s + 0.001


def test_the_counter_stands_still_between_updates() -> None:
    now = Now(100.0)
    device = v100(now, period_s=0.1)
    shown = []
    for _ in range(1000):
        now.s += 0.001
        shown.append(device.energy_j())
    assert len(set(shown)) in (10, 11)
    assert shown == sorted(shown)


def test_the_counter_wraps() -> None:
    now = Now()
    wrapping, whole = v100(now, wraps_at_j=300.0), v100(now)
    assert wrapping.counter is not None
    assert wrapping.counter.wraps_at_j == 300.0
    for _ in range(20):
        now.s += 1.0
        assert wrapping.energy_j() < 300.0
        assert wrapping.energy_j() == pytest.approx(whole.energy_j() % 300.0)


def test_a_warm_gpu_leaks_and_the_lag_dies_out() -> None:
    now = Now()
    device = v100(now, noise=0.0, period_s=0.0, load=0.0)
    device.load = 1.0
    cold_w, cold_c = device.power_w(), device.temperature_c()
    now.s += 5.0
    assert cold_c < device.temperature_c() < 100.0
    now.s += 1000.0
    assert 0.9 * device.power_w() < cold_w < device.power_w()


def test_the_same_seed_and_clock_give_the_same_numbers() -> None:
    first, second, other = (v100(Now(5.0), seed=seed) for seed in (1, 1, 2))
    assert (first.power_w(), first.energy_j()) == (second.power_w(), second.energy_j())
    assert (first.power_w(), first.energy_j()) != (other.power_w(), other.energy_j())


def test_noise_has_the_size_asked_for_and_no_bias() -> None:
    now = Now()
    device = v100(now, noise=0.05)
    quiet_w = v100(now, noise=0.0).power_w()
    readings = []
    for _ in range(20_000):
        now.s += 0.1
        readings.append(device.power_w() / quiet_w)
    mean = sum(readings) / len(readings)
    assert mean == pytest.approx(1.0, abs=0.002)
    assert math.sqrt(sum((r - mean) ** 2 for r in readings) / len(readings)) == pytest.approx(0.05, rel=0.1)


def test_a_lower_limit_lowers_the_clock() -> None:
    device = v100(Now())
    free_hz = device.clock_hz()
    device.set_power_limit(100.0)
    assert device.clock_hz() < free_hz


def test_memory_and_utilisation_follow_the_load() -> None:
    device = v100(Now(), load=0.5)
    used, total = device.memory_bytes()
    assert (device.utilization(), total) == (0.5, 32 << 30)
    device.load = 1.0
    assert used < device.memory_bytes()[0] < total


def test_limits_are_checked_and_may_be_denied() -> None:
    device = v100(Now())
    assert device.power_limits() == (250.0, 250.0, 100.0, 250.0)
    with pytest.raises(InputError, match="99 W.*100 to 250"):
        device.set_power_limit(99.0)
    device.denied = True
    with pytest.raises(DevicePermissionError, match="denied"):
        device.set_power_limit(150.0)
    assert device.power_limits().current_w == 250.0


def test_a_device_that_is_lost_raises_at_every_reading() -> None:
    now = Now()
    stays, goes = simulated_devices("sim:v100x2,lost=2", clock=now)
    now.s += 1.0
    goes.energy_j()
    now.s += 1.0
    stays.energy_j()
    readings = (
        goes.energy_j, goes.power_w, goes.power_limits, goes.temperature_c, goes.utilization, goes.memory_bytes,
        goes.clock_hz,
    )  # fmt: skip
    for read in readings:
        with pytest.raises(DeviceLostError, match="SIM-v100-1"):
            read()
    stays.fault = DeviceLostError("unplugged")
    with pytest.raises(DeviceLostError, match="unplugged"):
        stays.power_w()


def test_a_device_without_a_counter_says_so() -> None:
    (device,) = simulated_devices("sim:p100,counter=no")
    assert device.counter is None
    with pytest.raises(NotSupportedError, match="no energy counter"):
        device.energy_j()


def test_a_specification_names_types_counts_and_options() -> None:
    devices = simulated_devices("sim:v100x2,rtx6000,RTX6000x2,load=0.5,seed=3,period=0.02,wrap=100,noise=0")
    assert [device.info.id for device in devices] == [
        "SIM-v100-0", "SIM-v100-1", "SIM-rtx6000-2", "SIM-rtx6000-3", "SIM-rtx6000-4"
    ]  # fmt: skip
    assert {device.info.provenance for device in devices} == {Provenance.MODEL}
    assert all("simulated" in device.info.name for device in devices)
    assert {device.load for device in devices} == {0.5}
    assert {device.counter for device in devices} == {(0.001, 0.02, 100.0)}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sim:", "expected sim:NAME"),
        ("sim:v100x0", "1 to 1024 devices"),
        ("sim:v100x9999", "1 to 1024 devices"),
        ("sim:load=1", "expected sim:NAME"),
        ("sim:v100,load=2", "load=2: expected a number from 0 to 1"),
        ("sim:v100,load=half", "load=half: expected a number"),
        ("sim:v100,seed=-1", "seed=-1: expected a number not below 0"),
        ("sim:v100,wrap=0", "wrap=0: expected joules"),
        ("sim:v100,counter=maybe", "counter=maybe: expected yes or no"),
        ("sim:v100,load=1,load=1", "load is given twice"),
        ("nvml:v100", "expected sim:"),
    ],
)
def test_a_bad_specification_is_refused(spec, message) -> None:
    with pytest.raises(InputError, match=message):
        simulated_devices(spec)


@pytest.mark.parametrize("spec", ["sim:h100", "sim:v10x4", "sim:v100,laod=1"])
def test_an_unknown_name_lists_the_known_ones(spec) -> None:
    with pytest.raises(UnknownNameError, match="known:"):
        simulated_devices(spec)


def test_a_load_outside_its_range_is_refused() -> None:
    device = v100(Now())
    with pytest.raises(InputError, match="expected 0 to 1"):
        device.load = 1.5


@pytest.mark.parametrize("step_s", [0.05, 0.1, 0.25, 1.0])
@pytest.mark.parametrize("period_s", [0.0, 0.05])
def test_the_noise_of_neighbouring_readings_is_not_alike(step_s, period_s) -> None:
    now = Now(1234.5)
    device = v100(now, period_s=period_s)
    readings = []
    for _ in range(1000):
        now.s += step_s
        readings.append(device.power_w())
    mean = sum(readings) / len(readings)
    noises = [reading - mean for reading in readings]
    alike = sum(a * b for a, b in itertools.pairwise(noises)) / sum(a * a for a in noises)
    assert abs(alike) < 0.15
