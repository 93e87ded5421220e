"""Facts about one job on one GPU, joined from a train and a power trace and ready for a tight loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from elastance.errors import InputError, UnknownNameError
from elastance.runs import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from elastance.job import Job


@dataclass(frozen=True)
class TrainTrace:
    """A train trace: one element per row in every column (see `elastance.traces.schema.TRAIN`).

    Attributes:
        name: What to call it in messages: a path, or the built-in models.
        target_epoch: First epoch at which the target was met, from 1; None = never in that run.
    """

    name: str
    dataset: Sequence[str]
    network: Sequence[str]
    optimizer: Sequence[str]
    batch_size: Sequence[int]
    target_metric: Sequence[float]
    target_epoch: Sequence[int | None]


@dataclass(frozen=True)
class PowerTrace:
    """A power trace of one GPU type: one element per row (see `elastance.traces.schema.POWER`).

    Attributes:
        name: What to call it in messages: a path, or the built-in models.
        power_limit: W.
        time_per_epoch: s.
        average_power: W.
    """

    name: str
    dataset: Sequence[str]
    network: Sequence[str]
    optimizer: Sequence[str]
    batch_size: Sequence[int]
    power_limit: Sequence[int]
    time_per_epoch: Sequence[float]
    average_power: Sequence[float]


@dataclass(frozen=True)
class SizeFacts:
    """What is known of one batch size of a job on one GPU.

    Attributes:
        batch_size: Samples per optimizer step.
        power_limits_w: Limits on offer, W, in file order.
        time_per_epoch_s: Seconds per epoch under each limit.
        average_power_w: Mean power under each limit, W.
        paths: Training paths: epochs to the target of each repeat, None = never; in file order.
    """

    batch_size: int
    power_limits_w: tuple[int, ...]
    time_per_epoch_s: tuple[float, ...]
    average_power_w: tuple[float, ...]
    paths: tuple[int | None, ...]

    @cached_property
    def epoch_at(self) -> dict[int, tuple[float, float]]:
        """Power limit (W) to (seconds, joules) of one epoch."""
        rows = zip(self.power_limits_w, self.time_per_epoch_s, self.average_power_w, strict=True)
        return {limit: (time, time * power) for limit, time, power in rows}

    @cached_property
    def profiling_epoch(self) -> tuple[float, float]:
        """(seconds, joules) of an epoch that gives each limit an equal share of its work.

        The mean is taken over the join's rows, repeats by limits, so that its rounding is the published
        simulator's.
        """
        times = np.array(self.time_per_epoch_s)
        energies = times * np.array(self.average_power_w)
        repeats = len(self.paths)
        return float(np.tile(times, repeats).mean()), float(np.tile(energies, repeats).mean())


@dataclass(frozen=True)
class JobFacts:
    """Everything a simulated world knows about one job on one GPU.

    Attributes:
        sizes: Batch size to its facts, ascending.
        max_power_w: Largest power limit of the whole GPU table after the join, W.
        provenance: Whether the numbers were recorded or come from a model.
    """

    sizes: Mapping[int, SizeFacts]
    max_power_w: int
    provenance: Provenance

    @property
    def power_limits_w(self) -> dict[int, tuple[int, ...]]:
        """Batch size to the power limits on offer, W, ascending."""
        return {size: tuple(sorted(facts.power_limits_w)) for size, facts in self.sizes.items()}

    @property
    def default_recurrences(self) -> int:
        """Recurrences of the published protocol: twice the number of sizes times the number of limits."""
        limits = {limit for facts in self.sizes.values() for limit in facts.power_limits_w}
        return 2 * len(self.sizes) * len(limits)


def join(
    train: TrainTrace, power: PowerTrace, job: Job, *, provenance: Provenance = Provenance.TRACE
) -> JobFacts:
    """Inner-join the two traces on dataset, network, batch size and optimizer, and pick the rows of `job`.

    Sizes on offer are all sizes in the join, whatever their target metrics.

    Raises:
        UnknownNameError: Neither trace knows the dataset, network or optimizer.
        InputError: A trace lacks rows of the job, or has none at its target metric.
    """
    identity = (job.dataset, job.network, job.optimizer)
    trained = [index for index, key in enumerate(_jobs(train)) if key == identity]
    powered = [index for index, key in enumerate(_jobs(power)) if key == identity]
    if not trained or not powered:
        raise _unknown_job(identity, train, power)
    sizes = sorted({train.batch_size[i] for i in trained} & {power.batch_size[i] for i in powered})
    if not sizes:
        raise InputError(f"{train.name} and {power.name} share no batch size of {'/'.join(identity)}")
    metrics = {train.target_metric[i] for i in trained}
    if job.target_metric not in metrics:
        raise InputError(
            f"target metric {job.target_metric:g} is not in {train.name} for {'/'.join(identity)}; "
            f"there are {', '.join(f'{metric:g}' for metric in sorted(metrics))}"
        )
    facts: dict[int, SizeFacts] = {}
    for size in sizes:
        rows = [i for i in powered if power.batch_size[i] == size]
        paths = tuple(
            train.target_epoch[i]
            for i in trained
            if train.batch_size[i] == size and train.target_metric[i] == job.target_metric
        )
        if not paths:
            raise InputError(
                f"{train.name} has no run of batch size {size} at target metric {job.target_metric:g} "
                f"for {'/'.join(identity)}"
            )
        facts[size] = SizeFacts(
            size,
            tuple(power.power_limit[i] for i in rows),
            tuple(power.time_per_epoch[i] for i in rows),
            tuple(power.average_power[i] for i in rows),
            paths,
        )
    return JobFacts(facts, _largest_joined_limit(train, power), provenance)


def _jobs(trace: TrainTrace | PowerTrace) -> Iterator[tuple[str, str, str]]:
    return zip(trace.dataset, trace.network, trace.optimizer, strict=True)


def _unknown_job(identity: tuple[str, str, str], *traces: TrainTrace | PowerTrace) -> InputError:
    jobs_of = {trace.name: set(_jobs(trace)) for trace in traces}
    known = set[tuple[str, str, str]]().union(*jobs_of.values())
    for position, kind in enumerate(("dataset", "network", "optimizer")):
        matching = {key[position] for key in known if key[:position] == identity[:position]}
        if identity[position] not in matching:
            of = f" of {'/'.join(identity[:position])}" if position else ""
            return UnknownNameError(f"{kind}{of}", identity[position], matching)
    lacking = " and ".join(name for name, keys in jobs_of.items() if identity not in keys)
    return InputError(f"no batch size on offer for {'/'.join(identity)}: {lacking} has no rows of it")


def _largest_joined_limit(train: TrainTrace, power: PowerTrace) -> int:
    trained = set(zip(train.dataset, train.network, train.optimizer, train.batch_size, strict=True))
    powered = zip(power.dataset, power.network, power.optimizer, power.batch_size, strict=True)
    return max(limit for key, limit in zip(powered, power.power_limit, strict=True) if key in trained)
