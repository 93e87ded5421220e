"""Run a training script by a plan: limits set, one process per GPU, energy measured, limits put back."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.measure import EnergyMeter, power_limit
from elastance.measure.limits import check_power_limit
from elastance.train.data_parallel.account import Account, read_account
from elastance.train.launching.environment import rank_processes
from elastance.train.launching.rank_processes import (
    InterruptedJob,
    JobEnd,
    RankFailure,
    check_command,
    started_ranks,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.measure import Measurement
    from elastance.train.launching.placement import PlacedGpu
    from elastance.train.launching.plan import LaunchPlan

_WHOLE, _STEPS = "job", "steady steps"


@dataclass(frozen=True)
class SteadyPower:
    """What one GPU drew while all ranks were in steady steps.

    Attributes:
        energy_j: Energy, J.
        time_s: Of this time, s.
    """

    energy_j: float
    time_s: float


@dataclass(frozen=True)
class FinishedJob:
    """A job that has ended, in whatever way.

    Attributes:
        plan: By which it was trained.
        gpus: The GPUs, in the order of the ranks.
        measurement: From the start of the processes to their end; the devices in the order of the ranks.
        accounts: What each rank said; None where the script did not take its share.
        steady: What each GPU drew in steady steps; None if there was no time to tell.
        limits_set: Whether the plan's power limits were set.
        failure: The rank that failed first, if any.
        interrupted_by: Number of the signal that ended it, if any.
    """

    plan: LaunchPlan
    gpus: tuple[PlacedGpu, ...]
    measurement: Measurement
    accounts: tuple[Account | None, ...]
    steady: tuple[SteadyPower | None, ...]
    limits_set: bool
    failure: RankFailure | None
    interrupted_by: int | None

    @property
    def exit_status(self) -> int:
        """0, the status of the rank that failed first, or 128 + n after signal n."""
        if self.interrupted_by is not None:
            return 128 + self.interrupted_by
        return 0 if self.failure is None else self.failure.exit_status


def _check_limits(gpus: Sequence[PlacedGpu]) -> None:
    """Refuse a plan with limits that its GPUs cannot have.

    Raises:
        InputError: A limit is out of range.
        DeviceError: A GPU has no power limit, or does not answer.
    """
    for gpu in gpus:
        assert gpu.planned.power_limit_w is not None
        check_power_limit(gpu.device, gpu.planned.power_limit_w)


def run_job(
    plan: LaunchPlan,
    gpus: Sequence[PlacedGpu],
    command: Sequence[str],
    *,
    set_limits: bool = True,
    port: int = 0,
) -> FinishedJob:
    """Train by a plan until the script ends, a rank fails, or a signal comes. For the main thread.

    Args:
        plan: The plan.
        gpus: Its GPUs that take part, in the order of the ranks.
        command: Program and arguments, started once per GPU.
        set_limits: Whether to set the plan's power limits; they are put back in any case.
        port: Where the ranks meet; 0 for any that is free.

    Raises:
        MissingExtraError: PyTorch is not installed.
        CommandMissingError: There is no such program.
        CommandUnusableError: It cannot be executed.
        InputError: A limit is out of range, or the port is taken; nothing was started.
        DevicePermissionError: The user may not set limits; nothing was started.
        DeviceError: A GPU cannot be read or set.
    """
    check_command(command)
    if set_limits:
        _check_limits(gpus)
    end, interrupted_by = JobEnd(), None
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="elastance-")))
        accounts, logs = directory / "accounts", directory / "logs"
        accounts.mkdir()
        meter = stack.enter_context(EnergyMeter([gpu.device for gpu in gpus], estimate_short=True))
        if set_limits:
            for gpu in gpus:
                stack.enter_context(power_limit(gpu.device, gpu.planned.power_limit_w or 0.0))
        watch = _Watch(meter, accounts, len(gpus))
        with meter.window(_WHOLE) as whole:
            try:
                with started_ranks(command, rank_processes(plan, gpus, accounts), logs, port=port) as running:
                    end = running.until_ended(watch.look)
            except InterruptedJob as stop:
                interrupted_by = stop.number
            watch.close(is_sound=end.failure is None and interrupted_by is None)
        assert whole.measurement is not None
        told = tuple(read_account(accounts, rank) for rank in range(len(gpus)))
    return FinishedJob(
        plan,
        tuple(gpus),
        whole.measurement,
        told,
        watch.steady(),
        set_limits,
        end.failure,
        interrupted_by,
    )


class _Watch:
    """Looks at the ranks until they have ended, and measures while all of them are in steady steps."""

    def __init__(self, meter: EnergyMeter, accounts: Path, ranks: int) -> None:
        self._meter = meter
        self._accounts = accounts
        self._ranks = ranks
        self._is_open = False
        self._windows: list[Measurement] = []

    def close(self, *, is_sound: bool = True) -> None:
        if not self._is_open:
            return
        self._is_open = False
        window = self._meter.end(_STEPS)
        if is_sound:  # else it has the time in it that ending the others took
            self._windows.append(window)

    def steady(self) -> tuple[SteadyPower | None, ...]:
        ranks: list[SteadyPower | None] = []
        for rank in range(self._ranks):
            known = [
                (device.energy_j, device.time_s)
                for window in self._windows
                if (device := window.devices[rank]).energy_j is not None
            ]
            time_s = sum(seconds for _, seconds in known)
            ranks.append(SteadyPower(sum(joules for joules, _ in known), time_s) if time_s > 0.0 else None)
        return tuple(ranks)

    def look(self) -> None:
        told = [read_account(self._accounts, rank) for rank in range(self._ranks)]
        is_steady = all(account is not None and account.in_steady_steps for account in told)
        if is_steady and not self._is_open:
            self._meter.begin(_STEPS)
            self._is_open = True
        elif not is_steady:
            self.close()
