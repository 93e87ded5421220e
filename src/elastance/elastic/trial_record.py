"""What a script writes down for `elastance certify`: digests of all tensors after each global step."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from elastance.elastic.transport import Traffic
    from elastance.elastic.trial import Trial


class TrialRecord:
    """Writes the digests of all tensors after each global step, with its time and the memory so far.

    Args:
        trial: What is asked.
        executor: Number of this executor.
        model: The model.
        optimizer: Its optimizer.
        traffic: What this executor sent.
    """

    def __init__(
        self,
        trial: Trial,
        executor: int,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        traffic: Traffic,
    ) -> None:
        self._steps = trial.steps
        self._path = Path(trial.directory) / f"executor-{executor}.jsonl"
        self._model, self._optimizer, self._traffic = model, optimizer, traffic
        self._begun_s: float | None = None

    def begin(self) -> None:
        """A global step begins."""
        self._begun_s = time.monotonic()

    def end(self, step: int) -> bool:
        """A global step has ended; returns whether it was the last of the trial.

        Args:
            step: Global steps done.
        """
        assert self._begun_s is not None
        line = {
            "step": step,
            "time_s": time.monotonic() - self._begun_s,
            "peak_memory_bytes": _peak_memory_bytes(),
            "sent_bytes": self._traffic.total_bytes,
            "tensors": digests(self._model, self._optimizer),
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return step >= self._steps


def digests(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, str]:
    """Sha256 of each parameter, buffer and tensor or number of the optimizer's state, by name."""
    parameters = dict(model.named_parameters())
    named: dict[str, Any] = {f"parameter {name}": tensor for name, tensor in parameters.items()}
    named |= {f"buffer {name}": tensor for name, tensor in model.named_buffers()}
    for name, parameter in parameters.items():
        state: dict[str, Any] = optimizer.state.get(parameter, {})
        named |= {f"optimizer {name} {key}": value for key, value in state.items()}
    return {name: hashlib.sha256(_raw(value)).hexdigest() for name, value in named.items()}


def _raw(value: Any) -> bytes:  # noqa: ANN401
    if not isinstance(value, torch.Tensor):
        return repr(value).encode()
    flat = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _peak_memory_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
