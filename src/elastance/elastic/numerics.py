"""What decides the bits of a kernel, and how level D2 takes that choice away.

On a CPU kernels are chosen by the best instruction set of the processor, by libraries that read their settings when
PyTorch is imported; the number of threads decides how sums are split. Processors of other types choose
otherwise. With these settings every x86 processor chooses alike: the kernels without vector instructions, and
MKL's compatible ones.

On CUDA cuDNN, cuBLAS and PyTorch choose by type of GPU. D2 leaves out what can be left out: cuDNN, whose algorithms
PyTorch cannot pin, fused attention, TF32 and other reduced sums, kernels with atomic additions. cuBLAS still
chooses its algorithms, and the GPU's size still decides random numbers and some sums; so equality between unlike
GPUs is to be certified for a model, not assumed.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError

if TYPE_CHECKING:
    import torch

    from elastance.elastic.levels import Level

_PINNED = {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "1"}

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_FIXED_WORKSPACES = (":4096:8", ":16:8")
"""With these cuBLAS gives the same bits whatever else runs on the GPU (its manual, on reproducibility)."""

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
    if not level.pins_kernels:
        return dict(DEVICE_TYPES[device_type])
    workspace = os.environ.get(_WORKSPACE)
    return (
        DEVICE_TYPES[device_type]
        | _PINNED
        | {_WORKSPACE: workspace if workspace in _FIXED_WORKSPACES else _FIXED_WORKSPACES[0]}
    )


def pin_kernels(device: torch.device) -> None:
    """Leave no choice of kernels to this process that can be taken from it.

    Raises:
        InputError: PyTorch was imported with other settings, or the model is on a device without D2.
    """
    if device.type == "cuda":
        _pin_cuda()
    elif device.type == "cpu":
        _pin_cpu()
    else:
        raise InputError(f"level D2 pins kernels on CPUs and CUDA only, and the model is on {device}; use D1")


def _pin_cpu() -> None:
    import torch

    is_set = torch.backends.cpu.get_cpu_capability() == "DEFAULT" and all(
        os.environ.get(name) == value for name, value in _PINNED.items()
    )
    if not is_set or torch.get_num_threads() != 1:
        settings = " ".join(f"{name}={value}" for name, value in _PINNED.items())
        raise InputError(
            f"level D2 needs one thread and settings that PyTorch reads when it is imported: {settings} python ..."
        )
    torch.backends.mkldnn.enabled = False


def _pin_cuda() -> None:
    import torch

    if os.environ.get(_WORKSPACE) not in _FIXED_WORKSPACES:
        raise InputError(
            f"level D2 on CUDA needs a setting that cuBLAS reads when it starts: {_WORKSPACE}={_FIXED_WORKSPACES[0]} "
            "python ..."
        )
    torch.use_deterministic_algorithms(True)
    backends: Any = torch.backends
    backends.cudnn.enabled = False  # its algorithms cannot be pinned by name
    backends.cudnn.benchmark = False
    backends.cudnn.deterministic = True
    backends.cudnn.allow_tf32 = False
    backends.cuda.matmul.allow_tf32 = False
    backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    for fused in ("flash", "mem_efficient", "cudnn"):
        getattr(backends.cuda, f"enable_{fused}_sdp")(False)


def surroundings(model: torch.nn.Module) -> dict[str, Any]:
    """What this process computes with: everything that its bits may depend on, as plain values."""
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    device = trained[0].device
    config = torch.__config__.show()
    found: dict[str, Any] = {
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "mkl": _version(r"Math Kernel Library Version (\S+?)-", config),
        "onednn": _version(r"MKL-DNN v(\S+)", config) if torch.backends.mkldnn.enabled else "off",
        "model": type(model).__name__,
        "parameters": sum(parameter.numel() for parameter in trained),
        "gradient_bytes": sum(parameter.numel() * parameter.element_size() for parameter in trained),
    }
    if device.type == "cuda":
        cudnn: Any = torch.backends.cudnn
        found |= {"cuda": torch.version.cuda, "cudnn": cudnn.version() if cudnn.enabled else "off"}
    return found


def _version(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found.group(1) if found else None
