"""A data loader that keeps account of joules and knows when to stop."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from elastance.cost import EtaCost
from elastance.errors import InputError, MeterError
from elastance.measure import EnergyMeter
from elastance.train.profiling.steps import profiling_session
from elastance.train.ranks import gather_from_ranks, gather_gpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.power_limit_optimizer import PowerLimitOptimizer
    from elastance.train.ranks import Gather

_logger = logging.getLogger(__name__)

Batch = TypeVar("Batch")

_EPOCH, _PASS = "epoch", "train pass"


class StoppedBy(StrEnum):
    """Why training stopped."""

    TARGET = "target"
    """The target metric was reached."""
    EPOCHS = "epochs"
    """All epochs were trained."""
    COST = "cost"
    """One epoch more would have cost more than the threshold allows."""


class Usage(NamedTuple):
    """Energy and time over all ranks.

    Attributes:
        energy_j: Energy, J.
        time_s: Time of the slowest rank, s.
    """

    energy_j: float
    time_s: float

    def plus(self, other: Usage, share: float = 1.0) -> Usage:
        """Return this and a share of another."""
        return Usage(self.energy_j + share * other.energy_j, self.time_s + share * other.time_s)


@dataclass(frozen=True)
class TrainingResult:
    """What became of a training run, over all ranks.

    Attributes:
        energy_j: Energy of all epochs, evaluation included, J.
        time_s: Their duration, s.
        cost_j: Their cost, J.
        epochs: Epochs that ended.
        reached: Whether the target metric was reached.
        stopped_by: Why it stopped; None while it runs, or if the loop was left before.
    """

    energy_j: float
    time_s: float
    cost_j: float
    epochs: int
    reached: bool
    stopped_by: StoppedBy | None


class _EpochUse(NamedTuple):
    whole: Usage
    in_passes: Usage
    steps: int
    is_steady: bool


class EnergyDataLoader(Generic[Batch]):
    """Wraps any loader of batches; measures epochs, tunes the power limit, stops early.

    Usage::

        with PowerLimitOptimizer() as tuner:
            train_loader = EnergyDataLoader(loader, tuner, max_epochs=20, target_metric=0.84)
            for epoch in train_loader.epochs():
                for batch in train_loader:
                    train(batch)
                train_loader.report_metric(evaluate())
        print(train_loader.result)

    An epoch may hold any number of passes over the loader, whole or left early, or none, and of anything else; all of
    it counts. Before each epoch but the first, the cost after one more is predicted, and training stops if it would
    reach the threshold: a run has always at least one epoch. Nothing is predicted while limits are being measured.

    Args:
        loader: Gives batches, again in every pass.
        devices: A power-limit optimizer that is then told of steps and epochs, or the GPUs to measure, or what
            `elastance.find_devices` finds by a specification.
        max_epochs: Most epochs to train.
        target_metric: Stop once this is reached; None trains all epochs.
        higher_is_better: Whether the metric is to rise to the target, or to fall to it.
        cost_threshold_j: Cost that the run must not reach, J.
        eta: Weighs energy (1) against time (0) in the cost.
        sync: Waited for before and after each epoch, as in `EnergyMeter`; an optimizer brings its own.
        gather: Brings together what the ranks measured.
        clock: Monotonic clock, s.

    Raises:
        InputError: A number is out of range.
        NoDeviceError: There is no device.
    """

    def __init__(
        self,
        loader: Iterable[Batch],
        devices: PowerLimitOptimizer | Sequence[Device] | str | None = None,
        *,
        max_epochs: int,
        target_metric: float | None = None,
        higher_is_better: bool = True,
        cost_threshold_j: float = math.inf,
        eta: float = 0.5,
        sync: Sync | None = None,
        gather: Gather = gather_from_ranks,
        clock: Clock = time.monotonic,
    ) -> None:
        from elastance.train.power_limit_optimizer import PowerLimitOptimizer

        if max_epochs < 1:
            raise InputError(f"max_epochs {max_epochs}: expected at least 1")
        if target_metric is not None and not math.isfinite(target_metric):
            raise InputError(
                f"target metric {target_metric}: expected a finite number, or None for no target"
            )
        if not cost_threshold_j > 0.0:
            raise InputError(
                f"cost threshold {cost_threshold_j:g} J: expected a positive number; inf for none"
            )
        EtaCost(eta, 1.0)
        self._loader = loader
        self._tuner = devices if isinstance(devices, PowerLimitOptimizer) else None
        measured = devices.gpus if isinstance(devices, PowerLimitOptimizer) else devices
        self._meter = EnergyMeter(
            measured, sync=self._tuner.sync if self._tuner else sync, clock=clock, estimate_short=True
        )
        self._max_epochs = max_epochs
        self._target = target_metric
        self._higher = higher_is_better
        self._threshold_j = cost_threshold_j
        self._eta = eta
        self._gather = gather
        self._cost: EtaCost | None = None
        self._total = Usage(0.0, 0.0)
        self._epochs = 0
        self._reached = False
        self._stopped_by: StoppedBy | None = None
        self._last: _EpochUse | None = None
        self._passes: list[tuple[float | None, float]] = []
        self._steps = 0
        self._open_pass: Iterator[Batch] | None = None
        self._in_epoch = False

    def epochs(self) -> Iterator[int]:
        """Give the number of each epoch, from 0, until there is a reason to stop.

        Raises:
            MeterError: An epoch could not be measured, or the epochs were asked for before.
            DeviceError: A GPU cannot be read.
        """
        if self._cost is not None:
            raise MeterError(
                "the epochs of this loader were begun already: make a new loader for another run"
            )
        max_power_w = gather_gpus(self._meter.devices, self._gather).max_power_w
        self._cost = EtaCost(self._eta, max_power_w)
        try:
            while self._may_go_on(self._cost):
                is_steady = self._tuner is None or self._tuner.settled
                self._meter.begin(_EPOCH)
                self._passes, self._steps, self._in_epoch = [], 0, True
                yield self._epochs
                self._end_epoch(is_steady)
        finally:
            self._in_epoch = False
            self._meter.close()

    def __iter__(self) -> Iterator[Batch]:
        """Give the batches of one pass over the loader, each of them a training step."""
        profiler = profiling_session()
        if profiler is not None:
            return profiler.steps(self._loader)
        self._end_pass()
        if not self._in_epoch:
            raise MeterError(
                "a pass over an EnergyDataLoader belongs into an epoch: for epoch in loader.epochs()"
            )
        self._open_pass = self._one_pass()
        return self._open_pass

    def __len__(self) -> int:
        """Return the number of batches, if the wrapped loader knows it."""
        return len(self._loader)  # type: ignore[arg-type]

    def report_metric(self, value: float) -> None:
        """Say what an evaluation gave; the epoch that runs is the last if the target is reached.

        With several ranks the first one's value counts, so that all stop together.
        """
        first = float(self._gather(float(value))[0])
        if self._target is not None:
            self._reached |= first >= self._target if self._higher else first <= self._target

    @property
    def result(self) -> TrainingResult:
        """What became of the run so far; epochs count when they have ended."""
        cost_j = self._cost.of_run(*self._total) if self._cost is not None else 0.0
        return TrainingResult(
            *self._total, cost_j, self._epochs, reached=self._reached, stopped_by=self._stopped_by
        )

    def _one_pass(self) -> Iterator[Batch]:
        tuner = self._tuner
        self._meter.begin(_PASS)
        try:
            for batch in self._loader:
                if tuner is not None:
                    tuner.on_step_begin()
                yield batch
                self._steps += 1
                if tuner is not None:
                    tuner.on_step_end()
        finally:
            # A pass that was left early may be collected after its epoch, when nothing is measured any more.
            if self._in_epoch:
                own = self._meter.end(_PASS)
                self._passes.append((own.energy_j, own.time_s))
                if tuner is not None:
                    tuner.on_epoch_end()

    def _end_pass(self) -> None:
        """End a pass that was left early and that nobody has collected yet."""
        left, self._open_pass = self._open_pass, None
        close = getattr(left, "close", None)
        if close is not None:
            close()

    def _end_epoch(self, is_steady: bool) -> None:
        self._end_pass()
        own = self._meter.end(_EPOCH)
        self._in_epoch = False
        whole = self._over_ranks([(own.energy_j, own.time_s)], "epoch")
        in_passes = self._over_ranks(self._passes, "pass")
        self._last = _EpochUse(whole, in_passes, self._steps, is_steady)
        self._total = self._total.plus(whole)
        self._epochs += 1

    def _over_ranks(self, own: list[tuple[float | None, float]], what: str) -> Usage:
        ranks: list[list[tuple[float | None, float]]] = self._gather(own)
        energy_j, longest_s = 0.0, 0.0
        for windows in ranks:
            longest_s = max(longest_s, math.fsum(time_s for _, time_s in windows))
            for window_j, time_s in windows:
                if window_j is None and what == "epoch":
                    raise MeterError(
                        f"the energy of epoch {self._epochs} ({time_s:g} s) could not be measured: no reading"
                    )
                energy_j += window_j or 0.0
        return Usage(energy_j, longest_s)

    def _may_go_on(self, cost: EtaCost) -> bool:
        if self._reached:
            self._stopped_by = StoppedBy.TARGET
        elif self._epochs >= self._max_epochs:
            self._stopped_by = StoppedBy.EPOCHS
        elif self._last is not None and self._threshold_j < math.inf:
            self._check_cost(cost, self._last)
        return self._stopped_by is None

    def _check_cost(self, cost: EtaCost, last: _EpochUse) -> None:
        if self._tuner is not None and not self._tuner.settled:
            if cost.of_run(*self._total) >= self._threshold_j:
                _logger.warning(
                    "the run has cost %.6g J, more than its threshold of %.6g J, but power limits are still being"
                    " measured",
                    cost.of_run(*self._total),
                    self._threshold_j,
                )
            return
        predicted_j = cost.of_run(*self._total.plus(self._next_epoch(last)))
        if predicted_j >= self._threshold_j:
            _logger.info(
                "stopped: with one more epoch the run would have cost %.6g J, its threshold is %.6g J",
                predicted_j,
                self._threshold_j,
            )
            self._stopped_by = StoppedBy.COST

    def _next_epoch(self, last: _EpochUse) -> Usage:
        """Predict the next epoch: as the last, its steps as measured under the limit it will have."""
        tuner = self._tuner
        window = tuner.expected_window() if tuner is not None and not last.is_steady else None
        if tuner is None or tuner.profile is None or window is None:
            return last.whole
        other = last.whole.plus(last.in_passes, -1.0)
        return other.plus(Usage(window.energy_j, window.time_s), last.steps / tuner.profile.steps)
