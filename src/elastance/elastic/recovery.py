"""Save a job between two global steps, and go on from there on any number of executors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.elastic.buckets import BucketLayout
from elastance.elastic.random_state import RandomState
from elastance.errors import ElastanceError, WorkerError

if TYPE_CHECKING:
    from pathlib import Path

    from elastance.elastic.checkpoints import Checkpoints
    from elastance.elastic.data_feed import Feed
    from elastance.elastic.data_order import DataOrder
    from elastance.elastic.executor import Executor
    from elastance.elastic.logical_worker import LogicalWorker
    from elastance.elastic.training_state import TrainingState

STOPPED_STATUS = 75
"""Exit status of a script that was stopped to go on elsewhere (``EX_TEMPFAIL``: try again)."""


class Suspended(SystemExit):
    """The job was saved and stopped in order to go on elsewhere; if nothing catches it, the script leaves quietly.

    Attributes:
        step: Global steps done.
    """

    def __init__(self, step: int) -> None:
        super().__init__(STOPPED_STATUS)
        self.step = step


@dataclass(frozen=True)
class Recovery:
    """Gathers the contexts of all logical workers into one checkpoint, and gives them out again.

    Attributes:
        executor: This process.
        checkpoints: Where they are kept.
        training: What all logical workers share.
        workers: The hosted logical workers.
        feed: Loads their mini-batches.
        order: Which of these belong to a global step.
    """

    executor: Executor
    checkpoints: Checkpoints
    training: TrainingState
    workers: list[LogicalWorker]
    feed: Feed
    order: DataOrder

    def save(self, step: int, layout: BucketLayout | None) -> None:
        """Write the state after `step` global steps; all executors call it together.

        Args:
            step: Global steps done.
            layout: How gradients are packed, where the level keeps that through a restart.

        Raises:
            CheckpointError: What was written cannot be read; earlier checkpoints are kept.
            InputError: The file cannot be written; earlier checkpoints are kept.
            WorkerError: The first executor, which writes, could not.
        """
        within_epoch = step % self.order.steps_per_epoch > 0
        hosted = {
            worker.rank: {
                "random": worker.random.to_plain(),
                "streams": [state.to_plain() for state in self.feed.streams(worker.rank)]
                if within_epoch
                else [],
            }
            for worker in self.workers
        }
        everywhere = self.executor.from_all(hosted)
        failure: ElastanceError | None = None
        if self.executor.is_first:
            content = {
                "step": step,
                "workers": {rank: context for some in everywhere for rank, context in some.items()},
                "layout": [list(bucket) for bucket in layout.buckets] if layout else None,
                **self.training.to_plain(),
            }
            try:
                self.checkpoints.write(step, content)
            except ElastanceError as error:
                failure = error
        told = self.executor.from_first(str(failure) if failure else None)
        if failure is not None:
            raise failure
        if told is not None:
            raise WorkerError(f"the first executor could not write a checkpoint: {told}")

    def resume(self) -> tuple[int, BucketLayout | None]:
        """Go on from the newest checkpoint, if there is one.

        Returns:
            Global steps done, and how gradients are packed; (0, None) without a checkpoint.

        Raises:
            CheckpointError: It is truncated, damaged, or belongs to another job, level or version.
        """
        path: Path | None = self.executor.from_first(self.checkpoints.newest())
        if path is None:
            return 0, None
        content: dict[str, Any] = self.checkpoints.read(path)
        step: int = content["step"]
        epoch, within = divmod(step, self.order.steps_per_epoch)
        self.training.restore(content)
        for worker in self.workers:
            context = content["workers"][worker.rank]
            worker.random = RandomState.from_plain(context["random"])
            if within:
                streams = [RandomState.from_plain(state) for state in context["streams"]]
                first, *_ = self.order.batches_of_step(within)
                self.feed.resume_epoch(worker.rank, epoch, first, streams)
        layout = content["layout"]
        return step, BucketLayout(tuple(tuple(bucket) for bucket in layout)) if layout else None
