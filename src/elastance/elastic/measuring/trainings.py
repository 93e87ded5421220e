"""Training loops that time themselves: elastic, plain DDP, plain accumulation."""

from __future__ import annotations

import itertools
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from elastance.elastic.logical_worker import WITHOUT_SWITCHING
from elastance.elastic.measuring.models import workload
from elastance.elastic.measuring.task import Model, StepTiming, Task, Way
from elastance.elastic.preparation import prepare
from elastance.elastic.random_state import seed_all

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from elastance.elastic.measuring.models import Workload

_SEED = 100
_EPOCHS = 1_000_000
"""Nobody waits for the last one."""


class Training(Protocol):
    """A training that goes on step by step."""

    def step(self, after_forward: Callable[[], None] | None = None) -> StepTiming:
        """Do one global step.

        Args:
            after_forward: Called after each forward pass, when activations take most memory.
        """
        ...


def training(model: Model, task: Task) -> Training | None:
    """Begin `task` in this process; None if it takes no part, its rank being beyond the task's workers.

    In a process group all processes must call this for the same tasks in the same order.
    """
    torch.set_num_threads(1)
    recipe = workload(model, task.size)
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    if task.way is Way.ELASTIC:
        return _Elastic(recipe, task)
    if task.way is Way.ACCUMULATION:
        return _Accumulation(recipe, task)
    untyped: Any = dist
    group = untyped.new_group(list(range(task.workers)))
    return _Ddp(recipe, task, group) if dist.get_rank() < task.workers else None


class _Stopwatch:
    """Marks of wall and processor time, after the device has done what it was asked for."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._begun_cpu_s = time.process_time()
        self.marks_s = [self._now()]

    def mark(self) -> None:
        self.marks_s.append(self._now())

    def timing(self) -> StepTiming:
        """The last mark is the end of the step, the others are the ends of mini-batches."""
        marks = self.marks_s
        each = tuple(after - before for before, after in itertools.pairwise(marks[:-1]))
        return StepTiming(marks[-1] - marks[0], time.process_time() - self._begun_cpu_s, each)

    def _now(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()


class _Loop:
    """What all three have: model, optimizer, loss, device."""

    def __init__(self, recipe: Workload, task: Task) -> None:
        self.device = torch.device(task.device)
        self.model: torch.nn.Module = recipe.model().to(self.device)
        self.optimizer = recipe.optimizer(self.model)
        self.called: torch.nn.Module = self.model
        self._loss = recipe.loss

    def backward(self, batch: Any, share: float, after_forward: Callable[[], None] | None) -> None:  # noqa: ANN401
        inputs, targets = batch
        loss = self._loss(self.called(inputs.to(self.device)), targets.to(self.device))
        if after_forward is not None:
            after_forward()
        torch.autograd.backward(loss if share == 1.0 else loss * share)


class _Elastic(_Loop):
    def __init__(self, recipe: Workload, task: Task) -> None:
        super().__init__(recipe, task)
        with _switching(task.switching):
            job = prepare(
                self.model,
                self.optimizer,
                recipe.data,
                workers=task.workers,
                batch_size=recipe.batch_size,
                epochs=_EPOCHS,
                seed=_SEED,
                level=task.level,
            )
        self._steps = job.steps()

    def step(self, after_forward: Callable[[], None] | None = None) -> StepTiming:
        watch = _Stopwatch(self.device)
        for batch in next(self._steps):
            self.backward(batch, 1.0, after_forward)
            watch.mark()
        watch.marks_s.pop()  # the last mini-batch ends with the exchange of gradients
        watch.mark()
        self.optimizer.step()
        watch.mark()
        return watch.timing()


class _Ddp(_Loop):
    def __init__(self, recipe: Workload, task: Task, group: Any) -> None:  # noqa: ANN401
        super().__init__(recipe, task)
        rank = dist.get_rank()
        seed_all(_SEED + rank)
        untyped: Any = DistributedDataParallel
        self.called = untyped(self.model, process_group=group)
        self._batches = batches(recipe, task.workers, rank)

    def step(self, after_forward: Callable[[], None] | None = None) -> StepTiming:
        watch = _Stopwatch(self.device)
        self.optimizer.zero_grad()
        self.backward(next(self._batches), 1.0, after_forward)
        watch.mark()
        self.optimizer.step()
        watch.mark()
        return watch.timing()


class _Accumulation(_Loop):
    def __init__(self, recipe: Workload, task: Task) -> None:
        super().__init__(recipe, task)
        seed_all(_SEED)
        self._count = task.workers
        self._batches = batches(recipe, 1, 0)

    def step(self, after_forward: Callable[[], None] | None = None) -> StepTiming:
        watch = _Stopwatch(self.device)
        self.optimizer.zero_grad()
        for _ in range(self._count):
            self.backward(next(self._batches), 1 / self._count, after_forward)
            watch.mark()
        self.optimizer.step()
        watch.mark()
        return watch.timing()


def batches(recipe: Workload, workers: int, rank: int) -> Iterator[Any]:
    """Mini-batches of one rank, epoch after epoch, as a DDP script loads them."""
    sampler: DistributedSampler[Any] = DistributedSampler(recipe.data, workers, rank)
    loader: DataLoader[Any] = DataLoader(recipe.data, recipe.batch_size, sampler=sampler)
    for epoch in range(_EPOCHS):
        sampler.set_epoch(epoch)
        yield from loader


@contextmanager
def _switching(wanted: bool) -> Generator[None]:
    before = os.environ.get(WITHOUT_SWITCHING)
    os.environ[WITHOUT_SWITCHING] = "0" if wanted else "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[WITHOUT_SWITCHING]
        else:
            os.environ[WITHOUT_SWITCHING] = before
