"""The task of splitting one global batch over GPUs, and what a plan for it costs.

GPUs that share a batch wait for the slowest: with n_i samples under limit p_i each,
``T = max_i t_i(n_i, p_i) + sync`` and ``E = sum_i [e_i(n_i, p_i) + idle_i * (T - t_i)]`` over the GPUs in use; the
cost is ``eta * E + (1 - eta) * MaxPower * T``, with MaxPower the sum of the largest limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from elastance.errors import InfeasibleError, InputError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.splitting.curves import Floats, Gpu


class Goal(StrEnum):
    """What a plan is to have as little of as possible."""

    COST = "cost"
    """Energy and time, weighed by eta."""
    TIME = "time"
    """Time; among equally fast plans energy."""
    ENERGY = "energy"
    """Energy; among equally frugal plans time."""


class Share(NamedTuple):
    """What one GPU is given.

    Attributes:
        batch_size: Samples; 0 releases the GPU.
        power_limit_w: W; of no meaning for a released GPU.
    """

    batch_size: int
    power_limit_w: int


@dataclass(frozen=True)
class GpuLoad:
    """What one GPU does in a step.

    Attributes:
        gpu: Its name.
        batch_size: Its samples; 0 if it is released.
        power_limit_w: W; None if it is released.
        time_s: How long it computes, s.
        energy_j: What it uses while it computes, J.
        idle_s: How long it waits for the others, s.
        idle_energy_j: What it uses while it waits, J.
        micro_batches: In how many parts it computes its samples.
        extrapolated: Whether a part is larger than any that was measured.
    """

    gpu: str
    batch_size: int
    power_limit_w: int | None
    time_s: float
    energy_j: float
    idle_s: float
    idle_energy_j: float
    micro_batches: int
    extrapolated: bool

    @property
    def power_w(self) -> float:
        """Mean power while it computes, W."""
        return self.energy_j / self.time_s if self.time_s else 0.0


@dataclass(frozen=True)
class Plan:
    """Shares of all GPUs and what they amount to.

    Attributes:
        loads: One per GPU, in the order of the problem.
        time_s: Time of the step, synchronisation included, s.
        energy_j: Energy of the step, J.
        cost_j: ``eta * energy + (1 - eta) * MaxPower * time``, J.
    """

    loads: tuple[GpuLoad, ...]
    time_s: float
    energy_j: float
    cost_j: float

    @property
    def shares(self) -> tuple[Share, ...]:
        """Samples and limit of each GPU."""
        return tuple(Share(load.batch_size, load.power_limit_w or 0) for load in self.loads)

    @property
    def extrapolated(self) -> bool:
        """Whether a part of it lies outside what was measured."""
        return any(load.extrapolated for load in self.loads)


@dataclass(frozen=True, eq=False)
class SplitProblem:
    """One global batch, the GPUs it may be split over, and what is wanted.

    Attributes:
        gpus: In the user's order; an object that is listed more than once stands for identical GPUs.
        global_batch_size: Samples of a step over all GPUs.
        eta: Preference in [0, 1]: 1 = energy only, 0 = time only; used by the goal COST.
        goal: What to minimise.
        granularity: Shares are multiples of this many samples.
        max_slowdown: No plan may take longer than this multiple of the fastest plan's time.
        micro_batches: Whether a GPU may compute its share in parts.
        sync_s: Time to exchange gradients once more than one GPU is in use, s.
        keep_idle: Whether a released GPU still draws its idle power.
        price_released: Whether MaxPower counts released GPUs. It then is the same for all plans of the problem, so
            that releasing a GPU does not make a second cheaper.

    Raises:
        InputError: A number is out of range.
        InfeasibleError: The GPUs cannot hold the batch.
    """

    gpus: tuple[Gpu, ...]
    global_batch_size: int
    eta: float = 0.5
    goal: Goal = Goal.COST
    granularity: int = 1
    max_slowdown: float | None = None
    micro_batches: bool = True
    sync_s: float = 0.0
    keep_idle: bool = False
    price_released: bool = True

    def __post_init__(self) -> None:
        if not self.gpus:
            raise InputError("no GPU to split over: give at least one profile")
        if not 0.0 <= self.eta <= 1.0:
            raise InputError(
                f"eta knob {self.eta} is not in [0, 1]: 0 weighs time only, 1 energy only, 0.5 both alike"
            )
        if self.granularity < 1:
            raise InputError(f"granularity {self.granularity} is not a positive number of samples")
        if self.global_batch_size < self.granularity:
            raise InputError(
                f"global batch {self.global_batch_size} is smaller than the granularity of {self.granularity} samples"
            )
        if self.global_batch_size % self.granularity:
            raise InputError(
                f"global batch {self.global_batch_size} is not a multiple of the granularity {self.granularity}"
            )
        if self.max_slowdown is not None and not self.max_slowdown >= 1.0:
            raise InputError(
                f"max slowdown {self.max_slowdown:g} is below 1: 1.1 allows 10 % more time than the fastest plan"
            )
        if not 0.0 <= self.sync_s < float("inf"):
            raise InputError(f"synchronisation time {self.sync_s:g} s is not 0 or more")
        if not self.micro_batches:
            self._check_room()

    def _check_room(self) -> None:
        caps = [gpu.micro_batch for gpu in self.gpus]
        known = [cap for cap in caps if cap is not None]
        room = sum(cap // self.granularity * self.granularity for cap in known)
        if len(known) == len(caps) and room < self.global_batch_size:
            raise InfeasibleError(
                f"global batch {self.global_batch_size} does not fit: without micro-batches the GPUs hold "
                f"{' + '.join(map(str, known))} samples, {room} in multiples of {self.granularity}; allow "
                "micro-batches or lower the global batch"
            )

    @property
    def units(self) -> int:
        """How many multiples of the granularity there are to hand out."""
        return self.global_batch_size // self.granularity

    @property
    def weight(self) -> float:
        """The eta that the goal amounts to."""
        return {Goal.COST: self.eta, Goal.TIME: 0.0, Goal.ENERGY: 1.0}[self.goal]

    @property
    def max_power_w(self) -> int:
        """Sum of the largest limits of all GPUs, W."""
        return sum(gpu.max_power_w for gpu in self.gpus)

    @property
    def prices_released(self) -> bool:
        """Whether a second costs the same however many GPUs are in use; always so if only time counts."""
        return self.price_released or self.goal is Goal.TIME

    def order(self, plan: Plan) -> tuple[float, float]:
        """Return what plans are ordered by: what is minimised, and what decides between equals."""
        return {
            Goal.COST: (plan.cost_j, plan.time_s),
            Goal.TIME: (plan.time_s, plan.energy_j),
            Goal.ENERGY: (plan.energy_j, plan.time_s),
        }[self.goal]

    def rates_w(self, gpu: Gpu, weight: float) -> tuple[float, float]:
        """Return what a second costs at eta = `weight`, J/s: for a GPU in use, and for a released one."""
        priced = (1.0 - weight) * gpu.max_power_w
        idle = weight * gpu.idle_power_w
        return priced + idle, (priced if self.prices_released else 0.0) + (idle if self.keep_idle else 0.0)

    @cached_property
    def tables(self) -> dict[Gpu, tuple[Floats, Floats]]:
        """Time (s) and energy (J) of each kind of GPU under each limit for 0, 1, … `units` units."""
        shares = np.arange(self.units + 1) * self.granularity
        return {gpu: gpu.table(shares, micro_batches=self.micro_batches) for gpu in dict.fromkeys(self.gpus)}

    def evaluate(self, shares: Sequence[Share | tuple[int, int]]) -> Plan:
        """Return what the `shares` amount to.

        Raises:
            PolicyError: They are not a plan for this problem: wrong number or sum, an unknown limit, or more than a
                GPU can hold.
        """
        shares = [Share(*share) for share in shares]
        if len(shares) != len(self.gpus) or any(share.batch_size < 0 for share in shares):
            raise PolicyError(
                f"a plan needs a share of 0 or more for each of {len(self.gpus)} GPUs: {shares}"
            )
        if sum(share.batch_size for share in shares) != self.global_batch_size:
            given = " + ".join(str(share.batch_size) for share in shares)
            raise PolicyError(
                f"the shares {given} do not add up to the global batch {self.global_batch_size}"
            )
        computed = [self._computed(gpu, share) for gpu, share in zip(self.gpus, shares, strict=True)]
        used = sum(share.batch_size > 0 for share in shares)
        time_s = max(time for time, _ in computed) + (self.sync_s if used > 1 else 0.0)
        loads = tuple(
            self._load(gpu, share, time_s, *of)
            for gpu, share, of in zip(self.gpus, shares, computed, strict=True)
        )
        energy_j = sum(load.energy_j + load.idle_energy_j for load in loads)
        max_power_w = sum(
            gpu.max_power_w
            for gpu, load in zip(self.gpus, loads, strict=True)
            if load.batch_size or self.prices_released
        )
        return Plan(
            loads, time_s, energy_j, self.weight * energy_j + (1.0 - self.weight) * max_power_w * time_s
        )

    def _computed(self, gpu: Gpu, share: Share) -> tuple[float, float]:
        if share.batch_size == 0:
            return 0.0, 0.0
        if share.power_limit_w not in gpu.power_limits_w:
            known = ", ".join(map(str, gpu.power_limits_w))
            raise PolicyError(f"{gpu.name} was not measured at {share.power_limit_w} W; there are {known}")
        times, energies = gpu.table(np.array([share.batch_size]), micro_batches=self.micro_batches)
        row = gpu.power_limits_w.index(share.power_limit_w)
        if not np.isfinite(times[row, 0]):
            raise PolicyError(
                f"{share.batch_size} samples do not fit on {gpu.name}, which holds {gpu.micro_batch} at once"
            )
        return float(times[row, 0]), float(energies[row, 0])

    def _load(self, gpu: Gpu, share: Share, step_s: float, time_s: float, energy_j: float) -> GpuLoad:
        used = share.batch_size > 0
        idle_s = step_s - time_s if used or self.keep_idle else 0.0
        return GpuLoad(
            gpu.name,
            share.batch_size,
            share.power_limit_w if used else None,
            time_s,
            energy_j,
            idle_s,
            idle_s * gpu.idle_power_w,
            gpu.parts(share.batch_size),
            gpu.extrapolated(share.batch_size),
        )
