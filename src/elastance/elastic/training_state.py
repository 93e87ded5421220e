"""The one copy of what all logical workers share: model, optimizer, schedule, and what the script adds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


class Stateful(Protocol):
    """Something that can be saved: a learning-rate schedule, a gradient scaler, an average of weights."""

    def state_dict(self) -> dict[str, Any]:
        """Return tensors, numbers, strings, lists and dictionaries."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:  # noqa: ANN401
        """Take over what `state_dict` returned."""
        ...


@dataclass(frozen=True)
class TrainingState:
    """Saves and restores everything that is the same for all logical workers.

    Attributes:
        model: The model.
        optimizer: Its optimizer.
        extra: What else is saved, by name.
    """

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    extra: Mapping[str, Stateful] = field(default_factory=dict[str, Stateful])

    def to_plain(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        model: dict[str, Any] = self.model.state_dict()
        return {
            "model": model,
            # A state dict leaves out what a module registers with persistent=False; DDP broadcasts those too.
            "other_buffers": {
                name: buffer for name, buffer in self.model.named_buffers() if name not in model
            },
            "optimizer": self.optimizer.state_dict(),
            "extra": {name: stateful.state_dict() for name, stateful in self.extra.items()},
        }

    def restore(self, plain: dict[str, Any]) -> None:
        """Take over what `to_plain` returned."""
        self.model.load_state_dict(plain["model"])
        for name, buffer in self.model.named_buffers():
            if name in plain["other_buffers"]:
                buffer.copy_(plain["other_buffers"][name])
        self.optimizer.load_state_dict(plain["optimizer"])
        for name, stateful in self.extra.items():
            stateful.load_state_dict(plain["extra"][name])
