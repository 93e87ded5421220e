"""What a script writes down for `elastance certify`: digests of all tensors after each global step."""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elastance.elastic.numerics import surroundings
from elastance.elastic.operator_scan import OperatorScan

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
        self._trial = trial
        self._executor = executor
        self._directory = Path(trial.directory)
        self._path = self._directory / f"executor-{executor}.jsonl"
        self._model, self._optimizer, self._traffic = model, optimizer, traffic
        self._begun_s = self._begun_cpu_s = 0.0
        self._step = 0
        self._scan: OperatorScan | None = None
        self._path.touch()  # prepare() was called

    def begin(self) -> None:
        """A global step begins."""
        if self._executor == 0 and self._step == self._trial.scan_step:
            self._scan = OperatorScan(self._model, self._optimizer).__enter__()
        self._begun_s, self._begun_cpu_s = time.monotonic(), time.process_time()

    def end(self, step: int) -> bool:
        """A global step has ended; returns whether it was the last of the trial.

        Args:
            step: Global steps done.
        """
        time_s, cpu_time_s = time.monotonic() - self._begun_s, time.process_time() - self._begun_cpu_s
        if self._scan is not None:
            self._end_scan(self._scan)
        tensors = state_tensors(self._model, self._optimizer)
        line = {
            "step": step,
            "time_s": time_s,
            "cpu_time_s": cpu_time_s,
            "peak_memory_bytes": _peak_memory_bytes(),
            "device_memory_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
            "sent_bytes": self._traffic.total_bytes,
            "tensors": {name: _digest(value) for name, value in tensors.items()},
        }
        self._keep(tensors)
        if self._step == 0 and self._executor == 0:
            (self._directory / "surroundings.json").write_text(
                json.dumps(surroundings(self._model)), encoding="utf-8"
            )
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._step = step
        return step >= self._trial.steps

    def _end_scan(self, scan: OperatorScan) -> None:
        scan.__exit__(None, None, None)
        self._scan = None
        noted = [asdict(operator) for operator in scan.operators()]
        (self._directory / "operators.json").write_text(json.dumps(noted), encoding="utf-8")

    def _keep(self, tensors: dict[str, Any]) -> None:
        for number, (step, name) in enumerate(self._trial.keep):
            value = tensors.get(name)
            if step == self._step and isinstance(value, torch.Tensor):
                kept = value.detach().cpu().to(torch.float64).numpy()
                np.save(self._directory / f"kept-{self._executor}-{number}.npy", kept)


def state_tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Each parameter, buffer and tensor or number of the optimizer's state, by name."""
    parameters = dict(model.named_parameters())
    named: dict[str, Any] = {f"parameter {name}": tensor for name, tensor in parameters.items()}
    named |= {f"buffer {name}": tensor for name, tensor in model.named_buffers()}
    for name, parameter in parameters.items():
        state: dict[str, Any] = optimizer.state.get(parameter, {})
        named |= {f"optimizer {name} {key}": value for key, value in state.items()}
    return named


def digests(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, str]:
    """Sha256 of each of `state_tensors`, by name."""
    return {name: _digest(value) for name, value in state_tensors(model, optimizer).items()}


def _digest(value: Any) -> str:  # noqa: ANN401
    return hashlib.sha256(_raw(value)).hexdigest()


def _raw(value: Any) -> bytes:  # noqa: ANN401
    if not isinstance(value, torch.Tensor):
        return repr(value).encode()
    flat = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _peak_memory_bytes() -> int:
    # On Linux a process inherits the ru_maxrss of the one that started it; VmHWM is its own.
    try:
        status = Path("/proc/self/status").read_text("utf-8")
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
