"""The built-in models: the six public workloads on the four GPU types, as formulas with a few coefficients each.

They stand in for the public traces where those have not been fetched. `scripts/fit_builtin_models.py` fits the
coefficients to the traces and writes them, with the errors of the fit, to `MODELS_FILE`.

**An epoch**, at batch size b and power limit p (W), with x = log2(b) scaled to [-1, 1] over the sizes on offer:

- Left alone the GPU draws D(x) = exp(sum d_k T_k(x)) watts and needs T(x) = exp(sum t_k T_k(x)) seconds, T_k being
  Chebyshev polynomials.
- The limit allows C(p) = slope p + offset watts. Power is a smooth minimum of demand and allowance,
  P = (D^-s + C^-s)^(-1/s); s is its sharpness.
- Throttling by the factor r = D / P lengthens the epoch: log t = log T(x) + a / (1 + g a) + trend (p / p_max - 1),
  where a = k exp(c x) (log r)^e. As clocks have a floor, the slowdown saturates, at exp(1 / g).

**A run** reaches a target metric in ``ceil(y)`` epochs. At the share v of the runs that reach it at all,
y = (n + L s^l + S s^-m) exp(h step(log2 b - x_step) + spread z(v)), with s = b / b_mid (the middle of the sizes, in
octaves), step = logistic function, z = quantile of the normal distribution. Small and large batches both need more
epochs than those between (n). The share that reaches the target falls to nothing, by the same step, at the ends of a
window of batch sizes. One quantile describes a run: all targets share it, and none is met before an easier one.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from elastance.catalog import WORKLOADS, find_gpu, find_workload
from elastance.errors import InputError
from elastance.job import scale_learning_rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

TrainRow: TypeAlias = tuple[str, str, int, str, float, int, float, int | None]
"""A row of the train schema: dataset, network, batch size, optimizer, learning rate, run, target metric, epoch."""

PowerRow: TypeAlias = tuple[str, str, int, str, int, float, float]
"""A row of the power schema: dataset, network, batch size, optimizer, limit (W), time per epoch (s), power (W)."""

MODELS_FILE = files("elastance.traces") / "builtin_models.json"
"""Where the coefficients are."""

_STEEPNESS = 8.0  # of every logistic step over batch sizes, logits per octave
_LEAST_ALLOWANCE = 0.05  # share of the limit that is always allowed, so that no power is ever 0
_MEAN_POINTS = 400
_NORMAL = NormalDist()


@dataclass(frozen=True)
class FitError:
    """How far a model is from the traces it was fitted to; all as fractions (0.01 = 1 %).

    Attributes:
        time_median, time_p95: Relative error of the time per epoch over all rows on offer: median, 95th percentile.
        power_median, power_p95: The same of the mean power.
        excess_cost: What the configuration the model thinks cheapest for the default job at eta 0.5 costs above
            the truly cheapest one, both priced on the traces. For several cells together: the largest.
        excess_cost_time, excess_cost_energy: The same at eta 0 (time only) and eta 1 (energy only).
    """

    time_median: float
    time_p95: float
    power_median: float
    power_p95: float
    excess_cost: float
    excess_cost_time: float
    excess_cost_energy: float


@dataclass(frozen=True)
class CellModel:
    """Time and power of one workload on one GPU type. The module's docstring has the formula.

    Attributes:
        workload, gpu: Names.
        batch_sizes: Sizes on offer, ascending.
        limits_w: Power limits on offer, W, ascending.
        demand: d_k, of the logarithm of the power drawn without a limit (W).
        time: t_k, of the logarithm of the time per epoch without a limit (s).
        allowance: Slope, offset (W) and sharpness of what a limit allows.
        slowdown: k, c, e and g of the slowdown by throttling.
        trend: Of the logarithm of the time per epoch, over the limit as a share of the largest one.
        errors: Against the traces.
    """

    workload: str
    gpu: str
    batch_sizes: tuple[int, ...]
    limits_w: tuple[int, ...]
    demand: tuple[float, ...]
    time: tuple[float, ...]
    allowance: tuple[float, float, float]
    slowdown: tuple[float, float, float, float]
    trend: float
    errors: FitError

    def power_limits_w(self, batch_size: int) -> tuple[int, ...]:
        """Power limits on offer at `batch_size`, W, ascending.

        Raises:
            InputError: The batch size is not on offer.
        """
        if batch_size not in self.batch_sizes:
            sizes = ", ".join(map(str, self.batch_sizes))
            raise InputError(
                f"batch size {batch_size} of {self.workload} is not on offer on {self.gpu}; there are {sizes}"
            )
        return self.limits_w

    def time_per_epoch_s(self, batch_size: int, power_limit_w: float) -> float:
        """Seconds per epoch; both arguments may lie anywhere between those on offer.

        Raises:
            InputError: The batch size or the limit is outside the range of those on offer.
        """
        return self._at(batch_size, power_limit_w)[0]

    def average_power_w(self, batch_size: int, power_limit_w: float) -> float:
        """Mean power over an epoch, W; both arguments may lie anywhere between those on offer.

        Raises:
            InputError: The batch size or the limit is outside the range of those on offer.
        """
        return self._at(batch_size, power_limit_w)[1]

    def predict(
        self, batch_sizes: NDArray[np.float64], power_limits_w: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Time per epoch (s) and mean power (W), element by element and with no check of the range."""
        x = _scaled(np.log2(batch_sizes), self.batch_sizes)
        log_demand = np.polynomial.chebyshev.chebval(x, self.demand)
        log_time = np.polynomial.chebyshev.chebval(x, self.time)
        slope, offset, sharpness = self.allowance
        allowed = np.maximum(slope * power_limits_w + offset, _LEAST_ALLOWANCE * power_limits_w)
        throttling = np.logaddexp(0.0, sharpness * (log_demand - np.log(allowed))) / sharpness
        amount, tilt, exponent, floor = self.slowdown
        slowdown = amount * np.exp(tilt * x) * throttling**exponent
        log_time += slowdown / (1.0 + floor * slowdown)
        log_time += self.trend * (power_limits_w / self.limits_w[-1] - 1.0)
        return np.exp(log_time), np.exp(log_demand - throttling)

    def _at(self, batch_size: int, power_limit_w: float) -> tuple[float, float]:
        _require_within("batch size", batch_size, self.batch_sizes, f"{self.workload} on {self.gpu}")
        _require_within("power limit", power_limit_w, self.limits_w, f"{self.workload} on {self.gpu}, in W")
        time_s, power_w = self.predict(np.array([float(batch_size)]), np.array([float(power_limit_w)]))
        return float(time_s[0]), float(power_w[0])


