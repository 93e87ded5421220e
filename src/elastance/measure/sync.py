"""Wait for work that a framework has queued on a device, so that it falls into the window that asked for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

from elastance.errors import InputError, UnknownNameError

Sync: TypeAlias = str | Callable[[], object]
"""``"torch"``, ``"jax"``, ``"cupy"``, or a function that returns once the queued work is done."""


def find_sync(sync: Sync | None) -> Callable[[], object] | None:
    """Return the function that waits; None for None.

    Raises:
        UnknownNameError: No such framework.
        InputError: The framework is not installed.
    """
    if sync is None or callable(sync):
        return sync
    if sync not in _WAITING:
        raise UnknownNameError("framework to wait for", sync, _WAITING)
    try:
        framework = importlib.import_module(sync)
    except ImportError as error:
        raise InputError(f"sync={sync!r}: {sync} cannot be imported: {error}") from None
    wait = _WAITING[sync]
    return lambda: wait(framework)


def _wait_for_torch(torch: Any) -> None:  # noqa: ANN401
    """Wait for the current device and for all that hold memory of this process; never wake up another one."""
    if not torch.cuda.is_initialized():
        return
    current = torch.cuda.current_device()
    for index in range(torch.cuda.device_count()):
        if index == current or torch.cuda.memory_reserved(index):
            torch.cuda.synchronize(index)


def _wait_for_jax(jax: Any) -> None:  # noqa: ANN401
    """Wait for work that is queued behind all other on every local device: they take it in order."""
    for last in [jax.device_put(0.0, device) + 0.0 for device in jax.local_devices()]:
        last.block_until_ready()


def _wait_for_cupy(cupy: Any) -> None:  # noqa: ANN401
    """Wait for the current device."""
    cupy.cuda.Device().synchronize()


_WAITING: dict[str, Callable[[Any], None]] = {
    "torch": _wait_for_torch,
    "jax": _wait_for_jax,
    "cupy": _wait_for_cupy,
}
