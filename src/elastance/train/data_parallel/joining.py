"""Join the other ranks of a job: find this rank's share, its device, and the process group."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
from typing import Any

from elastance.errors import InputError, MissingExtraError
from elastance.train.data_parallel.account import accounts_directory
from elastance.train.data_parallel.share import Share
from elastance.train.data_parallel.shares import BatchShares

BATCH_SIZES = "ELASTANCE_BATCH_SIZES"
"""Environment variable: samples of a step that each rank takes, separated by commas."""

MICRO_BATCH_SIZES = "ELASTANCE_MICRO_BATCH_SIZES"
"""Environment variable: most samples each rank computes at once."""

LAUNCHER = "ELASTANCE_LAUNCHER"
"""Environment variable: process id of the launcher."""

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


def join(global_batch_size: int | None = None, *, backend: str | None = None) -> Share:
    """Join the other ranks of the job; the first line of a script for ``elastance launch``.

    The shares are those of the launcher's plan. A script started by torchrun, or alone, takes equal shares of
    `global_batch_size`, so that the same script is its own baseline.

    Args:
        global_batch_size: Samples of a step over all ranks. Needed without a plan; with one it must be the plan's.
        backend: Of torch.distributed; "nccl" on GPUs and "gloo" elsewhere by default.

    Raises:
        MissingExtraError: PyTorch is not installed.
        InputError: The number of ranks or the batch size is not that of the plan, or there is no batch size.
    """
    try:
        import torch
        import torch.distributed as distributed
    except ImportError:
        raise MissingExtraError("training", "torch") from None
    end_with_launcher()
    ranks, rank = _number("WORLD_SIZE", 1), _number("RANK", 0)
    shares = _planned(ranks) or _equal(global_batch_size, ranks)
    if global_batch_size not in (None, shares.global_batch_size):
        raise InputError(
            f"global batch size {global_batch_size} is not the plan's: {shares.global_batch_size};"
            f" split anew with --global-batch {global_batch_size}"
        )
    device = _own_device(torch)
    if "WORLD_SIZE" in os.environ and not distributed.is_initialized():
        distributed.init_process_group(backend or ("nccl" if device.type == "cuda" else "gloo"))
        atexit.register(_leave)
    return Share(shares, rank, device, accounts_directory())


def _leave() -> None:
    """Leave the process group; not after an exception, when the others may never answer."""
    import torch.distributed as distributed

    if not hasattr(sys, "last_value") and distributed.is_initialized():
        distributed.destroy_process_group()


def _planned(ranks: int) -> BatchShares | None:
    text = os.environ.get(BATCH_SIZES)
    if text is None:
        return None
    sizes = _numbers(BATCH_SIZES, text)
    if len(sizes) != ranks:
        raise InputError(f"the plan shares a batch among {len(sizes)} ranks ({text}), but there are {ranks}")
    at_once = os.environ.get(MICRO_BATCH_SIZES)
    return BatchShares(sizes, sizes if at_once is None else _numbers(MICRO_BATCH_SIZES, at_once))


def _equal(global_batch_size: int | None, ranks: int) -> BatchShares:
    if global_batch_size is None:
        raise InputError(
            "there is no plan: start the script with `elastance launch --plan plan.json -- python ...`, or say"
            " join(global_batch_size=...) for equal shares"
        )
    if global_batch_size < ranks:
        raise InputError(
            f"global batch size {global_batch_size}: expected at least one sample for each of {ranks} ranks"
        )
    even, rest = divmod(global_batch_size, ranks)
    sizes = tuple(even + (rank < rest) for rank in range(ranks))
    return BatchShares(sizes, sizes)


def _own_device(torch: Any) -> Any:  # noqa: ANN401
    """The GPU of this rank: the only one it sees, or the one of its number on this machine."""
    count: int = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        return torch.device("cpu")
    device = torch.device("cuda", _number("LOCAL_RANK", 0) % count)
    torch.cuda.set_device(device)
    return device


def end_with_launcher() -> None:
    """Have the kernel end this process if its launcher is killed, which then cannot do it."""
    launcher = os.environ.get(LAUNCHER)
    if launcher is None or sys.platform != "linux":
        return
    if os.getppid() == int(launcher):  # else a shell is between them
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)
    if launcher_is_gone():  # it was killed just before
        os.kill(os.getpid(), signal.SIGTERM)


def launcher_is_gone() -> bool:
    """Whether this process was launched by one that is no more."""
    launcher = os.environ.get(LAUNCHER)
    if launcher is None:
        return False
    try:
        os.kill(int(launcher), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _number(variable: str, default: int) -> int:
    return _numbers(variable, os.environ.get(variable, str(default)))[0]


def _numbers(variable: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{variable}={text}: expected whole numbers separated by commas") from None
