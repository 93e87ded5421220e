"""The collective operations that executors use, with the types that PyTorch leaves out."""

from __future__ import annotations

import atexit
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch.distributed as dist

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

Value = TypeVar("Value")

_untyped: Any = dist

_LAST_WORK_S = 0.1


class Work(Protocol):
    """A collective operation under way."""

    def wait(self) -> object:
        """Return when it is done."""
        ...


def join_launched() -> None:
    """Form a gloo group with the processes that torchrun started, and leave it at exit."""
    _untyped.init_process_group("gloo")
    # Without this, gloo's threads abort a process that exits: SIGABRT in about every second run of two processes.
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        # PyTorch ends its last work in a thread of its own, which may need the interpreter: destroyed before that, a
        # group can wait for it forever.
        time.sleep(_LAST_WORK_S)
        dist.destroy_process_group()


def gloo_group() -> dist.ProcessGroup:
    """Return a gloo group of all processes: the default one if it is, else a new one."""
    if dist.get_backend() == "gloo" and dist.group.WORLD is not None:
        return dist.group.WORLD
    return _untyped.new_group(backend="gloo")


def broadcast(tensor: torch.Tensor, group: dist.ProcessGroup) -> None:
    """Overwrite `tensor` with that of the first process."""
    _untyped.broadcast(tensor, src=0, group=group)


def begin_broadcast(tensor: torch.Tensor, group: dist.ProcessGroup) -> Work:
    """Begin to overwrite `tensor` with that of the first process."""
    return _untyped.broadcast(tensor, src=0, group=group, async_op=True)


def broadcast_object(value: Value, group: dist.ProcessGroup) -> Value:
    """Return the first process's `value`."""
    box = [value]
    _untyped.broadcast_object_list(box, src=0, group=group)
    return box[0]


def gather_objects(value: Value, group: dist.ProcessGroup) -> list[Value]:
    """Return every process's `value`, by rank."""
    box: list[Any] = [None] * group.size()
    _untyped.all_gather_object(box, value, group=group)
    return box


def add_up_all(tensors: Sequence[torch.Tensor], group: dist.ProcessGroup) -> None:
    """Replace each tensor by its sum over all processes, as DDP does with buckets: all under way at once."""
    works = [_untyped.all_reduce(tensor, dist.ReduceOp.SUM, group=group, async_op=True) for tensor in tensors]
    for work in works:
        work.wait()


def wait_for_all(group: dist.ProcessGroup) -> None:
    """Wait until every process is here."""
    _untyped.barrier(group=group)


def take_largest(tensor: torch.Tensor, group: dist.ProcessGroup) -> None:
    """Replace each element by the largest of all processes."""
    _untyped.all_reduce(tensor, dist.ReduceOp.MAX, group=group)


def exchange(
    incoming: torch.Tensor,
    outgoing: torch.Tensor,
    receive: Sequence[int],
    send: Sequence[int],
    group: dist.ProcessGroup,
) -> None:
    """Send the pieces of `outgoing` to the processes by rank and receive theirs.

    Args:
        incoming: Filled with what arrives, by rank.
        outgoing: Pieces by rank.
        receive: Elements of each incoming piece.
        send: Elements of each outgoing piece.
        group: The processes.
    """
    _untyped.all_to_all_single(incoming, outgoing, list(receive), list(send), group=group)
