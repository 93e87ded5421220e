"""From a model, an optimizer and a data set to an elastic job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch.utils.data import IterableDataset
from torch.utils.data import default_collate as default_collate  # pyright: ignore[reportUnknownVariableType]

from elastance.elastic.checkpoints import Checkpoints
from elastance.elastic.collectives import gloo_group, join_launched
from elastance.elastic.data_check import indices_to_check
from elastance.elastic.data_feed import InlineFeed
from elastance.elastic.data_order import DataOrder
from elastance.elastic.data_pool import PooledFeed
from elastance.elastic.executor import Executor
from elastance.elastic.gradients import GradientsAsTheyCome, GradientsInDdpOrder
from elastance.elastic.host_copies import host_copies
from elastance.elastic.identity import explain_difference, identity_of
from elastance.elastic.job import ElasticJob, Machinery
from elastance.elastic.launching.assignment import Wishes
from elastance.elastic.launching.link import under_launcher
from elastance.elastic.levels import Level
from elastance.elastic.logical_worker import (
    WITHOUT_SWITCHING,
    Contexts,
    LogicalWorker,
    SharedContext,
    switching_is_off,
)
from elastance.elastic.numerics import pin_kernels
from elastance.elastic.placement import Placement
from elastance.elastic.random_state import RandomState, seed_all
from elastance.elastic.recovery import Recovery
from elastance.elastic.reference import GradientsByDdp, StockFeed, ThroughDdp
from elastance.elastic.training_state import TrainingState
from elastance.elastic.transport import Transport
from elastance.elastic.trial import Trial
from elastance.elastic.trial_record import TrialRecord
from elastance.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from elastance.elastic.data_feed import Feed
    from elastance.elastic.gradients import Gradients
    from elastance.elastic.launching.link import LauncherLink
    from elastance.elastic.logical_worker import Switching
    from elastance.elastic.training_state import Stateful


def prepare(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    dataset: Any,  # noqa: ANN401
    *,
    workers: int | None = None,
    batch_size: int,
    epochs: int,
    seed: int,
    level: Level | str | None = None,
    placement: Placement | str | None = None,
    shuffle: bool = True,
    sampler_seed: int = 0,
    drop_last: bool = False,
    sampler_drop_last: bool = False,
    collate: Callable[[list[Any]], Any] = default_collate,
    accumulate: int = 1,
    data_workers: int = 0,
    loader_processes: int | None = None,
    bucket_cap_mb: float | None = None,
    scheduler: Stateful | None = None,
    extra: Mapping[str, Stateful] | None = None,
    checkpoints: Path | str | None = None,
    checkpoint_every: int | None = None,
) -> ElasticJob:
    """Make a job of `workers` logical workers, of which this process hosts some or all.

    The job does what this DDP script does with `workers` processes over gloo, bit for bit::

        torch.manual_seed(seed + rank)  # and random.seed, numpy.random.seed
        sampler = DistributedSampler(dataset, workers, rank, shuffle, sampler_seed, sampler_drop_last)
        loader = DataLoader(
            dataset, batch_size, sampler=sampler, num_workers=data_workers, collate_fn=collate, drop_last=drop_last
        )
        model = DistributedDataParallel(model, bucket_cap_mb=bucket_cap_mb)
        for epoch in range(epochs):
            sampler.set_epoch(epoch)
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss(model(inputs), targets).backward()
                optimizer.step()

    Started by `elastance launch` or torchrun, or within an initialized process group, every process is an executor;
    else there is one. What `elastance launch` was told and the script leaves out, the launcher decides.

    Args:
        model: The model, not wrapped; its first state is that of the first executor.
        optimizer: The optimizer of its parameters.
        dataset: Map-style data set: a sample may depend on its index and on the global random numbers only.
        workers: Logical workers, N: the number of DDP processes that the job is equal to. Never changes; by
            default what `elastance launch --workers` says.
        batch_size: Samples per logical worker and mini-batch.
        epochs: Passes over the data set.
        seed: Logical worker r seeds its random numbers with seed + r.
        level: What is promised, by default D1; see `Level`.
        placement: Which executor hosts how many; by default as even as can be.
        shuffle: As in `DistributedSampler`.
        sampler_seed: `seed` of `DistributedSampler`; epoch e permutes with sampler_seed + e.
        drop_last: As in `DataLoader`.
        sampler_drop_last: `drop_last` of `DistributedSampler`.
        collate: `collate_fn` of `DataLoader`.
        accumulate: Mini-batches of a logical worker per global step, k, whose gradients add up, as under DDP with the
            first k - 1 backward passes in `no_sync()`. The last step of an epoch has those that are left; divide the
            loss by `GlobalStep.mini_batches` for their mean.
        data_workers: `num_workers` of `DataLoader`: each logical worker's; they decide the random numbers of
            the data.
        loader_processes: Processes per executor that do the work of all data workers; by default as many as one
            logical worker has.
        bucket_cap_mb: As in `DistributedDataParallel`, MiB.
        scheduler: Learning-rate schedule, to be saved in checkpoints.
        extra: What else the script has that is to be saved and is the same for all logical workers, by name.
        checkpoints: Existing directory for checkpoints of this job; the job goes on from the newest one there.
        checkpoint_every: Global steps between checkpoints; by default they are made on request and at the end.

    Raises:
        InputError: The script and `elastance launch` contradict each other, more executors than logical workers,
            a data set without length or index, a placement of another size, a model that is wrapped in DDP
            already or has nothing to train, or a number out of range.
        CheckpointError: The newest checkpoint is truncated, damaged, or belongs to another job, level or version.
    """
    trial, link, settled = _settled(Wishes(workers, level, placement, checkpoints, checkpoint_every))
    workers, level = _stated(settled.workers), _level(settled.level or Level.D1)
    checkpoints, checkpoint_every = settled.checkpoints, settled.checkpoint_every
    extra = {**(extra or {}), **({"scheduler": scheduler} if scheduler is not None else {})}
    _check_numbers(workers=workers, batch_size=batch_size, epochs=epochs, accumulate=accumulate)
    named = _trained(model)
    executor = _executor(workers, settled.placement)
    order = DataOrder(
        _length(dataset), workers, batch_size, sampler_seed, shuffle, drop_last, sampler_drop_last, accumulate
    )
    _check_steps(order)
    device = next(iter(named.values())).device
    if level.pins_kernels:
        pin_kernels(device)
    loading = _feed(dataset, order, collate, data_workers, loader_processes)
    feed: Feed = loading
    promises = level.follows_ddp and trial is None  # a trial may want to see what comes of it
    data = loading.digest(indices_to_check(order.samples), device) if promises else None
    identity = identity_of(model, optimizer, extra, order, level, seed, data_workers, bucket_cap_mb, data)
    if trial is None:
        _check_agreement(executor, identity)
    with torch.no_grad():
        executor.copy_from_first([*model.parameters(), *model.buffers()])
    hosted = _seeded(executor, seed, device)
    kept = _kept(checkpoints, checkpoint_every, identity)
    training = TrainingState(model, optimizer, extra)
    recovery = None if kept is None else Recovery(executor, kept, training, hosted, feed, order)
    transport = Transport(executor)
    contexts: Switching = SharedContext()
    gradients: Gradients = GradientsAsTheyCome(named, executor)
    if trial is not None and trial.reference:
        level = Level.NONE  # nothing is switched or recorded beside DDP
        contexts, gradients = ThroughDdp(model, bucket_cap_mb), GradientsByDdp(named.values())
        feed = StockFeed(dataset, order, executor.index, collate, data_workers)
        seed_all(seed + executor.index)
    elif level.follows_ddp:
        if not switching_is_off():
            contexts = Contexts(executor, list(model.buffers()), device)
        gradients = GradientsInDdpOrder(named, executor, transport, host_copies(list(named.values())))
    else:
        seed_all(seed + executor.ranks.start)  # else all executors would draw the same
    machinery = Machinery(
        executor=executor,
        level=level,
        named=named,
        workers=hosted,
        contexts=contexts,
        gradients=gradients,
        order=order,
        feed=feed,
        traffic=transport.traffic,
        bucket_cap_mb=bucket_cap_mb,
        recovery=recovery,
        record=TrialRecord(trial, executor.index, model, optimizer, transport.traffic) if trial else None,
        link=link,
    )
    return ElasticJob(machinery, epochs)


def _settled(wishes: Wishes) -> tuple[Trial | None, LauncherLink | None, Wishes]:
    """What holds for a script with these wishes, and who says so."""
    trial = Trial.asked()
    if trial is None:
        settled, link = under_launcher(wishes)
        return None, link, settled
    placement, level = trial.checked(wishes.workers)
    return trial, None, Wishes(placement.workers, level, placement)


def _stated(workers: int | None) -> int:
    if workers is None:
        raise InputError(
            "workers=N is missing: say it here, or start the script with `elastance launch --workers N`"
        )
    return workers


def _check_steps(order: DataOrder) -> None:
    if not order.steps_per_epoch:
        raise InputError(
            f"an epoch has no step: {order.samples} samples over {order.workers} logical workers make no full "
            f"mini-batch of {order.batch_size}; use a smaller batch size, or drop_last=False"
        )


def _kept(directory: Path | str | None, every: int | None, identity: dict[str, Any]) -> Checkpoints | None:
    """Where checkpoints of the job are kept; None if they are not."""
    if directory is None:
        if every is not None:
            raise InputError(f"checkpoint_every={every}: name a directory too, with checkpoints=")
        return None
    if switching_is_off():
        raise InputError(f"{WITHOUT_SWITCHING} is set: that is for measuring, without checkpoints")
    return Checkpoints(Path(directory), identity, every)


def _level(level: Level | str) -> Level:
    try:
        return Level(level)
    except ValueError:
        raise UnknownNameError("level", str(level), [*Level]) from None


def _check_numbers(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise InputError(f"{name}={number}: expected at least 1")


def _trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    if isinstance(model, torch.nn.parallel.DistributedDataParallel):
        raise InputError("the model is wrapped in DistributedDataParallel: prepare() takes the model itself")
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not named:
        raise InputError("the model has no parameter that requires a gradient: there is nothing to train")
    return named


def _executor(workers: int, placement: Placement | str | None) -> Executor:
    if isinstance(placement, str):
        placement = Placement.parse(placement)
    if not dist.is_initialized() and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        join_launched()
    executors = dist.get_world_size() if dist.is_initialized() else 1
    placement = placement or Placement.even(workers, executors)
    if (placement.workers, placement.executors) != (workers, executors):
        raise InputError(
            f"placement {placement} has {placement.workers} logical workers on {placement.executors} executors, "
            f"but the job has {workers} on {executors}"
        )
    if executors == 1:
        return Executor(0, placement)
    return Executor(dist.get_rank(), placement, gloo_group())


def _check_agreement(executor: Executor, identity: dict[str, Any]) -> None:
    for other, theirs in enumerate(executor.from_all(identity)):
        difference = explain_difference(theirs, identity)
        if difference is not None:
            raise InputError(
                f"executor {other} does not run the same job as executor {executor.index}: {difference}"
            )


def _length(dataset: Any) -> int:  # noqa: ANN401
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
        raise InputError(
            "the data set has no index: an iterable one gives samples in an order that no seed fixes; "
            "use a map-style data set (__getitem__ and __len__)"
        )
    return len(dataset)


def _feed(
    dataset: Any,  # noqa: ANN401
    order: DataOrder,
    collate: Callable[[list[Any]], Any],
    data_workers: int,
    processes: int | None,
) -> InlineFeed | PooledFeed:
    if data_workers < 0:
        raise InputError(f"data_workers={data_workers}: expected 0 (load while training) or more")
    if data_workers == 0:
        if processes is not None:
            raise InputError(f"loader_processes={processes}: there are no data workers; set data_workers too")
        return InlineFeed(dataset, order, collate)
    processes = data_workers if processes is None else processes
    _check_numbers(loader_processes=processes)
    return PooledFeed(dataset, order, collate, data_workers, processes)


def _seeded(executor: Executor, seed: int, device: torch.device) -> list[LogicalWorker]:
    outside = RandomState.capture(device)
    workers: list[LogicalWorker] = []
    for rank in executor.ranks:
        seed_all(seed + rank)
        workers.append(LogicalWorker(rank, RandomState.capture(device)))
    outside.restore(device)
    return workers
