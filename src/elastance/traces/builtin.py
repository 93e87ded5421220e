"""The built-in models: the six public workloads on the four GPU types, as formulas with a few coefficients each.

They stand in for the public traces where those have not been fetched. `scripts/fit_builtin_models.py` fits the
coefficients to the traces and writes them, with the errors of the fit, to `MODELS_FILE`. The formulas are in
`elastance.traces.epoch_model` (time and power) and `elastance.traces.convergence_model` (epochs to a target).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from elastance.catalog import WORKLOADS, find_gpu, find_workload
from elastance.errors import InputError
from elastance.job import scale_learning_rate
from elastance.traces.convergence_model import ConvergenceModel, EpochModel, TargetModel
from elastance.traces.epoch_model import CellModel, FitError, require_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.random import Generator

TrainRow: TypeAlias = tuple[str, str, int, str, float, int, float, int | None]
"""A row of the train schema: dataset, network, batch size, optimizer, learning rate, run, target metric, epoch."""

PowerRow: TypeAlias = tuple[str, str, int, str, int, float, float]
"""A row of the power schema: dataset, network, batch size, optimizer, limit (W), time per epoch (s), power (W)."""

MODELS_FILE = files("elastance.traces") / "builtin_models.json"
"""Where the coefficients are."""


@dataclass(frozen=True)
class BuiltinModels:
    """All built-in models.

    Attributes:
        cells: (workload, GPU) to its time and power.
        convergence: Workload to its epochs.
        errors: Time and power over the rows of all cells together.
        fitted_to: Name of each trace file to the SHA-256 of its bytes.
    """

    cells: Mapping[tuple[str, str], CellModel]
    convergence: Mapping[str, ConvergenceModel]
    errors: FitError
    fitted_to: Mapping[str, str]

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> BuiltinModels:
        """Build the models from the content of `MODELS_FILE`."""
        cells = [_cell(record) for record in document["cells"]]
        return cls(
            {(cell.workload, cell.gpu): cell for cell in cells},
            {name: _convergence(record) for name, record in document["convergence"].items()},
            FitError(**document["errors"]),
            document["fitted_to"],
        )

    def cell(self, workload: str, gpu: str) -> CellModel:
        """Time and power of `workload` on `gpu`.

        Raises:
            UnknownNameError: No such workload or GPU type.
        """
        return self.cells[find_workload(workload).name, find_gpu(gpu).name]

    def target_metrics(self, workload: str) -> tuple[float, ...]:
        """Target metrics the model of `workload` knows, ascending.

        Raises:
            UnknownNameError: No such workload.
        """
        targets = self.convergence[find_workload(workload).name].targets
        return tuple(sorted(target.target_metric for target in targets))

    def epochs(self, workload: str, batch_size: int, target_metric: float) -> EpochModel:
        """Epochs of a run of `workload` at `batch_size` to `target_metric`.

        Raises:
            UnknownNameError: No such workload.
            InputError: The model does not know the target metric, or the batch size is outside its range.
        """
        model = self.convergence[find_workload(workload).name]
        require_within("batch size", batch_size, model.batch_sizes, workload)
        metrics = [target.target_metric for target in model.targets]
        if target_metric not in metrics:
            known = ", ".join(f"{metric:g}" for metric in sorted(metrics))
            raise InputError(
                f"target metric {target_metric:g} of {workload} has no built-in model; there are {known}"
            )
        targets = model.targets[: metrics.index(target_metric) + 1]
        return EpochModel(batch_size, targets, model.batch_sizes)

    def learning_rate(self, workload: str, batch_size: int) -> float:
        """Learning rate `workload` is trained with at `batch_size`, to three digits as in the public trace.

        Raises:
            UnknownNameError: No such workload.
        """
        of = find_workload(workload)
        model = self.convergence[of.name]
        if model.learning_rate_batch_size is None:
            return model.learning_rate
        rate = scale_learning_rate(
            of.optimizer,
            model.learning_rate,
            default_batch_size=model.learning_rate_batch_size,
            batch_size=batch_size,
        )
        return float(f"{rate:.2e}")

    def train_rows(self, repeats: int = 10, rng: Generator | None = None) -> Iterator[TrainRow]:
        """Yield a train trace of `repeats` runs per batch size.

        Without `rng` the runs are the quantiles (i - 0.5) / repeats, otherwise each is at a quantile drawn from it.
        """
        for workload in WORKLOADS:
            model = self.convergence[workload.name]
            for size in model.batch_sizes:
                epochs = EpochModel(size, model.targets, model.batch_sizes)
                rate = self.learning_rate(workload.name, size)
                quantiles = (np.arange(repeats) + 0.5) / repeats
                if rng is not None:
                    quantiles = np.clip(rng.random(repeats), 1e-12, None)
                named = (workload.dataset, workload.network, size, workload.optimizer, rate)
                for run, u in enumerate(quantiles.tolist(), start=1):
                    for target, epoch in zip(model.targets, epochs.path(u), strict=True):
                        yield (*named, run, target.target_metric, epoch)

    def power_rows(self, gpu: str, rng: Generator | None = None, noise: float = 0.0) -> Iterator[PowerRow]:
        """Yield a power trace of `gpu`; time and power of each row carry log-normal noise drawn from `rng`.

        Args:
            gpu: Name of the GPU type.
            rng: Source of the noise; needed only if there is any.
            noise: Standard deviation of the noise's logarithm.

        Raises:
            UnknownNameError: No such GPU type.
            InputError: Noise without a generator.
        """
        if noise and rng is None:
            raise InputError(f"noise {noise} needs a random generator to draw from")
        for workload in WORKLOADS:
            cell = self.cell(workload.name, gpu)
            grid = [(size, limit) for size in cell.batch_sizes for limit in cell.power_limits_w(size)]
            values = np.array(cell.predict(*np.array(grid, dtype=np.float64).T))
            if rng is not None:
                values *= np.exp(noise * rng.standard_normal(values.shape))
            for (size, limit), (time_s, power_w) in zip(grid, values.T.tolist(), strict=True):
                yield workload.dataset, workload.network, size, workload.optimizer, limit, time_s, power_w


@cache
def load_models() -> BuiltinModels:
    """Load the built-in models; read once per process."""
    return BuiltinModels.from_document(json.loads(MODELS_FILE.read_text("utf-8")))


def _cell(record: dict[str, Any]) -> CellModel:
    return CellModel(
        record["workload"],
        record["gpu"],
        tuple(record["batch_sizes"]),
        tuple(record["limits_w"]),
        tuple(record["demand"]),
        tuple(record["time"]),
        tuple(record["allowance"]),
        tuple(record["slowdown"]),
        record["trend"],
        FitError(**record["errors"]),
    )


def _convergence(record: dict[str, Any]) -> ConvergenceModel:
    never = (1.0, 0.0, 1.0, 0.0, 1.0, 0.0)
    targets = tuple(
        TargetModel(
            target["target_metric"],
            tuple(target.get("epochs", never)),
            tuple(target.get("step", (0.0, 0.0))),
            target.get("share", 1.0),
            tuple(target.get("window", (None, None))),
        )
        for target in record["targets"]
    )
    return ConvergenceModel(
        tuple(record["batch_sizes"]),
        targets,
        record["learning_rate"],
        record["learning_rate_batch_size"],
    )
