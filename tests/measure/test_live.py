"""Live readings on simulated devices and a clock moved by hand."""

from itertools import islice

import pytest

from elastance.devices.simulated import simulated_devices
from elastance.errors import InputError
from elastance.measure.live import live_readings
from elastance.runs import Provenance
from made_up_time import Now


def _frames(spec: str, count: int, interval_s: float = 1.0, now: Now | None = None):
    now = now or Now(100.0)
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        if seconds > 0:
            waits.append(seconds)
        now.s += seconds
        return False

    devices = simulated_devices(spec, clock=now)
    before_j = [device.true_energy_j() for device in devices]
    frames = list(islice(live_readings(devices, interval_s, wait=wait, clock=now), count))
    spent_j = [device.true_energy_j() - before for device, before in zip(devices, before_j, strict=True)]
    return frames, spent_j, waits


@pytest.mark.parametrize("counter", ["yes", "no"])
def test_joules_since_the_start(counter: str) -> None:
    frames, spent_j, waits = _frames(f"sim:v100,a40,load=0.6,counter={counter}", 31)
    assert [reading.energy_j for reading in frames[0]] == [0, 0]
    assert [reading.energy_j for reading in frames[-1]] == pytest.approx(spent_j, rel=0.01)
    assert len(waits) == (30 if counter == "yes" else 300)  # those without a counter are polled in between
    energies = [frame[0].energy_j or 0 for frame in frames]
    assert energies == sorted(energies)


def test_everything_a_device_tells() -> None:
    (reading,) = _frames("sim:v100,load=0.5,noise=0", 4)[0][-1]
    assert reading.source is Provenance.MODEL
    assert (reading.power_limit_w, reading.utilization, reading.failure) == (250, 0.5, None)
    assert reading.power_w == pytest.approx(105, abs=10)
    assert reading.recent_w == (reading.power_w,) * 4
    assert reading.memory_bytes is not None
    assert reading.memory_bytes[0] < reading.memory_bytes[1]
    assert reading.temperature_c is not None


def test_a_wrapped_counter_is_no_step_back() -> None:
    frames, spent_j, _ = _frames("sim:v100,wrap=1000", 21)
    assert frames[-1][0].energy_j == pytest.approx(spent_j[0], rel=0.01)
    assert spent_j[0] > 1000


@pytest.mark.parametrize("counter", ["yes", "no"])
def test_a_lost_device_keeps_its_joules_and_has_no_power(counter: str) -> None:
    frames, _, _ = _frames(f"sim:v100x2,lost=5.5,counter={counter}", 11)
    well, lost = frames[-1]
    before = frames[5][1]
    assert well.failure is None
    assert "is gone" in (lost.failure or "")
    assert (lost.power_w, lost.power_limit_w, lost.temperature_c, lost.memory_bytes) == (None,) * 4
    assert lost.energy_j is not None
    assert before.energy_j is not None
    assert before.energy_j <= lost.energy_j <= before.energy_j * 1.2
    assert lost.recent_w[-5:] == (None,) * 5


def test_a_device_that_never_answers_has_no_energy_rather_than_none_used() -> None:
    (reading,) = _frames("sim:v100,lost=0", 3)[0][-1]
    assert (reading.energy_j, reading.power_w) == (None, None)


@pytest.mark.parametrize("interval_s", [0.0, 0.01, -1.0, float("nan")])
def test_the_interval_has_a_least(interval_s: float) -> None:
    with pytest.raises(InputError, match="at least 0.1"):
        _frames("sim:v100", 1, interval_s)
