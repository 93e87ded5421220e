"""Weigh gradients so that ranks with unequal shares together take the step of the whole batch.

The loss of a rank is a mean over its own n samples, and DDP takes the plain mean over the N ranks. The gradient of
the mean over all B samples is the sum of the ranks' gradients times n / B: each is multiplied by N n / B before DDP
sees it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class GradientWeights:
    """Multiplies the gradients of a model's parameters by the weight of the micro-batch they come from.

    It hooks the parameters, not the loss and not DDP's communication: losses, gradient scalers, clipping and
    communication hooks stay as they are, and micro-batches of unequal size add up as they should.

    Args:
        model: A `torch.nn.Module`; its parameters must not be replaced later.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 (PyTorch is optional)
        self._weight = 1.0
        self._awaited = 0
        self._on_last: Callable[[], None] | None = None
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._parameters = len(trained)
        for parameter in trained:
            parameter.register_hook(self._weigh)

    @property
    def saw_gradients(self) -> bool:
        """Whether any gradient was computed since the last weight was set."""
        return self._awaited < self._parameters

    @contextmanager
    def weighing(self, weight: float, on_last: Callable[[], None] | None = None) -> Generator[None]:
        """Weigh the gradients that are computed while the block runs.

        Args:
            weight: What they are multiplied by.
            on_last: Called once every parameter has had a gradient: the computation of this micro-batch is done, but
                for the other ranks.
        """
        self._weight, self._awaited, self._on_last = weight, self._parameters, on_last
        try:
            yield
        finally:
            self._weight, self._on_last = 1.0, None

    def _weigh(self, gradient: Any) -> Any:  # noqa: ANN401
        self._awaited -= 1
        if self._awaited == 0 and self._on_last is not None:
            self._on_last()
        if self._weight == 1.0:
            return None
        if self._weight == 0.0:
            import torch

            # Not a product: what does not count must not, even where it is not finite.
            return torch.zeros_like(gradient)
        return gradient * self._weight
