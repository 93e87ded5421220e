import sys
from types import SimpleNamespace

from elastance.train.data_parallel.step_clock import CudaMarks, StepClock


class DeviceThatLags:
    """Marks are numbers; work is done when it is waited for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits = 0

    def mark(self) -> float:
        return self.now

    def between_s(self, first: float, second: float) -> float:
        return second - first

    def wait(self) -> None:
        self.waits += 1


def test_the_device_is_waited_for_at_the_edges_only() -> None:
    device = DeviceThatLags()
    clock = StepClock(device)
    clock.start()
    for _ in range(1000):
        clock.begin_lap()
        device.now += 0.25
        clock.note_computed()
        device.now += 0.5
        clock.lap()
    clock.stop()
    clock.stop()
    assert device.waits == 2
    assert clock.laps == 1000
    assert clock.computed_s == 250.0


def test_what_was_discarded_does_not_count() -> None:
    clock = StepClock(DeviceThatLags())
    clock.start()
    clock.begin_lap()
    clock.note_computed()
    clock.lap()
    clock.discard()
    clock.stop()
    assert (clock.laps, clock.timed_s, clock.computed_s) == (0, 0.0, None)


def test_cuda_events_are_in_milliseconds(monkeypatch) -> None:
    """The calls of PyTorch that would be made on a GPU."""
    calls: list[str] = []

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            calls.append("record")

        def synchronize(self) -> None:
            calls.append("wait for event")

        def elapsed_time(self, _end: "Event") -> float:
            return 250.0

    cuda = SimpleNamespace(Event=Event, synchronize=lambda: calls.append("wait for all"))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    marks = CudaMarks()
    assert marks.between_s(marks.mark(), marks.mark()) == 0.25
    marks.wait()
    assert calls == ["record", "record", "wait for event", "wait for all"]
