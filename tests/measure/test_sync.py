"""Waiting for queued work; the frameworks are stood in for by what is asked of them."""

import sys
from types import SimpleNamespace

import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.measure.sync import find_sync


def test_none_waits_for_nothing_and_a_function_is_itself() -> None:
    assert find_sync(None) is None
    assert find_sync(print) is print


@pytest.mark.parametrize(("initialized", "waited"), [(False, []), (True, [0, 2])])
def test_torch_waits_for_the_devices_in_use_only(monkeypatch, initialized, waited) -> None:
    calls: list[int] = []
    cuda = SimpleNamespace(
        is_initialized=lambda: initialized,
        current_device=lambda: 0,
        device_count=lambda: 3,
        memory_reserved=lambda index: (0, 0, 512)[index],
        synchronize=calls.append,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    wait = find_sync("torch")
    assert wait is not None
    wait()
    assert calls == waited


def test_jax_waits_behind_all_other_work_of_every_device(monkeypatch) -> None:
    waited: list[str] = []

    class Queued:
        def __init__(self, device: str) -> None:
            self.device = device

        def __add__(self, other: float) -> "Queued":
            return Queued(f"computed on {self.device}")

        def block_until_ready(self) -> None:
            waited.append(self.device)

    jax = SimpleNamespace(local_devices=lambda: ["a", "b"], device_put=lambda value, device: Queued(device))
    monkeypatch.setitem(sys.modules, "jax", jax)
    wait = find_sync("jax")
    assert wait is not None
    wait()
    assert waited == ["computed on a", "computed on b"]


def test_cupy_waits_for_its_device(monkeypatch) -> None:
    waited: list[bool] = []
    device = SimpleNamespace(synchronize=lambda: waited.append(True))
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=SimpleNamespace(Device=lambda: device)))
    wait = find_sync("cupy")
    assert wait is not None
    wait()
    assert waited == [True]


def test_an_unknown_or_missing_framework_is_refused(monkeypatch) -> None:
    with pytest.raises(UnknownNameError, match="known: cupy, jax, torch"):
        find_sync("tensorflow")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match="torch cannot be imported"):
        find_sync("torch")
