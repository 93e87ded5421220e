"""A job with a fixed number of logical workers, as seen by one of its executors."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.elastic.buckets import ArrivalOrder, BucketLayout
from elastance.elastic.launching.link import Progress
from elastance.elastic.recovery import Suspended
from elastance.elastic.trial import TrialOver
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from elastance.elastic.data_feed import Feed
    from elastance.elastic.data_order import DataOrder
    from elastance.elastic.executor import Executor
    from elastance.elastic.gradients import Gradients
    from elastance.elastic.launching.link import LauncherLink
    from elastance.elastic.levels import Level
    from elastance.elastic.logical_worker import LogicalWorker, Switching
    from elastance.elastic.recovery import Recovery
    from elastance.elastic.transport import Traffic
    from elastance.elastic.trial_record import TrialRecord


@dataclass(frozen=True)
class Machinery:
    """The parts of an executor that `elastance.elastic.prepare` puts together.

    Attributes:
        executor: This process.
        level: What is promised.
        named: Parameters that are trained, by name.
        workers: The hosted logical workers.
        contexts: Switches between them.
        gradients: Collects and adds what they find.
        order: Which samples they see.
        feed: Loads them.
        traffic: Counts what is sent.
        bucket_cap_mb: DDP's argument of that name, MiB.
        recovery: Saves and resumes; None if no checkpoints are kept.
        record: Writes down what a trial of `elastance certify` asks for; None outside of one.
        link: To `elastance launch`; None where something else started this process.
    """

    executor: Executor
    level: Level
    named: dict[str, torch.nn.Parameter]
    workers: list[LogicalWorker]
    contexts: Switching
    gradients: Gradients
    order: DataOrder
    feed: Feed
    traffic: Traffic
    bucket_cap_mb: float | None
    recovery: Recovery | None = None
    record: TrialRecord | None = None
    link: LauncherLink | None = None


class GlobalStep:
    """One step of the optimizer: iterate it for the mini-batches of the logical workers hosted here.

    With `prepare(accumulate=k)` each logical worker has k of them, one after the other.

    The body computes a loss and its gradients. When the iteration ends, the parameters hold the mean gradient
    over all logical workers of the job, as they do after a backward pass under DDP.

    Attributes:
        index: Number of the step, from 0.
        epoch: Its epoch, from 0.
        batch: Number of the step within the epoch, from 0.
        ends_epoch: Whether it is the epoch's last.
        mini_batches: Mini-batches of each logical worker in this step: 1 without `accumulate`.
        rank: Virtual rank whose mini-batch is being computed; None before and after.
        reduced: Whether all hosted workers had theirs, and the gradients are ready.
    """

    def __init__(self, index: int, order: DataOrder, job: ElasticJob) -> None:
        self.index = index
        self.epoch, self.batch = divmod(index, order.steps_per_epoch)
        self.ends_epoch = self.batch == order.steps_per_epoch - 1
        self.mini_batches = len(order.batches_of_step(self.batch))
        self.rank: int | None = None
        self.reduced = False
        self._job = job

    def __iter__(self) -> Iterator[Any]:
        """The hosted workers' mini-batches, in the order of virtual ranks."""
        return self._job.turns(self)


