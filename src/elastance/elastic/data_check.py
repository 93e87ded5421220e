"""See whether a data set gives the same samples again, here and on other executors.

A logical worker's samples are to depend on their index and on the global random numbers only. A list of files in the
order of the file system, a shuffle without a seed, or a generator of its own breaks that where no sampler can see it:
bits then differ between runs and executors. A few samples, loaded with fixed random numbers, tell.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from elastance.elastic.random_state import RandomState, seed_all
from elastance.elastic.samples import fetch
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SAMPLES = 4


def indices_to_check(samples: int) -> list[int]:
    """A few indices from begin to end of a data set of so many samples."""
    last = samples - 1
    return sorted({last * part // (_SAMPLES - 1) for part in range(_SAMPLES)})


def digest_twice(dataset: Any, indices: list[int], device: torch.device | None = None) -> str:  # noqa: ANN401
    """Sha256 of some samples, loaded with the same random numbers each time; the process keeps its own.

    Args:
        dataset: The data set.
        indices: Which samples.
        device: Where the model is, and so more random numbers may be; None in a process that only loads.

    Raises:
        InputError: Loaded a second time, they were other ones.
    """
    outside = RandomState.capture(device)
    try:
        first, second = (_digest_once(dataset, indices) for _ in range(2))
    finally:
        outside.restore(device)
    if first != second:
        raise InputError(
            "the data set gives another sample when asked again for the same index with the same random numbers: it "
            "has random numbers or other state of its own; draw from random, numpy.random or torch, or use level none"
        )
    return first


def _digest_once(dataset: Any, indices: list[int]) -> str:  # noqa: ANN401
    seed_all(0)
    hashed = hashlib.sha256()
    _add(fetch(dataset, indices, list), hashed.update)
    return hashed.hexdigest()


def _add(value: Any, update: Callable[[bytes], None]) -> None:  # noqa: ANN401
    """Hash what can be compared; of other objects the type only."""
    update(type(value).__name__.encode())
    if isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_quantized:
        value = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        update(repr((array.dtype.str, array.shape)).encode())
        update(b"" if array.dtype.hasobject else array.tobytes())
    elif isinstance(value, bytes | str | int | float | np.generic):
        update(repr(cast("object", value)).encode())
    elif isinstance(value, dict | list | tuple):
        items = cast("Iterable[Any]", value.items() if isinstance(value, dict) else value)
        for item in items:
            _add(item, update)
