"""What makes a job the same job: everything its bits depend on, and a checkpoint must agree with."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elastance.elastic.data_order import DataOrder
    from elastance.elastic.levels import Level

UNLIKE_EXECUTORS = "ELASTANCE_UNLIKE_EXECUTORS"
"""Environment variable: 1 lets executors in that compute differently, to show that bits are not DDP's then."""

_NAMES = {
    "accumulate": "mini-batches per global step (accumulate)",
    "batch_size": "batch size per logical worker",
    "bucket_cap_mb": "bucket_cap_mb",
    "gpu": "GPU (level D2 may do without)",
    "instructions": "vector instructions (level D2 does without)",
    "samples": "samples in the data set",
    "threads": "intra-op threads (torch.set_num_threads, OMP_NUM_THREADS)",
    "torch": "version of PyTorch",
    "workers": "logical workers",
}


def identity_of(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    extra: Iterable[str],
    order: DataOrder,
    level: Level,
    seed: int,
    data_workers: int,
    bucket_cap_mb: float | None,
    data: str | None,
) -> dict[str, Any]:
    """Describe a job in numbers and strings; `data` is a digest of a few samples, None where none were loaded.

    Where a job runs and how many executors it has is no part of it; number of threads and version of PyTorch
    are, at levels that promise bits.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    identity: dict[str, Any] = {
        **asdict(order),
        "level": str(level),
        "seed": seed,
        "data_workers": data_workers,
        "bucket_cap_mb": bucket_cap_mb,
        "optimizer": type(optimizer).__name__,
        "extra": sorted(extra),
        "model": {
            name: f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
            for name, tensor in tensors.items()
        },
    }
    if level.follows_ddp and os.environ.get(UNLIKE_EXECUTORS) != "1":
        identity |= {
            "data": data,
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
        }
        device = next(model.parameters()).device
        if device.type == "cuda" and not level.pins_kernels:
            identity["gpu"] = torch.cuda.get_device_name(device)
    return identity


def explain_difference(of_checkpoint: dict[str, Any], of_job: dict[str, Any]) -> str | None:
    """Say in what they differ first; None if they do not."""
    # Samples last: those of a data set of another length are others too.
    for key in sorted(of_job.keys() | of_checkpoint.keys(), key=lambda key: (key == "data", key)):
        saved, wanted = of_checkpoint.get(key), of_job.get(key)
        if saved == wanted:
            continue
        if key == "model":
            return _explain_model(saved or {}, wanted or {})
        if key == "data" and saved and wanted:
            return (
                "its data set gives other samples for the same indices; fix their order, e.g. by sorting file names "
                "or by a shuffle with a seed"
            )
        return f"{_NAMES.get(key, key.replace('_', ' '))} {saved!r}, this job has {wanted!r}"
    return None


def _explain_model(saved: dict[str, str], wanted: dict[str, str]) -> str:
    name = next(name for name in [*wanted, *saved] if saved.get(name) != wanted.get(name))
    return f"its model's {name} is {saved.get(name, 'missing')}, this model's {wanted.get(name, 'missing')}"