@dataclass(frozen=True)
class TargetModel:
    """Epochs to one target metric, over batch sizes. The module's docstring has the formula.

    Attributes:
        target_metric: The target.
        epochs: n, L, l, S, m and spread.
        step: h and x_step, the latter in octaves from 1 sample per step.
        share: Share of the runs that reach the target, inside the window.
        window: log2 of the batch sizes at which half of that share is left; None: no such end.
    """

    target_metric: float
    epochs: tuple[float, float, float, float, float, float]
    step: tuple[float, float]
    share: float
    window: tuple[float | None, float | None]

    def reaching(self, log2_size: float) -> float:
        """Share of the runs that reach the target at a batch size of 2**log2_size."""
        share = self.share
        for sign, end in zip((1.0, -1.0), self.window, strict=True):
            if end is not None:
                share /= 1.0 + math.exp(min(_STEEPNESS * sign * (end - log2_size), 700.0))
        return share

    def log_median(self, log2_size: NDArray[np.float64] | float, sizes: Sequence[int]) -> NDArray[np.float64]:
        """Logarithm of y for the median run that reaches the target; `sizes` are those fitted to."""
        floor, large, large_exponent, small, small_exponent, _ = self.epochs
        octaves = np.asarray(log2_size, dtype=np.float64) - sum(_ends(sizes)) / 2.0
        shape = floor + large * np.exp2(large_exponent * octaves) + small * np.exp2(-small_exponent * octaves)
        height, at = self.step
        return np.log(shape) + height * np.exp(-np.logaddexp(0.0, _STEEPNESS * (at - log2_size)))


