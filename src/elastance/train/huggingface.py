"""Joules for Hugging Face's `Trainer` (extra ``huggingface``)."""

from __future__ import annotations

import importlib
import math
import time
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError, MissingExtraError
from elastance.train.trainer_run import TrainerRun

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.power_limit_optimizer import PowerLimitOptimizer
    from elastance.train.ranks import Gather
    from elastance.train.training_result import TrainingResult

try:
    _TrainerCallback: Any = importlib.import_module("transformers").TrainerCallback
except ImportError:
    raise MissingExtraError("elastance.train.huggingface", "huggingface") from None


class EnergyCallback(_TrainerCallback):
    """Measures epochs, tunes the power limit and stops in time, as a callback of a `transformers.Trainer`.

    Usage::

        with PowerLimitOptimizer() as tuner:
            energy = EnergyCallback(tuner, metric="eval_accuracy", target=0.84)
            trainer = Trainer(model, arguments, ..., callbacks=[energy])
            trainer.train()
        print(energy.result)

    A step is an optimizer step, with all the batches whose gradients it accumulates. An epoch ends with the
    evaluation and the checkpoint after it; whether to go on is decided then. After an epoch its joules are in
    ``trainer.state.log_history``. The callback closes the optimizer when training ends. On an exception, which the
    trainer does not tell its callbacks of, the ``with`` does. One callback is for one run.

    Args:
        devices: A power-limit optimizer that is then told of steps and epochs, or the GPUs to measure, or what
            `elastance.find_devices` finds by a specification. With several ranks, those of the own rank.
        metric: Name of the metric to watch, as evaluation gives it, e.g. ``"eval_accuracy"``.
        target: Stop once the metric reaches it; needs `metric`.
        higher_is_better: Whether the metric is to rise to the target, or to fall to it.
        cost_threshold_j: Cost that the run must not reach, J; predicted as by `EnergyDataLoader`.
        eta: Weighs energy (1) against time (0) in the cost.
        log: Given the figures of each epoch instead of the history: with ``trainer.log`` they reach all loggers (then
            add the callback once there is a trainer: ``trainer.add_callback``).
        sync: Waited for before and after each epoch, as in `EnergyMeter`; an optimizer brings its own.
        gather: Brings together what the ranks measured; by default over torch.distributed.
        clock: Monotonic clock, s.

    Raises:
        InputError: A number is out of range, or `metric` and `target` do not come together.
        NoDeviceError: There is no device.
        MissingExtraError: transformers is not installed (when this module is imported).
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
        log: Callable[[dict[str, float]], object] | None = None,
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
        self._log = log
        self._is_training = self._is_ending = False

    @property
    def result(self) -> TrainingResult:
        """What became of the run so far; epochs count when they have ended."""
        return self._run.result

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin the run.

        Raises:
            InputError: There is a target, but nothing is ever evaluated.
        """
        if self._run.metric is not None and args.eval_strategy == "no":
            raise InputError(
                f"metric {self._run.metric!r} is watched, but this trainer evaluates nothing: set"
                " eval_strategy='epoch' in its arguments"
            )
        self._run.start()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open an epoch."""
        self._end_epoch(state, control)
        self._run.begin_epoch()
        self._is_training = True

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell of an optimizer step."""
        self._run.begin_step()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell that it ended, and whether an evaluation or a checkpoint follows."""
        self._run.end_step()
        if control.should_evaluate or control.should_save:
            self._run.pause()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the steps of an epoch, and all of it if nothing follows."""
        self._run.pause()
        self._is_ending = True
        if not (control.should_evaluate or control.should_save):
            self._end_epoch(state, control)

    def on_evaluate(
        self,
        args: Any,
        state: Any,
        control: Any,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Stop at the target."""
        if not self._is_training:
            return
        if self._run.read_metric(metrics or {}):
            control.should_training_stop = True
        if not control.should_save:
            self._end_epoch(state, control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End an epoch after its checkpoint."""
        self._end_epoch(state, control)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Put the power limits back."""
        self._end_epoch(state, control)
        self._is_training = False
        self._run.close()
        self._run.check_metric()

    def _end_epoch(self, state: Any, control: Any) -> None:
        """End the epoch if its steps are over; what follows is known to be over too."""
        if not self._is_ending:
            return
        self._is_ending = False
        if not self._run.end_epoch(is_last=state.global_step >= state.max_steps):
            control.should_training_stop = True
        figures = self._run.figures()
        if self._log is None:
            state.log_history.append({**figures, "epoch": state.epoch, "step": state.global_step})
            return
        others_log = control.should_log
        self._log(figures)
        control.should_log = others_log
