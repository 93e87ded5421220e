"""Energy windows over simulated devices; the clock is a number, and samples are taken by hand."""

import gc
import os
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.devices import CounterInfo, Device, DeviceInfo, DeviceKind
from elastance.devices.simulated import simulated_devices
from elastance.errors import DeviceError, DeviceLostError, InputError, MeterError, NotSupportedError
from elastance.measure.measurement import Measurement
from elastance.measure.meter import EnergyMeter, Window
from elastance.runs import Provenance
from made_up_time import Now


class Gauge(Device):
    """A device that reads what the test says."""

    def __init__(self, index: int = 0, counter: CounterInfo | None = None) -> None:
        self.info = DeviceInfo(f"GAUGE-{index}", "gauge", DeviceKind.GPU, index, "test")
        self.counter = counter
        self.energy = 0.0
        self.power = 100.0
        self.fault: Exception | None = None

    def energy_j(self) -> float:
        if self.fault is not None:
            raise self.fault
        return self.energy

    def power_w(self) -> float:
        if self.fault is not None:
            raise self.fault
        return self.power


def meter_of(*devices: Device, now: Now, **options) -> EnergyMeter:
    return EnergyMeter(devices, clock=now, background=False, **options)


def run(meter: EnergyMeter, now: Now, seconds: float, step_s: float = 0.1) -> None:
    """Let time pass, with a sample every `step_s`."""
    for _ in range(round(seconds / step_s)):
        now.s += step_s
        meter.sample()


@pytest.mark.parametrize("count", [1, 4, 8])
@pytest.mark.parametrize("counter", ["yes", "no"])
@pytest.mark.parametrize("load", [0.0, 0.5, 1.0])
def test_constant_load_is_power_times_time(count, counter, load) -> None:
    now = Now(1234.5)
    devices = simulated_devices(f"sim:v100x{count},load={load},counter={counter}", clock=now)
    quiet = simulated_devices(f"sim:v100,load={load},noise=0", clock=now)[0]
    power_w = quiet.power_w()
    meter = meter_of(*devices, now=now)
    meter.begin("run")
    run(meter, now, 20.0)
    result = meter.end("run")
    assert result.time_s == pytest.approx(20.0)
    assert result.energy_j == pytest.approx(count * power_w * 20.0, rel=0.01)
    assert result.mean_power_w == pytest.approx(count * power_w, rel=0.01)
    assert result.complete
    assert len(result.devices) == count
    for device in result.devices:
        assert device.energy_j == pytest.approx(power_w * 20.0, rel=0.01)
        assert abs(device.energy_j - power_w * 20.0) <= device.provenance.uncertainty_j
        assert device.provenance.source is Provenance.MODEL
        assert device.provenance.method is (Provenance.COUNTER if counter == "yes" else Provenance.INTEGRAL)
        assert device.provenance.resolution_j == (0.001 if counter == "yes" else None)
        assert device.provenance.samples == 202
        assert (device.provenance.max_gap_s is None) is (counter == "yes")


@given(
    st.lists(st.tuples(st.floats(0.5, 20.0), st.floats(0.0, 1.0)), min_size=1, max_size=6),
    st.floats(0.001, 0.2),
)
def test_the_uncertainty_of_a_counter_holds_under_any_load(phases, period_s) -> None:
    now = Now()
    (device,) = simulated_devices(f"sim:v100,load=1,period={period_s}", clock=now)
    meter = meter_of(device, now=now)
    before_j = device.true_energy_j()
    meter.begin("run")
    for length_s, load in phases:
        now.s += length_s
        device.load = load
    (result,) = meter.end("run").devices
    # Power may change within the last period: the bound is for the mean power, the largest of the phases is certain.
    slack_j = period_s * 200.0
    assert (
        abs(result.energy_j - (device.true_energy_j() - before_j))
        <= result.provenance.uncertainty_j + slack_j
    )


def test_windows_nest_and_overlap() -> None:
    now = Now()
    gauge = Gauge(counter=CounterInfo(0.001, 0.0))
    meter = meter_of(gauge, now=now)

    def go(seconds: float, joules: float) -> None:
        now.s += seconds
        gauge.energy += joules

    meter.begin("all")
    go(1.0, 10.0)
    meter.begin("first")
    go(2.0, 20.0)
    meter.begin("second")
    go(3.0, 30.0)
    first = meter.end("first")
    go(4.0, 40.0)
    second, everything = meter.end("second"), meter.end("all")
    assert (first.time_s, first.energy_j) == (5.0, 50.0)
    assert (second.time_s, second.energy_j) == (7.0, 70.0)
    assert (everything.time_s, everything.energy_j) == (10.0, 100.0)


