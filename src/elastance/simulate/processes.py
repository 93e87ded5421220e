"""Work in several processes that leave nothing behind, however they end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from elastance.errors import InputError, WorkerError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

PARTS_PER_PROCESS = 8
"""Work is handed out in this many parts per process, so that progress shows and the last ones finish together."""

_Part = TypeVar("_Part")
_Answer = TypeVar("_Answer")


def check_jobs(jobs: int) -> int:
    """Return `jobs` if it is a number of processes that can do any work.

    Raises:
        InputError: It is less than one.
    """
    if jobs < 1:
        raise InputError(f"{jobs} jobs: at least one process has to do the work")
    return jobs


def in_processes(
    function: Callable[[_Part], _Answer], parts: Sequence[_Part], jobs: int
) -> Iterator[tuple[int, _Answer]]:
    """Yield the number and the answer of each part as processes finish them; with one process in this one, in order.

    Args:
        function: What to do; named at the top of a module, as processes are spawned.
        parts: What to do it with.
        jobs: Processes; no more are started than there are parts.

    Raises:
        WorkerError: A process died.
        ElastanceError: What `function` raised; the other processes are ended.
    """
    if check_jobs(jobs) == 1 or len(parts) <= 1:
        yield from ((number, function(part)) for number, part in enumerate(parts))
        return
    others = multiprocessing.active_children()
    context = multiprocessing.get_context("spawn")
    workers = min(jobs, len(parts))
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_depend_on_parent) as pool:
        try:
            with _interrupts_held():  # a worker that is only just starting cannot ignore one yet
                futures = {pool.submit(function, part): number for number, part in enumerate(parts)}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException as error:
            for worker in set(multiprocessing.active_children()).difference(others):
                worker.terminate()  # nobody waits for what it is still at
            if isinstance(error, BrokenProcessPool):
                raise WorkerError(
                    "a worker process died, perhaps for lack of memory; try fewer --jobs"
                ) from None
            raise


@contextmanager
def _interrupts_held() -> Generator[None]:
    """Hold Ctrl-C back until the block is left, and from the processes it starts for good."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _depend_on_parent() -> None:
    """Leave Ctrl-C to the parent, as it reaches the whole process group; and end when the parent is gone.

    A worker of a parent that was killed would wait for work for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
