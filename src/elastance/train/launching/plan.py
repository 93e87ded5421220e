"""Read the plan that `elastance split --output` wrote, as far as a launcher needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from elastance.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_Count = Annotated[int, Field(ge=1)]
_Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Watts = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class _Gpu(_Part):
    profile: Annotated[str, Field(min_length=1)]
    batch_size: Annotated[int, Field(ge=0)]
    power_limit_w: _Watts | None
    time_s: _Amount
    power_w: _Amount
    idle_s: _Amount
    micro_batches: Annotated[int, Field(ge=0)]


class _Profile(_Part):
    count: _Count
    idle_power_w: _Amount
    largest_profiled_batch_size: _Count
    memory_cap: _Count | None


class _File(_Part):
    method: str
    per: Literal["profiled window", "step", "epoch"]
    steps_in_window: _Count | None
    global_batch_size: _Count
    step_time_s: _Amount
    step_energy_j: _Amount
    provenance: tuple[str, ...] = Field(strict=False)
    gpus: Annotated[tuple[_Gpu, ...], Field(strict=False, min_length=1)]
    profiles: Annotated[tuple[_Profile, ...], Field(strict=False, min_length=1)]


@dataclass(frozen=True)
class PlannedGpu:
    """What the plan has for one GPU. Times and energies are totals of what `LaunchPlan.per` says.

    Attributes:
        profile: Name of its profile.
        batch_size: Its samples of a step; 0 if it is released.
        micro_batch_size: Most samples it computes at once.
        power_limit_w: W; None if it is released.
        computes_s: How long it is to compute, s.
        waits_s: How long it is to wait for the others, s.
        energy_j: What it is to use meanwhile, J.
    """

    profile: str
    batch_size: int
    micro_batch_size: int
    power_limit_w: float | None
    computes_s: float
    waits_s: float
    energy_j: float


@dataclass(frozen=True)
class LaunchPlan:
    """A plan to train by.

    Attributes:
        path: Where it was read from.
        method: What made it.
        global_batch_size: Samples of a step over all GPUs.
        per: What times and energies are totals of: "step", "epoch", or "profiled window", whose steps nobody knows.
        time_s: Predicted time, s.
        energy_j: Predicted energy of all GPUs, J.
        provenance: Where the facts come from that it was made of.
        gpus: All GPUs, the released ones too, in the order of the plan.
    """

    path: str
    method: str
    global_batch_size: int
    per: str
    time_s: float
    energy_j: float
    provenance: tuple[str, ...]
    gpus: tuple[PlannedGpu, ...]

    @property
    def ranks(self) -> tuple[PlannedGpu, ...]:
        """The GPUs that take part, in the order of their ranks."""
        return tuple(gpu for gpu in self.gpus if gpu.batch_size)


def read_plan(path: Path) -> LaunchPlan:
    """Read a plan.

    Raises:
        InputError: The file cannot be read, or is no plan; the message names the place.
    """
    try:
        read = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise _no_plan(path, f"{where}: {first['msg']}") from None
    _check(path, read)
    kinds = [profile for profile in read.profiles for _ in range(profile.count)]
    gpus = tuple(_planned(gpu, kind) for gpu, kind in zip(read.gpus, kinds, strict=True))
    return LaunchPlan(
        str(path),
        read.method,
        read.global_batch_size,
        read.per,
        read.step_time_s,
        read.step_energy_j,
        read.provenance,
        gpus,
    )


def _check(path: Path, read: _File) -> None:
    counted = sum(profile.count for profile in read.profiles)
    if counted != len(read.gpus):
        raise _no_plan(path, f"gpus has {len(read.gpus)} entries, profiles count {counted} GPUs")
    shared = sum(gpu.batch_size for gpu in read.gpus)
    if shared != read.global_batch_size:
        raise _no_plan(path, f"the shares add up to {shared}, global_batch_size is {read.global_batch_size}")
    for index, gpu in enumerate(read.gpus):
        if gpu.batch_size and gpu.power_limit_w is None:
            raise _no_plan(path, f"gpus.{index}: has samples, but no power_limit_w")


def _planned(gpu: _Gpu, kind: _Profile) -> PlannedGpu:
    at_once = min(kind.memory_cap or kind.largest_profiled_batch_size, kind.largest_profiled_batch_size)
    if gpu.micro_batches <= 1:  # extrapolated plans go beyond what was profiled
        at_once = max(1, gpu.batch_size)
    return PlannedGpu(
        gpu.profile,
        gpu.batch_size,
        at_once,
        gpu.power_limit_w,
        gpu.time_s,
        gpu.idle_s,
        gpu.time_s * gpu.power_w + gpu.idle_s * kind.idle_power_w,
    )


def _no_plan(path: Path, why: str) -> InputError:
    return InputError(
        f"{path}: no plan to launch: {why}; `elastance split ... --output {path.name}` writes one"
    )
