"""Joules for Lightning's `Trainer` (extra ``lightning``)."""

from __future__ import annotations

import importlib
import math
import time
from typing import TYPE_CHECKING, Any

from elastance.errors import MissingExtraError
from elastance.train.trainer_run import TrainerRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.power_limit_optimizer import PowerLimitOptimizer
    from elastance.train.ranks import Gather
    from elastance.train.training_result import TrainingResult

try:
    _Callback: Any = importlib.import_module("lightning.pytorch").Callback
except ImportError:
    raise MissingExtraError("elastance.train.lightning", "lightning") from None


class EnergyCallback(_Callback):
    """Measures epochs, tunes the power limit and stops in time, as a callback of a `lightning.pytorch.Trainer`.

    Usage::

        energy = EnergyCallback(PowerLimitOptimizer(), metric="val_accuracy", target=0.84)
        Trainer(max_epochs=20, callbacks=[energy]).fit(module, loaders)
        print(energy.result)

    A step is an optimizer step, with all the batches whose gradients it accumulates. An epoch holds its validation;
    whether to go on is decided after it. The joules of an epoch go to the trainer's loggers and its
    ``callback_metrics``. The optimizer is closed when training ends, be it by an exception or Ctrl-C. One callback is
    for one run.

    Args:
        devices: A power-limit optimizer that is then told of steps and epochs, or the GPUs to measure, or what
            `elastance.find_devices` finds by a specification. With several ranks, those of the own rank.
        metric: Name of the metric to watch, as the module logs it, e.g. ``"val_accuracy"``.
        target: Stop once the metric reaches it; needs `metric`.
        higher_is_better: Whether the metric is to rise to the target, or to fall to it.
        cost_threshold_j: Cost that the run must not reach, J; predicted as by `EnergyDataLoader`.
        eta: Weighs energy (1) against time (0) in the cost.
        sync: Waited for before and after each epoch, as in `EnergyMeter`; an optimizer brings its own.
        gather: Brings together what the ranks measured; by default over torch.distributed.
        clock: Monotonic clock, s.

    Raises:
        InputError: A number is out of range, or `metric` and `target` do not come together.
        NoDeviceError: There is no device.
        MissingExtraError: Lightning is not installed (when this module is imported).
    """

    def __init__(
        self,
        devices: PowerLimitOptimizer | Sequence[Device] | str | None = None,
        *,
        metric: str | None = None,
        target: float | None = None,
        higher_is_better: bool = True,
        cost_threshold_j: float = math.inf,
        eta: float = 0.5,
        sync: Sync | None = "torch",
        gather: Gather | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._run = TrainerRun(
            devices,
            metric,
            target,
            higher_is_better=higher_is_better,
            cost_threshold_j=cost_threshold_j,
            eta=eta,
            sync=sync,
            gather=gather,
            clock=clock,
        )
        self._steps_before: int | None = None
        self._has_validated = False

    @property
    def result(self) -> TrainingResult:
        """What became of the run so far; epochs count when they have ended."""
        return self._run.result

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin the run."""
        self._run.start()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Open an epoch."""
        self._run.begin_epoch()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Tell of an optimizer step if this is its first batch."""
        if self._steps_before is None:
            self._steps_before = trainer.global_step
            self._run.begin_step()

    def on_train_batch_end(
        self,
        trainer: Any,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Tell that a step ended if the optimizer made it."""
        if self._steps_before is not None and trainer.global_step > self._steps_before:
            self._steps_before = None
            self._run.end_step()

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """Tell that other work than training steps follows."""
        if self._run.in_epoch:  # not so in the sanity check
            self._run.pause()
            self._has_validated = True

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """End the epoch, log its joules, and stop if there is a reason to."""
        self._steps_before = None
        self._run.pause()
        self._run.read_metric(
            trainer.callback_metrics, are_all=self._has_validated or not trainer.enable_validation
        )
        epochs_over = trainer.max_epochs not in (None, -1) and trainer.current_epoch + 1 >= trainer.max_epochs
        steps_over = trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps
        if not self._run.end_epoch(is_last=epochs_over or steps_over):
            trainer.should_stop = True
        pl_module.log_dict(self._run.figures(), on_step=False, on_epoch=True, batch_size=1, sync_dist=True)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Put the power limits back."""
        self._run.close()
        self._run.check_metric()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Put the power limits back."""
        self._run.close()
