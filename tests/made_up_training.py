"""Training on a made-up GPU: a step takes time and power that depend on the power limit, on a clock of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from elastance.devices import CounterInfo, Device, DeviceInfo, DeviceKind, PowerLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.train import PowerLimitOptimizer
    from made_up_time import Now


class TrainingGpu(Device):
    """Draws 90 % of its limit; remembers every limit it was given."""

    def __init__(self, now: Now, name: str = "GPU-0", min_w: float = 100.0, max_w: float = 250.0) -> None:
        self.info = DeviceInfo(name, "Made Up", DeviceKind.GPU, 0, "made-up")
        self.counter = CounterInfo(0.001, 0.0)
        self.min_w, self.max_w = min_w, max_w
        self.limit_w = max_w
        self.set_w: list[float] = []
        self.closed = False
        self._now = now
        self._since_s, self._energy_j = now(), 0.0

    def power_w(self) -> float:
        return 0.9 * self.limit_w

    def energy_j(self) -> float:
        return self._energy_j + self.power_w() * (self._now() - self._since_s)

    def power_limits(self) -> PowerLimits:
        return PowerLimits(self.limit_w, self.max_w, self.min_w, self.max_w)

    def set_power_limit(self, power_limit_w: float) -> None:
        assert self.min_w <= power_limit_w <= self.max_w
        self._energy_j, self._since_s = self.energy_j(), self._now()
        self.limit_w = power_limit_w
        self.set_w.append(power_limit_w)

    def close(self) -> None:
        self.closed = True

    def step_time_s(self) -> float:
        """A quarter of a second at 100 W, faster above, but less and less so."""
        return 0.05 + 20.0 / self.limit_w


def train(tuner: PowerLimitOptimizer, now: Now, steps: int, step_time_s: Callable[[], float]) -> None:
    for _ in range(steps):
        tuner.on_step_begin()
        now.s += step_time_s()
        tuner.on_step_end()


class Ranks:
    """Threads that stand for ranks: every call of `gather` waits for the same call of all others."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._values: list[Any] = [None] * count
        self._barrier = threading.Barrier(count, timeout=20)

    def gather_of(self, rank: int) -> Callable[[Any], list[Any]]:
        def gather(value: Any) -> list[Any]:
            self._values[rank] = value
            self._barrier.wait()
            values = list(self._values)
            self._barrier.wait()
            return values

        return gather

    def run(self, work: Callable[[int], Any]) -> list[Any]:
        """Return what each rank's work gave, or the exception it ended with."""
        results: list[Any] = [None] * self.count

        def one(rank: int) -> None:
            try:
                results[rank] = work(rank)
            except Exception as error:
                results[rank] = error

        threads = [threading.Thread(target=one, args=(rank,)) for rank in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results