@given(st.lists(st.floats(0.0, 500.0), min_size=2, max_size=20))
def test_integrals_of_parts_add_up(powers) -> None:
    now = Now()
    gauge = Gauge()
    meter = meter_of(gauge, now=now)
    meter.begin("whole")
    parts_j = 0.0
    for power in powers:
        meter.begin("part")
        now.s += 0.3
        gauge.power = power
        meter.sample()
        parts_j += meter.end("part").energy_j
    assert meter.end("whole").energy_j == pytest.approx(parts_j, abs=1e-9)


def test_misuse_is_a_clear_error() -> None:
    now = Now()
    meter = meter_of(Gauge(), now=now)
    meter.begin("a")
    with pytest.raises(MeterError, match="'a' is open already"):
        meter.begin("a")
    with pytest.raises(MeterError, match="no window 'b' is open.*open: 'a'"):
        meter.end("b")
    meter.cancel("a")
    with pytest.raises(MeterError, match="open: none"):
        meter.cancel("a")
    meter.close()
    meter.close()
    with pytest.raises(MeterError, match="closed"):
        meter.begin("a")


@pytest.mark.parametrize("interval_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bad_interval_is_refused(interval_s) -> None:
    with pytest.raises(InputError, match="expected a positive number"):
        EnergyMeter([Gauge()], interval_s=interval_s)


def test_devices_are_needed_and_may_not_repeat() -> None:
    with pytest.raises(InputError, match="at least one"):
        EnergyMeter([])
    with pytest.raises(InputError, match="GAUGE-0 is given twice"):
        EnergyMeter([Gauge(), Gauge()])


def test_a_with_block_measures_and_an_exception_ends_it() -> None:
    now = Now()

    def fail(epoch: Window) -> None:
        assert epoch.measurement is None
        now.s += 2.0
        raise OSError("of the training")

    with meter_of(Gauge(counter=CounterInfo(0.001, 0.0)), now=now) as meter:
        with pytest.raises(OSError, match="of the training"), meter.window("epoch") as epoch:
            fail(epoch)
        assert epoch.measurement is not None
        assert (epoch.measurement.name, epoch.measurement.time_s) == ("epoch", 2.0)
        with meter.window("cancelled") as cancelled:
            meter.cancel("cancelled")
        assert cancelled.measurement is None
        meter.begin("epoch")


def test_a_wrap_is_counted_and_reported() -> None:
    now = Now()
    (device,) = simulated_devices("sim:v100,wrap=1000,noise=0", clock=now)
    power_w = device.power_w()
    meter = meter_of(device, now=now)
    meter.begin("run")
    run(meter, now, 60.0, step_s=0.25)
    (result,) = meter.end("run").devices
    assert result.energy_j == pytest.approx(60.0 * power_w, rel=0.01)
    assert result.provenance.wraps in (int(60.0 * power_w / 1000.0), int(60.0 * power_w / 1000.0) + 1)
    assert result.notes == (f"the counter began again {result.provenance.wraps} time(s)",)
    assert result.problem is None


def test_a_wrap_that_may_have_been_missed_is_said() -> None:
    now = Now()
    meter = meter_of(*simulated_devices("sim:v100,wrap=1000", clock=now), now=now)
    meter.begin("run")
    now.s += 3.0
    assert any("may have begun again unnoticed" in note for note in meter.end("run").devices[0].notes)


def test_a_counter_that_falls_without_wrapping_makes_the_result_partial() -> None:
    now = Now()
    gauge = Gauge(counter=CounterInfo(0.001, 0.0))
    meter = meter_of(gauge, now=now)
    gauge.energy = 100.0
    meter.begin("run")
    gauge.energy, now.s = 150.0, 1.0
    meter.sample()
    gauge.energy, now.s = 10.0, 2.0
    (result,) = meter.end("run").devices
    assert result.energy_j == 50.0
    assert "fell from 150 J to 10 J" in result.problem


def test_a_sampling_gap_is_reported_and_uncertain() -> None:
    now = Now()
    gauge = Gauge()
    meter = meter_of(gauge, now=now)
    meter.begin("run")
    run(meter, now, 1.0)
    now.s += 2.0
    run(meter, now, 1.0)
    (result,) = meter.end("run").devices
    assert result.energy_j == pytest.approx(100.0 * result.time_s)
    assert result.provenance.max_gap_s == pytest.approx(2.1)
    assert result.notes == ("no sample for 2.1 s",)
    assert result.provenance.uncertainty_j == pytest.approx(210.0)


def test_a_window_without_a_sample_inside_knows_nothing() -> None:
    now = Now()
    meter = meter_of(Gauge(), now=now)
    meter.begin("blink")
    now.s += 0.01
    (result,) = meter.end("blink").devices
    assert (result.energy_j, result.provenance.uncertainty_j) == (pytest.approx(1.0), pytest.approx(1.0))
    assert result.notes == ("no sample between its edges",)


def test_a_window_below_the_counters_period_says_so_or_is_estimated() -> None:
    now = Now(100.0)
    gauge = Gauge(counter=CounterInfo(0.001, 0.1))
    short = {}
    for estimate in (False, True):
        meter = meter_of(gauge, now=now, estimate_short=estimate)
        meter.begin("step")
        now.s += 0.02
        (short[estimate],) = meter.end("step").devices
    measured, estimated = short[False], short[True]
    assert measured.energy_j is None, "no reading is never 0 J"
    assert measured.problem == "no reading: the counter did not move in 0.02 s"
    assert measured.notes == ("shorter than the counter's update period, 0.1 s",)
    assert estimated.energy_j == pytest.approx(2.0)
    assert estimated.provenance.method is estimated.provenance.source is Provenance.ESTIMATE
    assert estimated.provenance.uncertainty_j == pytest.approx(2.0)
    assert "estimated" in estimated.notes[0]


def test_a_device_that_disappears_leaves_a_part_and_the_others_go_on() -> None:
    now = Now()
    stays, goes = simulated_devices("sim:v100x2,lost=4.95,noise=0", clock=now)
    power_w = stays.power_w()
    meter = meter_of(stays, goes, now=now)
    meter.begin("run")
    run(meter, now, 10.0)
    result = meter.end("run")
    whole, part = result.devices
    assert whole.problem is None
    assert whole.energy_j == pytest.approx(10.0 * power_w, rel=0.01)
    assert "read for the first 4.9 s only" in part.problem
    assert "SIM-v100-1" in part.problem
    assert part.time_s == pytest.approx(4.9)
    assert part.mean_power_w == pytest.approx(power_w, rel=0.02)
    assert not result.complete
    assert result.energy_j == whole.energy_j + part.energy_j
    meter.begin("next")
    now.s += 1.0
    whole, missing = meter.end("next").devices
    assert whole.energy_j is not None
    assert missing.energy_j is None
    assert missing.mean_power_w is None
    assert "no reading" in missing.problem


def test_lost_before_a_second_reading_is_no_reading() -> None:
    now = Now()
    gauges = Gauge(0, CounterInfo(0.001)), Gauge(1, CounterInfo(0.001))
    meter = meter_of(*gauges, now=now)
    meter.begin("run")
    now.s += 1.0
    for gauge in gauges:
        gauge.fault = DeviceLostError("fell off the bus")
    result = meter.end("run")
    assert result.energy_j is None
    assert result.mean_power_w is None
    assert result.uncertainty_j is None
    assert {device.problem for device in result.devices} == {"no reading: fell off the bus"}


def test_a_device_that_answers_late_is_a_part() -> None:
    now = Now()
    late, other = Gauge(0), Gauge(1)
    meter = meter_of(late, other, now=now)
    late.fault = OSError("input/output error")
    meter.begin("run")
    run(meter, now, 2.0)
    late.fault = None
    run(meter, now, 3.0)
    result = meter.end("run").devices[0]
    assert result.energy_j == pytest.approx(290.0)
    assert result.problem == "read for the last 2.9 s only"


def test_whatever_a_back_end_raises_ends_no_training() -> None:
    now = Now()
    odd, even = Gauge(0), Gauge(1)
    meter = meter_of(odd, even, now=now)
    meter.begin("run")
    odd.fault = ValueError("no such register")
    run(meter, now, 1.0)
    missing, whole = meter.end("run").devices
    assert missing.problem == "no reading: ValueError: no such register"
    assert whole.energy_j == pytest.approx(100.0)


def test_devices_found_by_the_meter_are_closed_with_it() -> None:
    with EnergyMeter("sim:v100x2,period=0", background=False) as meter, meter.window("run") as window:
        assert [device.info.id for device in meter.devices] == ["SIM-v100-0", "SIM-v100-1"]
    assert window.measurement is not None
    assert window.measurement.energy_j is not None


def test_an_integral_bridges_a_failed_reading_as_a_gap() -> None:
    now = Now()
    gauge = Gauge()
    meter = meter_of(gauge, now=now)
    meter.begin("run")
    run(meter, now, 1.0)
    gauge.fault = DeviceError("unknown error")
    run(meter, now, 1.0)
    gauge.fault = None
    run(meter, now, 1.0)
    (result,) = meter.end("run").devices
    assert result.problem is None
    assert result.energy_j == pytest.approx(300.0)
    assert result.provenance.max_gap_s == pytest.approx(1.1)
    assert result.provenance.uncertainty_j == pytest.approx(110.0)


def test_begin_refuses_if_no_device_can_be_read() -> None:
    gauge = Gauge()
    gauge.fault = NotSupportedError("gauge has no power reading")
    meter = meter_of(gauge, now=Now())
    with pytest.raises(DeviceError, match="none of the devices can be read: gauge has no power reading"):
        meter.begin("run")
    gauge.fault = None
    meter.begin("run")


def test_a_clock_that_runs_back_is_said() -> None:
    now = Now(100.0)
    counting, polled = Gauge(0, CounterInfo(0.001, 0.0)), Gauge(1)
    meter = meter_of(counting, polled, now=now)
    meter.begin("run")
    counting.energy, now.s = 50.0, 90.0
    result = meter.end("run")
    assert result.time_s == 0.0
    assert result.energy_j == 50.0
    assert all("clock ran back by 10 s" in device.problem for device in result.devices)


def test_queued_work_is_waited_for_before_both_edges() -> None:
    now = Now()
    gauge = Gauge(counter=CounterInfo(0.001, 0.0))
    queued = [30.0]

    def wait() -> None:
        while queued:
            gauge.energy += queued.pop()
            now.s += 1.0

    meter = meter_of(gauge, now=now, sync=wait)
    meter.begin("step")
    queued.append(70.0)
    result = meter.end("step")
    assert (result.energy_j, result.time_s) == (70.0, 1.0)


def test_a_thread_polls_and_is_gone_after_close() -> None:
    polled = threading.Event()

    class Polled(Gauge):
        reads = 0

        def power_w(self) -> float:
            self.reads += 1
            if self.reads > 3:
                polled.set()
            return 100.0

    before = set(threading.enumerate())
    with EnergyMeter([Polled()], interval_s=0.001) as meter:
        assert set(threading.enumerate()) == before
        meter.begin("run")
        assert polled.wait(30.0)
        (device,) = meter.end("run").devices
        assert device.provenance.samples > 3
        assert device.energy_j == pytest.approx(100.0 * device.time_s)
        meter.begin("left open")
    assert set(threading.enumerate()) == before


def test_a_forgotten_meter_takes_its_thread_along() -> None:
    before = set(threading.enumerate())
    meter = EnergyMeter([Gauge()], interval_s=0.001)
    meter.begin("run")
    (thread,) = set(threading.enumerate()) - before
    del meter
    gc.collect()
    thread.join(30.0)
    assert not thread.is_alive()


def test_many_threads_share_a_meter() -> None:
    (device,) = simulated_devices("sim:v100,noise=0,period=0")
    failures = []

    def measure(name: str) -> None:
        try:
            for _ in range(50):
                meter.begin(name)
                result = meter.end(name)
                assert result.energy_j is None or result.energy_j > 0.0
        except BaseException as error:
            failures.append(error)

    with EnergyMeter([device], interval_s=0.001) as meter:
        threads = [threading.Thread(target=measure, args=(f"window {i}",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_refused_and_the_parent_goes_on() -> None:
    meter = EnergyMeter(simulated_devices("sim:v100,counter=no"), interval_s=0.001)
    meter.begin("run")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # leaves without cleaning up after pytest
        try:
            meter.end("run")
        except MeterError as error:
            os.write(writing, str(error).encode())
        meter.close()
        with EnergyMeter("sim:v100,counter=no", interval_s=0.001) as own, own.window("worker") as window:
            own.sample()
        energy_j = window.measurement.energy_j if window.measurement is not None else None
        os.write(writing, b"; its own works" if energy_j is not None else b"; its own fails")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        message = answer.read()
    assert os.waitpid(child, 0)[1] == 0
    assert f"belongs to process {os.getpid()}" in message
    assert "; its own works" in message
    assert meter.end("run").energy_j is not None
    meter.close()


def test_a_meter_is_not_sent_to_other_processes() -> None:
    with pytest.raises(TypeError, match="make one there"):
        pickle.dumps(meter_of(Gauge(), now=Now()))


def test_an_empty_time_has_no_mean_power() -> None:
    assert Measurement("nothing", 0.0, ()).mean_power_w is None
    assert Measurement("nothing", 1.0, ()).energy_j is None
