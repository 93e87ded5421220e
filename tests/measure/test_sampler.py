"""The sampling thread: there while something is due, gone otherwise."""

import threading

import pytest

from elastance.measure import sampler
from elastance.measure.sampler import Sampler


class Ticker:
    """Has something to do `times` times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.done = threading.Event()

    def tick(self) -> float | None:
        if self.left == 0:
            self.done.set()
            return None
        self.left -= 1
        return 0.0


@pytest.fixture
def threads() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_it_works_until_there_is_nothing_left_and_goes_away_by_itself(monkeypatch, threads) -> None:
    monkeypatch.setattr(sampler, "_LINGER_S", 0.001)
    ticker = Ticker(5)
    sampling = Sampler(ticker.tick)
    for _ in range(3):
        ticker.left = 5
        ticker.done.clear()
        sampling.wake()
        for thread in set(threading.enumerate()) - threads:
            thread.join(30.0)
        assert ticker.left == 0
        assert set(threading.enumerate()) == threads


def test_an_idle_thread_is_woken_not_replaced(monkeypatch, threads) -> None:
    monkeypatch.setattr(sampler, "_LINGER_S", 60.0)
    ticker = Ticker(1)
    sampling = Sampler(ticker.tick)
    sampling.wake()
    assert ticker.done.wait(30.0)
    (thread,) = set(threading.enumerate()) - threads
    ticker.done.clear()
    ticker.left = 2
    while not ticker.done.is_set():  # the thread says that it is idle right after it was told so
        sampling.wake()
    assert ticker.left == 0
    assert set(threading.enumerate()) - threads == {thread}
    sampling.stop()
    assert set(threading.enumerate()) == threads


def test_stopping_twice_or_before_the_start_is_fine(threads) -> None:
    ticker = Ticker(1)
    sampling = Sampler(ticker.tick)
    sampling.stop()
    sampling.wake()
    sampling.stop()
    sampling.stop()
    assert set(threading.enumerate()) == threads
