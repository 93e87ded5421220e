"""What decides the bits of a kernel on a CPU, and how level D2 takes that choice away.

Kernels are chosen by the best instruction set of the processor, by libraries that read their settings when
PyTorch is imported; the number of threads decides how sums are split. Processors of other types choose
otherwise. With these settings every x86 processor chooses alike: the kernels without vector instructions, and
MKL's compatible ones.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from elastance.errors import InputError

if TYPE_CHECKING:
    import torch

    from elastance.elastic.levels import Level

_PINNED = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "1"}

DEVICE_TYPES: dict[str, dict[str, str]] = {
    "cpu": {},
    "cpu-avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"},
    "cpu-sse": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"},
}
"""Types of processor that this one can stand in for, by the best instructions a process may use; `cpu` is itself."""


def environment(level: Level, device_type: str = "cpu") -> dict[str, str]:
    """Variables that must be set before a process imports PyTorch.

    Args:
        level: At D2 the same for every type, else the best that the type has.
        device_type: A name of `DEVICE_TYPES`.
    """
    return DEVICE_TYPES[device_type] | (_PINNED if level.pins_kernels else {})


def pin_kernels(device: torch.device) -> None:
    """Leave no choice of kernels to this process.

    Raises:
        InputError: The model is not on a CPU, or PyTorch was imported with other settings.
    """
    import torch

    if device.type != "cpu":
        raise InputError(f"level D2 pins kernels on CPUs only, and the model is on {device}; use D1")
    is_set = torch.backends.cpu.get_cpu_capability() == "DEFAULT" and all(
        os.environ.get(name) == value for name, value in _PINNED.items()
    )
    if not is_set or torch.get_num_threads() != 1:
        settings = " ".join(f"{name}={value}" for name, value in _PINNED.items())
        raise InputError(
            f"level D2 needs one thread and settings that PyTorch reads when it is imported: {settings} python ..."
        )
    torch.backends.mkldnn.enabled = False
