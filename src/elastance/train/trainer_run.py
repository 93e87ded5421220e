"""What the callbacks for Hugging Face's and Lightning's trainers have in common."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from elastance.errors import InputError, MeterError
from elastance.train.epoch_account import EpochAccount
from elastance.train.power_limit_optimizer import PowerLimitOptimizer
from elastance.train.ranks import gather_from_ranks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.ranks import Gather
    from elastance.train.training_result import TrainingResult


class TrainerRun:
    """One run of somebody else's training loop, told of by its callbacks.

    Args:
        devices: A power-limit optimizer, the GPUs to measure, or a specification of them.
        metric: Name of the metric to watch.
        target: Stop once it is reached; comes with `metric`.
        higher_is_better, cost_threshold_j, eta, sync, gather, clock: As in `EnergyDataLoader`.

    Attributes:
        metric: As given.

    Raises:
        InputError: A number is out of range, or `metric` and `target` do not come together.
        NoDeviceError: There is no device.
    """

    def __init__(
        self,
        devices: PowerLimitOptimizer | Sequence[Device] | str | None,
        metric: str | None,
        target: float | None,
        *,
        higher_is_better: bool,
        cost_threshold_j: float,
        eta: float,
        sync: Sync | None,
        gather: Gather | None,
        clock: Clock,
    ) -> None:
        if (metric is None) != (target is None):
            raise InputError(
                f"metric={metric!r} and target={target!r}: give both, to stop at a target, or neither"
            )
        self._tuner = devices if isinstance(devices, PowerLimitOptimizer) else None
        self._account = EpochAccount(
            devices,
            target_metric=target,
            higher_is_better=higher_is_better,
            cost_threshold_j=cost_threshold_j,
            eta=eta,
            sync=sync,
            gather=gather or gather_from_ranks,
            clock=clock,
        )
        self.metric = metric
        self._was_seen = False
        self._others: set[str] = set()

    @property
    def result(self) -> TrainingResult:
        """What became of the run so far; epochs count when they have ended."""
        return self._account.result

    @property
    def in_epoch(self) -> bool:
        """Whether an epoch is open."""
        return self._account.in_epoch

    def start(self) -> None:
        """Begin the run.

        Raises:
            MeterError: It was begun before.
            InputError: The GPUs of the ranks do not go together.
        """
        if self._account.started:
            raise MeterError("this callback has measured a run already: make a new one for another run")
        self._account.start()

    def begin_epoch(self) -> None:
        """Open an epoch.

        Raises:
            InputError: The metric was not among those of the epoch before.
        """
        self.check_metric()
        self._account.begin_epoch()

    def begin_step(self) -> None:
        """Say that an optimizer step begins."""
        self._account.begin_step()

    def end_step(self) -> None:
        """Say that it ended."""
        self._account.end_step()

    def pause(self) -> None:
        """Say that something else than training steps follows, such as an evaluation."""
        self._account.end_pass()

    def read_metric(self, metrics: Mapping[str, Any], *, are_all: bool = True) -> bool:
        """Look for the metric in what an evaluation gave, and return whether the target was ever reached.

        Args:
            metrics: Values by name.
            are_all: Whether the metric, if it is nowhere else, must be among these.
        """
        if self.metric is None:
            return False
        if self.metric in metrics:
            self._was_seen = True
            reached = self._account.report_metric(float(metrics[self.metric]))
            if reached and not self._account.in_epoch:
                self._account.may_go_on()  # it was asked for before this evaluation
            return reached
        if are_all:
            self._others |= metrics.keys()
        return self.result.reached

    def check_metric(self) -> None:
        """Make sure that the metric is there; only after an epoch, as it may be in one of several evaluations.

        Raises:
            InputError: It is not.
        """
        if self._others and not self._was_seen:
            known = ", ".join(sorted(self._others))
            raise InputError(f"metric {self.metric!r} is not among the metrics of the trainer: {known}")

    def end_epoch(self, *, is_last: bool) -> bool:
        """End an epoch, and return whether another one is to be trained.

        Args:
            is_last: Whether the trainer stops here anyway.
        """
        self._account.end_epoch()
        return self._account.may_go_on(0 if is_last else math.inf)

    def figures(self) -> dict[str, float]:
        """Return what to log after an epoch: of it, and of the run so far, over all ranks."""
        epoch, run = self._account.last_epoch, self.result
        assert epoch is not None
        return {
            "elastance/epoch_energy_j": epoch.energy_j,
            "elastance/epoch_time_s": epoch.time_s,
            "elastance/energy_j": run.energy_j,
            "elastance/time_s": run.time_s,
            "elastance/cost_j": run.cost_j,
        }

    def close(self) -> None:
        """Measure no more and put the power limits back; closing twice is fine."""
        self._account.close()
        if self._tuner is not None:
            self._tuner.close()
