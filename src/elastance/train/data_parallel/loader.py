"""Go through a data set in global steps, of each of which this rank computes its share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elastance.train.data_parallel.account import AccountKeeper
    from elastance.train.data_parallel.sampler import ShareSampler
    from elastance.train.data_parallel.share import Share
    from elastance.train.data_parallel.shares import MicroBatch
    from elastance.train.data_parallel.step_clock import StepClock

Batch = TypeVar("Batch")


class GlobalStep(Generic[Batch]):
    """One step of all ranks; iterating gives the micro-batches that this rank computes of it.

    The gradients are to be computed within the iteration, those of one micro-batch before the next is asked for.

    Attributes:
        samples: How many samples of the global batch are this rank's.
        number: Number of the step in its epoch, from 0.
    """

    def __init__(
        self,
        number: int,
        parts: tuple[MicroBatch, ...],
        batches: Iterator[Batch],
        share: Share,
        clock: StepClock,
    ) -> None:
        self.number = number
        self.samples = sum(part.samples for part in parts if part.weight)
        self._parts = parts
        self._batches = batches
        self._share = share
        self._clock = clock
        self._left = len(parts)

    @property
    def is_finished(self) -> bool:
        """Whether all of its micro-batches are computed."""
        return self._left == 0

    def __len__(self) -> int:
        """Return the number of micro-batches."""
        return len(self._parts)

    def __iter__(self) -> Iterator[Batch]:
        """Give the micro-batches; gradients are exchanged in the last.

        Raises:
            InputError: The micro-batches were gone through already, or no gradient was computed within one.
        """
        if self._left != len(self._parts):
            raise InputError("the micro-batches of a step can be gone through once only")
        for number, part in enumerate(self._parts):
            batch = next(self._batches)
            if number == 0:
                self._clock.begin_lap()
            is_last = self._left == 1
            with ExitStack() as context:
                context.enter_context(
                    self._share.weighing(part.weight, self._clock.note_computed if is_last else None)
                )
                if not is_last:
                    context.enter_context(self._share.without_exchange())
                yield batch
                self._share.check_gradients()
            self._left -= 1


class ShareLoader(Generic[Batch]):
    """Loads this rank's share of every global batch; made by `Share.loader`.

    Every pass is another epoch, with an order of its own::

        for epoch in range(10):
            for step in loader:
                optimizer.zero_grad()
                for inputs, targets in step:
                    loss(model(inputs), targets).backward()
                optimizer.step()

    Args:
        loader: A PyTorch data loader whose `batch_sampler` is `sampler`.
        sampler: Gives the indices.
        share: What this rank takes.
        keeper: Is told of steps and epochs.
        clock: Times the steps.
    """

    def __init__(
        self,
        loader: Any,  # noqa: ANN401 (PyTorch is optional)
        sampler: ShareSampler,
        share: Share,
        keeper: AccountKeeper,
        clock: StepClock,
    ) -> None:
        self.sampler = sampler
        self._loader = loader
        self._share = share
        self._keeper = keeper
        self._clock = clock
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next pass is, from 0; to go on where a checkpoint left off."""
        self.sampler.set_epoch(epoch)
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of steps in an epoch, the same on all ranks."""
        return self.sampler.steps_per_epoch

    def __iter__(self) -> Iterator[GlobalStep[Batch]]:
        """Give the steps of the next epoch.

        Raises:
            InputError: Gradients are not weighted yet, or a step is left before its last micro-batch.
        """
        self._share.check_model()
        self.set_epoch(self._epoch)
        self._epoch += 1
        keeper, steps = self._keeper, len(self)
        batches = iter(self._loader)
        keeper.begin_epoch(steps)
        step: GlobalStep[Batch] | None = None
        done = 0
        try:
            for number in range(steps):
                is_full = self.sampler.is_full(number)
                keeper.begin_step(is_full)
                step = GlobalStep(number, self.sampler.step(number), batches, self._share, self._clock)
                yield step
                if not step.is_finished:
                    raise InputError(
                        f"step {number} was left after some of its {len(step)} micro-batches: compute all of them,"
                        " as in `for inputs, targets in step: ...`"
                    )
                keeper.end_step(step.samples, is_full)
                done += 1
        finally:
            if step is not None and done == step.number:  # left in this step
                if step.is_finished:
                    keeper.end_step(step.samples, self.sampler.is_full(step.number))
                else:
                    self._clock.discard()
            keeper.end_epoch(is_whole=done == steps)
