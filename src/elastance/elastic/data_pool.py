"""Mini-batches loaded by processes that the logical workers of an executor share.

Under DDP each of N processes has W data workers of its own: data worker j loads every W-th mini-batch, with
random numbers of its own. Here they are W streams per logical worker: a stream is where its random numbers
stand. Any process of the pool takes a stream's state, loads one mini-batch with it, and gives the advanced
state back. So order and augmentation do not depend on how many processes there are, and only one of an
executor's logical workers trains at a time: the processes of one DDP worker feed them all (EasyScale, section
on data workers).

Each stream is one mini-batch ahead. The state before a mini-batch that was loaded but not used yet is what a
checkpoint keeps; it is loaded again after a restart.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data._utils.worker import _generate_state  # pyright: ignore

from elastance.elastic.data_check import digest_twice
from elastance.elastic.data_feed import draw_base_seed
from elastance.elastic.random_state import RandomState
from elastance.elastic.samples import fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.elastic.data_order import DataOrder


@dataclass
class _Stream:
    """One data worker of one logical worker: its state before the mini-batch that is being loaded, if one is."""

    state: bytes
    loading: Future[tuple[Any, bytes]] | None = None


class PooledFeed:
    """Loads mini-batches ahead, in processes, as `DataLoader(num_workers=data_workers)` of each logical worker would.

    Args:
        dataset: Map-style data set; each process has a copy.
        order: Which samples each logical worker sees.
        collate: Puts samples together, in the process that loaded them.
        data_workers: Data workers of each logical worker, W; they decide the random numbers.
        processes: Processes that do their work.
    """

    def __init__(
        self,
        dataset: Any,  # noqa: ANN401
        order: DataOrder,
        collate: Callable[[list[Any]], Any],
        data_workers: int,
        processes: int,
    ) -> None:
        self._order = order
        self._data_workers = data_workers
        self._batches: dict[int, list[list[int]]] = {}
        self._streams: dict[int, list[_Stream]] = {}
        # Forked where that is the default, like the processes of DataLoader: a data set need not be picklable then.
        self._pool = ProcessPoolExecutor(processes, None, _open, (dataset, collate))

    def begin_epoch(self, rank: int, epoch: int) -> None:
        """Start an epoch of a logical worker."""
        seed = draw_base_seed()
        states = [_state_of_data_worker(seed, number) for number in range(self._data_workers)]
        self.resume_epoch(rank, epoch, 0, states)

    def resume_epoch(self, rank: int, epoch: int, batch: int, streams: Sequence[RandomState]) -> None:
        """Go on within an epoch, before mini-batch `batch`."""
        self._batches[rank] = self._order.batches(rank, epoch)
        self._streams[rank] = [_Stream(pickle.dumps(state)) for state in streams]
        for ahead in range(batch, batch + self._data_workers):
            self._submit(rank, ahead)

    def load(self, rank: int, batch: int) -> Any:  # noqa: ANN401
        """Return mini-batch `batch` of the epoch."""
        stream = self._streams[rank][batch % self._data_workers]
        assert stream.loading is not None
        inputs, stream.state = stream.loading.result()
        stream.loading = None
        self._submit(rank, batch + self._data_workers)
        return inputs

    def digest(self, indices: list[int], device: torch.device) -> str:
        """Sha256 of the samples `indices`; loaded by a process, for a file opened here would be shared by all."""
        del device
        return self._pool.submit(_digest, indices).result()

    def streams(self, rank: int) -> list[RandomState]:
        """Where each stream stands before the first of its mini-batches that was not used yet."""
        return [pickle.loads(stream.state) for stream in self._streams[rank]]  # noqa: S301

    def close(self) -> None:
        """Stop the processes."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, rank: int, batch: int) -> None:
        if batch < len(self._batches[rank]):
            stream = self._streams[rank][batch % self._data_workers]
            stream.loading = self._pool.submit(_load, stream.state, self._batches[rank][batch])


def _state_of_data_worker(base_seed: int, number: int) -> RandomState:
    """The random numbers that a data worker of DataLoader begins an epoch with."""
    outside = RandomState.capture()
    random.seed(base_seed + number)
    torch.manual_seed(base_seed + number)  # pyright: ignore[reportUnknownMemberType]
    # PyTorch's own function, for its data workers must be followed whatever it does.
    np.random.seed(_generate_state(base_seed, number))  # noqa: NPY002  # pyright: ignore
    state = RandomState.capture()
    outside.restore()
    return state


# What a process of the pool works with; set once when it starts.
_opened: tuple[Any, Callable[[list[Any]], Any]] | None = None


def _open(dataset: Any, collate: Callable[[list[Any]], Any]) -> None:  # noqa: ANN401
    global _opened
    _opened = dataset, collate
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that trains is told, and closes the pool
    torch.set_num_threads(1)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    # A killed parent closes nothing.
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _digest(indices: list[int]) -> str:
    assert _opened is not None
    return digest_twice(_opened[0], indices)


def _load(state: bytes, indices: list[int]) -> tuple[Any, bytes]:
    assert _opened is not None
    dataset, collate = _opened
    pickle.loads(state).restore()  # noqa: S301
    inputs = fetch(dataset, indices, collate)
    # Tensors travel through shared memory, which is dear for the few bytes of a state.
    return inputs, pickle.dumps(RandomState.capture())
