"""Bring a logical worker's gradients to the host, multiplied by 1 / N, while the next worker computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence


class HostCopies(Protocol):
    """Memory on the host, and copies into it."""

    def empty(self, elements: int, dtype: torch.dtype) -> torch.Tensor:
        """Return memory on the host that can be copied to."""
        ...

    def copy(self, gradients: Sequence[torch.Tensor], scale: float, targets: Sequence[torch.Tensor]) -> None:
        """Begin to write `gradients` times `scale` into `targets`; the gradients belong to the copy from now on."""
        ...

    def wait(self) -> None:
        """Return when all that was begun is done."""
        ...


class PlainCopies:
    """Written at once: for a model on the host, or on several devices."""

    def empty(self, elements: int, dtype: torch.dtype) -> torch.Tensor:
        """Return memory on the host."""
        return torch.empty(elements, dtype=dtype)

    def copy(self, gradients: Sequence[torch.Tensor], scale: float, targets: Sequence[torch.Tensor]) -> None:
        """Write `gradients` times `scale` into `targets`."""
        with torch.no_grad():
            for gradient, target in zip(gradients, targets, strict=True):
                if gradient.device == target.device:
                    torch.mul(gradient, scale, out=target)
                else:
                    target.copy_(gradient * scale)

    def wait(self) -> None:
        """All is done."""


class CopiesAside:
    """For a model on a CUDA device: copied on a stream of their own, into pinned memory.

    One worker's gradients are in flight at most: they are held until the next worker's are there, which is after its
    compute. So the device holds two gradients at a time, whatever the number of hosted workers.

    Args:
        device: Where the model is.
        cuda: What makes streams.
    """

    def __init__(self, device: torch.device, cuda: Any = torch.cuda) -> None:  # noqa: ANN401
        self._device = device
        self._cuda = cuda
        self._aside = cuda.Stream(device)
        self._in_flight: Sequence[torch.Tensor] = ()

    def empty(self, elements: int, dtype: torch.dtype) -> torch.Tensor:
        """Return pinned memory: only from there are copies asynchronous."""
        return torch.empty(elements, dtype=dtype, pin_memory=self._device.type == "cuda")

    def copy(self, gradients: Sequence[torch.Tensor], scale: float, targets: Sequence[torch.Tensor]) -> None:
        """Begin to write `gradients` times `scale` into `targets`, once the compute queued so far is done."""
        self.wait()
        with torch.no_grad():
            for gradient in gradients:
                gradient.mul_(scale)
            self._aside.wait_stream(self._cuda.current_stream(self._device))
            with self._cuda.stream(self._aside):
                for gradient, target in zip(gradients, targets, strict=True):
                    target.copy_(gradient, non_blocking=True)
        self._in_flight = gradients  # else their memory could be given to the next worker's compute

    def wait(self) -> None:
        """Wait for the copies, not for the compute queued since."""
        self._aside.synchronize()
        self._in_flight = ()


def host_copies(parameters: Sequence[torch.Tensor]) -> HostCopies:
    """Return what fits where the parameters are."""
    devices = {parameter.device for parameter in parameters}
    device = devices.pop()
    return CopiesAside(device) if device.type == "cuda" and not devices else PlainCopies()
