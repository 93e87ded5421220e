"""What the epochs of a run consumed, and whether one more is worth it: the core under loader and adapters."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, NamedTuple

from elastance.cost import EtaCost
from elastance.errors import InputError, MeterError
from elastance.measure import EnergyMeter
from elastance.train.power_limit_optimizer import PowerLimitOptimizer
from elastance.train.ranks import gather_from_ranks, gather_gpus
from elastance.train.training_result import StoppedBy, TrainingResult, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.ranks import Gather

_logger = logging.getLogger(__name__)

_EPOCH, _PASS = "epoch", "train pass"


class _EpochUse(NamedTuple):
    whole: Usage
    in_passes: Usage
    steps: int
    is_steady: bool


class EpochAccount:
    """Keeps account of epochs over all ranks, drives a power-limit optimizer, and says when to stop.

    An epoch holds passes of training steps, and anything between and after them; all of it counts.

    Args:
        devices: A power-limit optimizer, the GPUs to measure, or a specification of them.
        target_metric, higher_is_better, cost_threshold_j, eta, sync, gather, clock: As in `EnergyDataLoader`.

    Raises:
        InputError: A number is out of range.
        NoDeviceError: There is no device.
    """

    def __init__(
        self,
        devices: PowerLimitOptimizer | Sequence[Device] | str | None = None,
        *,
        target_metric: float | None = None,
        higher_is_better: bool = True,
        cost_threshold_j: float = math.inf,
        eta: float = 0.5,
        sync: Sync | None = None,
        gather: Gather = gather_from_ranks,
        clock: Clock = time.monotonic,
    ) -> None:
        if target_metric is not None and not math.isfinite(target_metric):
            raise InputError(
                f"target metric {target_metric}: expected a finite number, or None for no target"
            )
        if not cost_threshold_j > 0.0:
            raise InputError(
                f"cost threshold {cost_threshold_j:g} J: expected a positive number; inf for none"
            )
        EtaCost(eta, 1.0)
        self._tuner = devices if isinstance(devices, PowerLimitOptimizer) else None
        measured = devices.gpus if isinstance(devices, PowerLimitOptimizer) else devices
        self._meter = EnergyMeter(
            measured, sync=self._tuner.sync if self._tuner else sync, clock=clock, estimate_short=True
        )
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
        self._in_epoch = self._in_pass = self._is_steady = False

    @property
    def started(self) -> bool:
        """Whether the run was begun."""
        return self._cost is not None

    @property
    def in_epoch(self) -> bool:
        """Whether an epoch is open."""
        return self._in_epoch

    @property
    def last_epoch(self) -> Usage | None:
        """What the last epoch that ended took; None before."""
        return self._last.whole if self._last is not None else None

    @property
    def result(self) -> TrainingResult:
        """What became of the run so far; epochs count when they have ended."""
        cost_j = self._cost.of_run(*self._total) if self._cost is not None else 0.0
        return TrainingResult(
            *self._total, cost_j, self._epochs, reached=self._reached, stopped_by=self._stopped_by
        )

    def start(self) -> None:
        """Begin the run.

        Raises:
            InputError: The GPUs of the ranks do not go together.
            DeviceError: A GPU cannot be read.
        """
        self._cost = EtaCost(self._eta, gather_gpus(self._meter.devices, self._gather).max_power_w)

    def begin_epoch(self) -> None:
        """Open the window of an epoch."""
        self._is_steady = self._tuner is None or self._tuner.settled
        self._meter.begin(_EPOCH)
        self._passes, self._steps, self._in_epoch = [], 0, True

    def begin_pass(self) -> None:
        """Say that training steps follow."""
        self._meter.begin(_PASS)
        self._in_pass = True

    def begin_step(self) -> None:
        """Say that a training step begins, and with the first one after a pause a pass."""
        if not self._in_pass:
            self.begin_pass()
        if self._tuner is not None:
            self._tuner.on_step_begin()

    def end_step(self) -> None:
        """Say that a training step ended."""
        self._steps += 1
        if self._tuner is not None:
            self._tuner.on_step_end()

    def end_pass(self) -> None:
        """Say that something else than training steps follows; nothing if no pass is open."""
        if not (self._in_epoch and self._in_pass):
            return
        self._in_pass = False
        own = self._meter.end(_PASS)
        self._passes.append((own.energy_j, own.time_s))
        if self._tuner is not None:
            self._tuner.on_epoch_end()

    def end_epoch(self) -> None:
        """Add an epoch to the account.

        Raises:
            MeterError: It could not be measured.
        """
        self.end_pass()
        own = self._meter.end(_EPOCH)
        self._in_epoch = False
        whole = self._over_ranks([(own.energy_j, own.time_s)], "epoch")
        in_passes = self._over_ranks(self._passes, "pass")
        self._last = _EpochUse(whole, in_passes, self._steps, self._is_steady)
        self._total = self._total.plus(whole)
        self._epochs += 1

    def report_metric(self, value: float) -> bool:
        """Take note of what an evaluation gave, and return whether the target was ever reached.

        With several ranks the first one's value counts, so that all stop together.
        """
        first = float(self._gather(float(value))[0])
        if self._target is not None:
            self._reached |= first >= self._target if self._higher else first <= self._target
        return self._reached

    def may_go_on(self, max_epochs: float = math.inf) -> bool:
        """Decide, before an epoch, whether it is to be trained."""
        self._stopped_by = None
        if self._reached:
            self._stopped_by = StoppedBy.TARGET
        elif self._epochs >= max_epochs:
            self._stopped_by = StoppedBy.EPOCHS
        elif self._last is not None and self._cost is not None and self._threshold_j < math.inf:
            self._check_cost(self._cost, self._last)
        return self._stopped_by is None

    def close(self) -> None:
        """Forget an epoch that is open, and measure no more; closing twice is fine. An optimizer is left open."""
        self._in_epoch = False
        self._meter.close()

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
