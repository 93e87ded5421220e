"""A data loader that keeps account of joules and knows when to stop."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from elastance.errors import InputError, MeterError
from elastance.train.epoch_account import EpochAccount
from elastance.train.profiling.steps import profiling_session
from elastance.train.ranks import gather_from_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.power_limit_optimizer import PowerLimitOptimizer
    from elastance.train.ranks import Gather
    from elastance.train.training_result import TrainingResult

Batch = TypeVar("Batch")


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
        if max_epochs < 1:
            raise InputError(f"max_epochs {max_epochs}: expected at least 1")
        self._account = EpochAccount(
            devices,
            target_metric=target_metric,
            higher_is_better=higher_is_better,
            cost_threshold_j=cost_threshold_j,
            eta=eta,
            sync=sync,
            gather=gather,
            clock=clock,
        )
        self._loader = loader
        self._max_epochs = max_epochs
        self._open_pass: Iterator[Batch] | None = None

    def epochs(self) -> Iterator[int]:
        """Give the number of each epoch, from 0, until there is a reason to stop.

        Raises:
            MeterError: An epoch could not be measured, or the epochs were asked for before.
            DeviceError: A GPU cannot be read.
        """
        account = self._account
        if account.started:
            raise MeterError(
                "the epochs of this loader were begun already: make a new loader for another run"
            )
        account.start()
        try:
            while account.may_go_on(self._max_epochs):
                account.begin_epoch()
                yield account.result.epochs
                self._end_pass()
                account.end_epoch()
        finally:
            account.close()

    def __iter__(self) -> Iterator[Batch]:
        """Give the batches of one pass over the loader, each of them a training step."""
        profiler = profiling_session()
        if profiler is not None:
            return profiler.steps(self._loader)
        self._end_pass()
        if not self._account.in_epoch:
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
        self._account.report_metric(value)

    @property
    def result(self) -> TrainingResult:
        """What became of the run so far; epochs count when they have ended."""
        return self._account.result

    def _one_pass(self) -> Iterator[Batch]:
        account = self._account
        account.begin_pass()
        try:
            for batch in self._loader:
                account.begin_step()
                yield batch
                account.end_step()
        finally:
            # A pass that was left early may be collected after its epoch: then there is nothing to end.
            account.end_pass()

    def _end_pass(self) -> None:
        """End a pass that was left early and that nobody has collected yet."""
        left, self._open_pass = self._open_pass, None
        close = getattr(left, "close", None)
        if close is not None:
            close()
