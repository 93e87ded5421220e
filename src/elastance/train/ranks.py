"""Put together what the ranks of a job measured, each on GPUs of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices import Device

Gather: TypeAlias = Callable[[Any], list[Any]]
"""Gives every rank the values of all ranks, in their order; all ranks call it the same number of times."""


def gather_from_ranks(value: Any) -> list[Any]:  # noqa: ANN401
    """Gather over torch.distributed where that is initialised; elsewhere there is one rank only.

    It is not imported for that: a process that has not is alone.
    """
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return [value]
    values: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(values, value)
    return values


class JobGpus(NamedTuple):
    """The GPUs of a job, over all ranks.

    Attributes:
        rank_names: Product names of each rank's GPUs.
        min_w, max_w: Power limits each of them accepts, W.
    """

    rank_names: tuple[tuple[str, ...], ...]
    min_w: float
    max_w: float

    @property
    def gpu_count(self) -> int:
        """How many there are."""
        return sum(map(len, self.rank_names))

    @property
    def max_power_w(self) -> float:
        """Largest limit of all of them together, W."""
        return self.gpu_count * self.max_w


class _Gpu(NamedTuple):
    identity: str
    name: str
    min_w: float
    max_w: float
    is_real: bool


def gather_gpus(devices: Sequence[Device], gather: Gather) -> JobGpus:
    """Return the GPUs of all ranks.

    Raises:
        InputError: Two ranks measure the same GPU, or the GPUs do not accept the same limits; the same on every rank.
        DeviceError: A power limit cannot be read.
    """
    own: list[_Gpu] = []
    for device in devices:
        limits = device.power_limits()
        info = device.info
        own.append(_Gpu(info.id, info.name, limits.min_w, limits.max_w, info.provenance is None))
    ranks: list[list[_Gpu]] = gather(own)
    gpus = [gpu for rank in ranks for gpu in rank]
    real = [gpu.identity for gpu in gpus if gpu.is_real]
    for identity in real:
        if real.count(identity) > 1:
            raise InputError(
                f"GPU {identity} is measured by more than one rank, so that its energy would count twice: give each"
                " rank its own GPUs only, as in devices=[find_devices()[local_rank]]"
            )
    ranges = sorted({(gpu.min_w, gpu.max_w) for gpu in gpus})
    if len(ranges) > 1:
        described = ", ".join(f"{low:g} to {high:g} W" for low, high in ranges)
        raise InputError(
            f"the GPUs of the job accept different power limits ({described}): one limit for all needs equal ranges"
        )
    return JobGpus(tuple(tuple(gpu.name for gpu in rank) for rank in ranks), *ranges[0])