class ElasticJob:
    """Trains the logical workers hosted by this process, in step with the other executors.

    Made by `elastance.elastic.prepare`::

        for step in job.steps():
            for inputs, targets in step:
                loss(model(inputs), targets).backward()
            optimizer.step()

    Attributes:
        executor: This process, and the placement of the job.
        level: What is promised.
        total_steps: Global steps of the whole job.
        step: Global steps done.
        layout: How gradients are packed; None until the first step, or at level ``none``.
    """

    def __init__(self, machinery: Machinery, epochs: int) -> None:
        self._parts = machinery
        self.executor = machinery.executor
        self.level = machinery.level
        self.total_steps = epochs * machinery.order.steps_per_epoch
        self.step = 0
        self.layout: BucketLayout | None = None
        self._epoch_begun = -1
        self._checkpoint_wanted = self._stop_wanted = False
        if machinery.recovery is not None:
            self._resume(machinery.recovery)
        self._first_step = self.step
        self._tell_launcher()

    @property
    def traffic(self) -> Traffic:
        """Payload that this executor has sent to others for gradients, at levels that follow DDP."""
        return self._parts.traffic

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.step >= self.total_steps

    def request_checkpoint(self, *, stop: bool = False) -> None:
        """Ask for a checkpoint at the end of the global step; one executor's request is enough.

        Args:
            stop: Leave the loop over steps then, by raising `Suspended`, in order to go on elsewhere.

        Raises:
            InputError: The job keeps no checkpoints.
        """
        if self._parts.recovery is None:
            raise InputError("the job keeps no checkpoints: name a directory with prepare(checkpoints=...)")
        self._checkpoint_wanted = True
        self._stop_wanted = stop

    def steps(self) -> Iterator[GlobalStep]:
        """The global steps that are left; checkpoints are made between them.

        Raises:
            Suspended: After a checkpoint that was requested with `stop`.
            CheckpointError: A checkpoint could not be written; earlier ones are kept.
            InputError: The body left a step before all hosted workers had their mini-batch.
        """
        with closing(self._parts.feed):
            while not self.finished:
                step = GlobalStep(self.step, self._parts.order, self)
                if self._parts.record is not None:
                    self._parts.record.begin()
                yield step
                if not step.reduced:
                    raise InputError(
                        f"global step {step.index} ended before every logical worker had its mini-batch: "
                        "iterate each step to its end"
                    )
                self.step += 1
                self._tell_launcher()
                self._save_if_wanted()
                if self._parts.record is not None and (self._parts.record.end(self.step) or self.finished):
                    self.executor.wait_for_all()
                    raise TrialOver(0)
            self.executor.wait_for_all()

    def turns(self, step: GlobalStep) -> Iterator[Any]:
        """The mini-batches of `step`; what `GlobalStep` iterates."""
        if step.reduced or step.index != self.step:
            raise InputError(f"global step {step.index} was iterated before: each step is iterated once")
        parts = self._parts
        records_arrival = self.level.follows_ddp and self._prepare_layout()
        arrival: list[int] = []
        with parts.contexts.step():
            for worker in parts.workers:
                step.rank = worker.rank
                with parts.contexts.turn(worker):
                    if self._epoch_begun != step.epoch:
                        parts.feed.begin_epoch(worker.rank, step.epoch)
                    parts.gradients.clear()
                    *earlier, last = parts.order.batches_of_step(step.batch)
                    for batch in earlier:
                        parts.contexts.mini_batch(last=False)
                        yield parts.feed.load(worker.rank, batch)
                    parts.contexts.mini_batch(last=True)
                    inputs = parts.feed.load(worker.rank, last)
                    recorder = ArrivalOrder(list(parts.named.values()) if records_arrival else [])
                    try:
                        yield inputs
                    finally:
                        recorder.close()
                    arrival = arrival or recorder.indices
                parts.gradients.take(worker.rank)
            step.rank = None
            parts.gradients.reduce()
        self._epoch_begun = step.epoch
        if records_arrival:
            self._rebuild_layout(arrival)
        step.reduced = True

    def _resume(self, recovery: Recovery) -> None:
        self.step, self.layout = recovery.resume()
        epoch, batch = divmod(self.step, self._parts.order.steps_per_epoch)
        self._epoch_begun = epoch if batch else epoch - 1
        if self.layout is not None:
            self._parts.gradients.lay_out(self.layout)

    def _save_if_wanted(self) -> None:
        recovery = self._parts.recovery
        if recovery is None:
            return
        if self._parts.link is not None and not self.finished and self._parts.link.stop_asked():
            self._checkpoint_wanted = self._stop_wanted = True
        wanted, stop = self.executor.any(self._checkpoint_wanted, self._stop_wanted)
        self._checkpoint_wanted = self._stop_wanted = False
        if wanted or self.finished or recovery.checkpoints.due(self.step):
            recovery.save(self.step, self.layout if self.level.keeps_layout else None)
        if stop:
            self._tell_launcher(suspended=True)
            self.executor.wait_for_all()
            raise Suspended(self.step)

    def _tell_launcher(self, *, suspended: bool = False) -> None:
        if self._parts.link is not None:
            self._parts.link.tell(Progress(self._first_step, self.step, self.total_steps, suspended))

    def _prepare_layout(self) -> bool:
        """Return whether this is a first step, whose order of arrival makes the layout of the others."""
        if self.layout is not None:
            return False
        parameters = list(self._parts.named.values())
        self._parts.gradients.lay_out(BucketLayout.initial(parameters))
        return True

    def _rebuild_layout(self, arrival: list[int]) -> None:
        # Like DDP, which takes the order of rank 0 for all.
        arrival = self.executor.from_first(arrival)
        parameters = list(self._parts.named.values())
        self.layout = BucketLayout.rebuilt(parameters, arrival, self._parts.bucket_cap_mb)
        self._parts.gradients.lay_out(self.layout)
