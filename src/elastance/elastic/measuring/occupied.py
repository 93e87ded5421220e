"""How much memory a process takes just now."""

from __future__ import annotations

from pathlib import Path

import torch

from elastance.errors import InputError

_ROLLUP = Path("/proc/self/smaps_rollup")


def occupied_bytes(device: str) -> int:
    """Return what this process takes.

    On the host its proportional set size: pages that several processes share are divided by their number, so that
    the sum over processes is what they take together. On a GPU what the whole device has in use, as the driver says,
    contexts of all processes included: do not add that up.

    Raises:
        InputError: This system does not tell.
    """
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return total - free
    try:
        lines = _ROLLUP.read_text("ascii").splitlines()
    except OSError:
        raise InputError(f"memory of processes is read from {_ROLLUP}, which only Linux has") from None
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
