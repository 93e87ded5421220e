"""Counters are compared with power, and not believed blindly."""

import pytest

from elastance.devices import CounterInfo, Device, rapl
from elastance.devices.simulated import SimulatedDevice, simulated_devices
from elastance.errors import DeviceLostError
from elastance.measure.capabilities import probe_capabilities
from elastance.measure.cross_check import CrossCheck, cross_check
from made_up_powercap import write_two_sockets
from made_up_time import Now


def check(device: Device, now: Now, seconds: float = 2.0) -> CrossCheck:
    def sleep(pause_s: float) -> None:
        now.s += pause_s

    (found,) = cross_check([device], seconds, clock=now, sleep=sleep)
    return found


def simulated(options: str = "", now: Now | None = None) -> tuple[SimulatedDevice, Now]:
    now = now or Now(1000.0)
    (device,) = simulated_devices(f"sim:v100,noise=0{options}", clock=now)
    return device, now


@pytest.mark.parametrize("seconds", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("options", [",period=0.1", ",period=0.02", ",period=0.05,seed=3", ",wrap=100"])
def test_a_good_counter_agrees_however_coarse_its_steps(options: str, seconds: float) -> None:
    found = check(*simulated(options), seconds)
    assert found.problem is None
    assert abs(found.disagreement) < 0.05
    assert not found.disagrees
    assert found.time_s <= seconds + 0.03


def test_the_update_period_is_seen() -> None:
    found = check(*simulated(",period=0.1"))
    assert found.update_period_s == pytest.approx(0.1, abs=0.015)
    assert found.updates in (19, 20, 21)


@pytest.mark.parametrize("factor", [0.5, 0.85, 1.2, 65536.0])
def test_a_wrong_counter_disagrees(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    device, now = simulated()
    honest = device.energy_j
    monkeypatch.setattr(device, "energy_j", lambda: factor * honest())
    found = check(device, now)
    assert found.disagrees
    assert found.disagreement == pytest.approx(factor - 1, rel=0.1)


def test_a_counter_that_stands_still_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    device, now = simulated()
    monkeypatch.setattr(device, "energy_j", lambda: 5.0)
    found = check(device, now)
    assert "not once" in (found.problem or "")
    assert found.counter_j is None
    assert found.disagreement is None


def test_a_counter_that_runs_backwards_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    device, now = simulated()
    monkeypatch.setattr(device, "energy_j", lambda: -now.s)
    device.counter = CounterInfo(1e-3)
    assert "backwards" in (check(device, now).problem or "")


def test_without_a_counter_there_is_only_the_integral() -> None:
    found = check(*simulated(",counter=no"))
    assert (found.counter_j, found.problem, found.disagreement) == (None, None, None)
    assert found.integral_j == pytest.approx(2.0 * 175, rel=0.1)


def test_a_device_that_is_lost_does_not_hide_the_others() -> None:
    now = Now(1000.0)
    devices = simulated_devices("sim:v100x2,noise=0,lost=0.5", clock=now)

    def sleep(pause_s: float) -> None:
        now.s += pause_s

    good, lost = cross_check(devices, 2.0, clock=now, sleep=sleep)
    assert good.problem is None
    assert "gone" in (lost.problem or "")
    assert 10 < lost.samples < good.samples


def test_power_from_the_counter_is_no_second_opinion(tmp_path) -> None:
    root, now = write_two_sockets(tmp_path), Now()
    counter = root / "intel-rapl:0" / "energy_uj"

    def sleep(pause_s: float) -> None:
        now.s += pause_s
        counter.write_text(f"{int(counter.read_text()) + int(80e6 * pause_s)}\n")

    device = rapl.inventory(clock=now, root=root, sleep=sleep).candidates[0].opened()
    (found,) = cross_check([device], 1.0, clock=now, sleep=sleep)
    assert found.problem is None
    assert found.integral_j is None
    assert found.counter_j == pytest.approx(80.0, rel=0.1)


def test_progress_reaches_the_end() -> None:
    device, now = simulated()
    seen: list[float] = []

    def sleep(pause_s: float) -> None:
        now.s += pause_s

    cross_check([device], 1.0, clock=now, sleep=sleep, on_progress=seen.append)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


def test_every_capability_is_asked() -> None:
    device, _ = simulated()
    found = probe_capabilities(device)
    assert list(found) == [
        "counter", "power", "power_limit", "set_power_limit", "temperature", "utilization", "memory", "clock",
    ]  # fmt: skip
    assert all(capability.works for capability in found.values())
    assert found["power_limit"].value == 250.0


def test_what_a_device_cannot_do_has_its_reason() -> None:
    device, _ = simulated(",denied=yes,counter=no")
    found = probe_capabilities(device)
    assert [name for name, capability in found.items() if not capability.works] == [
        "counter",
        "set_power_limit",
    ]
    assert "no permission" in (found["set_power_limit"].problem or "")
    device.no_counter_because = "it is not believed"
    assert probe_capabilities(device)["counter"].problem == "it is not believed"
    device.fault = DeviceLostError("gone")
    assert all(capability.problem for capability in probe_capabilities(device).values())
