"""The random numbers of one logical worker: Python, NumPy, PyTorch on the host and on the device."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class RandomState:
    """Where the four global generators of a process stand.

    Attributes:
        python: State of `random`.
        numpy: State of NumPy's global generator.
        torch: State of PyTorch's generator on the host, bytes.
        device: State of PyTorch's generator on the CUDA device; None where the model is on the host.
    """

    python: tuple[Any, ...]
    numpy: tuple[Any, ...]
    torch: torch.Tensor
    device: torch.Tensor | None = None

    @classmethod
    def capture(cls, device: torch.device | None = None) -> RandomState:
        """Read the generators of this process."""
        return cls(
            random.getstate(),
            # The global generators are what datasets and models draw from, so they are what a worker owns.
            np.random.get_state(),  # noqa: NPY002  # pyright: ignore[reportArgumentType]
            torch.get_rng_state(),
            torch.cuda.get_rng_state(device) if device is not None and device.type == "cuda" else None,
        )

    def restore(self, device: torch.device | None = None) -> None:
        """Set the generators of this process."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.torch)
        if self.device is not None and device is not None:
            torch.cuda.set_rng_state(self.device, device)

    def to_plain(self) -> dict[str, Any]:
        """Lists, numbers and tensors only, for a checkpoint."""
        name, keys, *rest = self.numpy
        return {
            "python": self.python,
            "numpy": [str(name), torch.tensor(keys.astype(np.int64)), *rest],
            "torch": self.torch,
            "device": self.device,
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> RandomState:
        """Undo `to_plain`."""
        name, keys, *rest = plain["numpy"]
        version, internal, gauss = plain["python"]
        numpy_state = (name, keys.numpy().astype(np.uint32), *rest)
        return cls((version, tuple(internal), gauss), numpy_state, plain["torch"], plain["device"])


def seed_all(seed: int) -> None:
    """Seed the generators of this process, as a training script does with ``seed + rank``."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)  # the devices too  # pyright: ignore[reportUnknownMemberType]