@dataclass(frozen=True)
class EpochModel:
    """How many epochs a run at one batch size needs to one target metric: a distribution.

    Attributes:
        batch_size: Samples per optimizer step.
        targets: The target metric and all easier ones, from easy to hard.
        sizes: Batch sizes the model was fitted to.
    """

    batch_size: int
    targets: tuple[TargetModel, ...]
    sizes: tuple[int, ...]

    @cached_property
    def never(self) -> float:
        """Chance that a run never reaches the target."""
        return max(never for never, _, _ in self._distributions)

    @cached_property
    def mean(self) -> float:
        """Mean epochs of the runs that reach the target; infinite if none does."""
        if self.never >= 1.0:
            return math.inf
        quantiles = [
            self.quantile((1.0 - self.never) * (i + 0.5) / _MEAN_POINTS) for i in range(_MEAN_POINTS)
        ]
        reached = [epochs for epochs in quantiles if epochs is not None]
        return sum(reached) / len(reached)

    def quantile(self, u: float) -> int | None:
        """Epochs of the run at quantile `u`, which is in (0, 1); None = never. Slow runs have high quantiles.

        Raises:
            InputError: u is outside (0, 1).
        """
        return self.path(u)[-1]

    def path(self, u: float) -> list[int | None]:
        """Epochs of the run at quantile `u` to each of `targets`; never falls, and nothing follows a miss.

        Raises:
            InputError: u is outside (0, 1).
        """
        if not 0.0 < u < 1.0:
            raise InputError(f"quantile {u} is not between 0 and 1")
        epochs: list[int | None] = []
        least, never = 1, 0.0
        for never_reached, log_median, spread in self._distributions:
            never = max(never, never_reached)
            if u >= 1.0 - never:
                break
            among_reaching = min(u / (1.0 - never), 1.0 - 1e-12)
            log_epochs = log_median + spread * _NORMAL.inv_cdf(among_reaching)
            least = max(least, math.ceil(math.exp(log_epochs)))
            epochs.append(least)
        return epochs + [None] * (len(self.targets) - len(epochs))

    @cached_property
    def _distributions(self) -> tuple[tuple[float, float, float], ...]:
        """Of each target: chance of never reaching it, logarithm of the median, spread."""
        at = math.log2(self.batch_size)
        return tuple(
            (1.0 - target.reaching(at), float(target.log_median(at, self.sizes)), target.epochs[-1])
            for target in self.targets
        )


@dataclass(frozen=True)
class ConvergenceModel:
    """How many epochs a workload needs, for all its batch sizes and target metrics.

    Attributes:
        batch_sizes: Those of the public train trace, ascending.
        targets: From easy to hard.
        learning_rate: The one that goes with `learning_rate_batch_size`.
        learning_rate_batch_size: Samples per step; None: the learning rate is the same at every batch size.
    """

    batch_sizes: tuple[int, ...]
    targets: tuple[TargetModel, ...]
    learning_rate: float
    learning_rate_batch_size: int | None


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
        _require_within("batch size", batch_size, model.batch_sizes, workload)
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


def _ends(sizes: Sequence[int]) -> tuple[float, float]:
    """log2 of the smallest and the largest of `sizes`, which ascend."""
    return math.log2(sizes[0]), math.log2(sizes[-1])


def _scaled(log2_size: NDArray[np.float64], sizes: Sequence[int]) -> NDArray[np.float64]:
    """Scale log2 of batch sizes to [-1, 1] over `sizes`."""
    low, high = _ends(sizes)
    return (2.0 * log2_size - low - high) / (high - low)


def _require_within(what: str, value: float, known: Sequence[int], whose: str) -> None:
    if not known[0] <= value <= known[-1]:
        raise InputError(
            f"{what} {value:g} is outside the built-in model of {whose}: {known[0]} to {known[-1]}"
        )
