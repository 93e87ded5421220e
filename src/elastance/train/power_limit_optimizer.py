"""Find the best power limit of a training job while it trains, as callbacks of the training loop."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from typing import TYPE_CHECKING, Self

from elastance.devices import DeviceKind, find_devices
from elastance.errors import InputError, MeterError, NoDeviceError
from elastance.measure import EnergyMeter, PowerLimitHold, restore_abandoned_limits
from elastance.measure.limits import describe_restored
from elastance.train.limit_profile import LimitProfile, limit_grid
from elastance.train.profile_cache import ProfileCache, ProfileKey
from elastance.train.profiling.steps import profiling_session
from elastance.train.ranks import gather_from_ranks, gather_gpus
from elastance.train.selectors import LeastEtaCost
from elastance.train.sweep_states import Done, Profiling, Ready, SweepState, SweepSteps, Warmup
from elastance.train.tuning.result_file import CHOSEN_LIMIT
from elastance.train.tuning_report import TuningReport, estimate_at_optimum
from elastance.train.window_reduction import doubt_of, window_over_ranks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from elastance.devices import Clock, Device
    from elastance.measure import Measurement
    from elastance.measure.sync import Sync
    from elastance.train.limit_profile import LimitWindow
    from elastance.train.ranks import Gather, JobGpus
    from elastance.train.selectors import Selector

_logger = logging.getLogger(__name__)

_RUN, _STEADY, _WINDOW = "run", "steady", "window"
_MOST_CUTS = 5  # epochs in a row that may cut the window of the same limit


class PowerLimitOptimizer:
    """Measures a few steps under each power limit, then trains under the best.

    Usage::

        with PowerLimitOptimizer(selector=LeastEtaCost(0.5)) as tuner:
            for epoch in range(epochs):
                for batch in loader:
                    tuner.on_step_begin()
                    train(batch)
                    tuner.on_step_end()
                tuner.on_epoch_end()
        print(tuner.report)

    The limits go down from the maximum to the minimum, one for all GPUs of the job. An epoch that ends within a
    window drops it; the same limit is tried again in the next epoch, five times at most. The limits from before are
    put back at the end, on an exception or a signal, and after a kill at the next start
    (`elastance.measure.power_limit`). With several ranks each measures its own GPUs, and all of them call the
    callbacks equally often, as DDP does. Under `elastance profile` steps are measured for that, and nothing is tuned.

    Args:
        devices: The GPUs this rank trains on, or what `elastance.find_devices` finds by this specification.
        selector: Which limit is best; by default the least eta-cost at eta 0.5.
        steps: How long to wait, to warm up and to measure.
        limit_step_w: Distance of the limits, W.
        observe: Measure the limits, but train under the one from before; the report then says what the best would
            have used.
        cache: Keeps the profile and knows earlier ones; needs `job` and `batch_size`.
        job: Name of the job, for the cache.
        batch_size: Its batch size, for the cache.
        sync: Waited for before and after a window, as in `EnergyMeter`; ``"auto"`` is PyTorch if that is imported.
        gather: Brings together what the ranks measured.
        clock: Monotonic clock, s.

    Attributes:
        gpus: The GPUs of this rank.
        sync: What is waited for; None if nothing is.
        state: Where the sweep is; None before the first step.
        profile: What was measured, over all ranks; None until the sweep is done.
        job_gpus: The GPUs of all ranks; None before the first step.
        report: What the run consumed; None until it is closed, or if no step began.

    Raises:
        InputError: A number of steps or watts is out of range, or the cache lacks `job` or `batch_size`.
        NoDeviceError: There is no GPU.
    """

    def __init__(
        self,
        devices: Sequence[Device] | str | None = None,
        *,
        selector: Selector | None = None,
        steps: SweepSteps | None = None,
        limit_step_w: float = 25.0,
        observe: bool = False,
        cache: ProfileCache | Path | None = None,
        job: str | None = None,
        batch_size: int | None = None,
        sync: Sync | None = "auto",
        gather: Gather = gather_from_ranks,
        clock: Clock = time.monotonic,
    ) -> None:
        self._steps_of = (steps or SweepSteps()).checked()
        limit_grid(1.0, 1.0, limit_step_w)  # refuses a bad step before anything is opened
        if cache is not None and (job is None or batch_size is None):
            raise InputError("a profile cache needs job= and batch_size=: a profile is kept for those only")
        self._cache = cache if isinstance(cache, ProfileCache) or cache is None else ProfileCache(cache)
        self._job, self._batch_size = job, batch_size
        self._selector: Selector = selector or LeastEtaCost()
        self._limit_step_w = limit_step_w
        self._observe = observe
        self._gather = gather
        self._owned = (
            find_devices(devices, clock=clock) if devices is None or isinstance(devices, str) else ()
        )
        given = self._owned or devices or ()
        self.gpus = [
            device for device in given if not isinstance(device, str) and device.info.kind is DeviceKind.GPU
        ]
        if not self.gpus:
            raise NoDeviceError("power limits can be tuned on GPUs only, and none was given or found")
        if sync == "auto":
            sync = "torch" if "torch" in sys.modules else None
        self.sync = sync
        for change in restore_abandoned_limits(self.gpus):
            _logger.warning("%s", describe_restored(change))
        self._meter = EnergyMeter(self.gpus, sync=sync, clock=clock, estimate_short=True)
        self._hold = PowerLimitHold(self.gpus)
        self.state: SweepState | None = None
        self.profile: LimitProfile | None = None
        self.job_gpus: JobGpus | None = None
        self.report: TuningReport | None = None
        self._grid: tuple[float, ...] = ()
        self._key: ProfileKey | None = None
        self._windows: list[LimitWindow] = []
        self._cuts = 0
        self._former_w: set[float] = set()
        self._steps = 0
        self._is_first = True
        self._is_doubtful = False
        self._closed = False
        self._profiler = profiling_session()

    @property
    def settled(self) -> bool:
        """Whether the sweep is over."""
        return isinstance(self.state, Done)

    def expected_window(self) -> LimitWindow | None:
        """Return what a window takes under the limit the rest of the run has; None if that is not known.

        Under observation that is the limit from before: what will be, not what could be.
        """
        if self.profile is None or not isinstance(self.state, Done) or self.state.power_limit_w is None:
            return None
        return self.profile.at(max(self._former_w) if self._observe else self.state.power_limit_w)

    def on_step_begin(self) -> None:
        """Say that a training step begins.

        Raises:
            InputError: The GPUs of the job cannot have one limit, or a saved profile is not usable.
            MeterError: A window could not be measured, or the optimizer is closed.
            DevicePermissionError: The user may not set limits; the message says how to get the right.
            DeviceError: A GPU cannot be read or set. After any of these the limits are put back.
        """
        state = self.state
        if type(state) is Done and not self._closed:
            return
        if self._profiler is not None:
            self._profiler.on_step_begin()
            return
        if self._closed:
            raise MeterError("this power-limit optimizer is closed: make a new one")
        try:
            if state is None:
                state = self._start()
            while not isinstance(state, Done) and state.steps_left == 0:
                state = self._follow(state)
            if not isinstance(state, Done):
                # Not dataclasses.replace: this is on the path of every step.
                state = type(state)(state.power_limit_w, state.steps_left - 1)
            self.state = state
        except BaseException:
            self._abandon()
            raise

    def on_step_end(self) -> None:
        """Say that a training step ended: the report counts them."""
        self._steps += 1

    def on_epoch_end(self) -> None:
        """Say that an epoch ended, or that anything else than training steps follows (an evaluation).

        Raises:
            DeviceError: A limit could not be set; the former ones are put back then.
        """
        if self._profiler is not None:
            self._profiler.on_epoch_end()
            return
        state = self.state
        if self._closed or not isinstance(state, Warmup | Profiling):
            return
        try:
            if isinstance(state, Profiling):
                self._meter.cancel(_WINDOW)
            self._cuts += 1
            if self._cuts == _MOST_CUTS:
                self.state = self._give_up(state.power_limit_w)
                return
            self._rest()
            self.state = Ready(state.power_limit_w, 0)
        except BaseException:
            self._abandon()
            raise

    def close(self) -> None:
        """Put the limits back and make the report; closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.state is not None:
                self.report = self._make_report(self.state)
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> SweepState:
        self._former_w = {gpu.power_limits().current_w for gpu in self.gpus}
        self.job_gpus = gather_gpus(self.gpus, self._gather)
        self._grid = limit_grid(self.job_gpus.min_w, self.job_gpus.max_w, self._limit_step_w)
        me = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"
        self._is_first = self._gather(me)[0] == me
        self._meter.begin(_RUN)
        chosen = os.environ.get(CHOSEN_LIMIT)
        if chosen is not None:  # `elastance tune run` has set it, as an earlier run had measured every limit
            return Done(float(chosen))
        known = self._load()
        if known is not None:
            return self._finish(known)
        self._rest()
        return Ready(self._grid[0], self._steps_of.wait)

    def _follow(self, state: Ready | Warmup | Profiling) -> SweepState:
        """Return the state after one whose steps are over."""
        limit_w = state.power_limit_w
        if isinstance(state, Ready):
            self._hold.set(limit_w)
            return Warmup(limit_w, self._steps_of.warmup)
        if isinstance(state, Warmup):
            self._meter.begin(_WINDOW)
            return Profiling(limit_w, self._steps_of.measure)
        self._cuts = 0
        own = self._meter.end(_WINDOW)
        self._windows.append(window_over_ranks(limit_w, own, self._steps_of.measure, self._gather))
        self._warn_if_doubtful(limit_w, own)
        if len(self._windows) < len(self._grid):
            next_w = self._grid[len(self._windows)]
            self._hold.set(next_w)
            return Warmup(next_w, self._steps_of.warmup)
        assert self.job_gpus is not None
        profile = LimitProfile(tuple(self._windows), self.job_gpus.max_power_w, self._steps_of.measure)
        done = self._finish(profile)
        if self._cache is not None and self._key is not None and self._is_first:
            self._cache.save(self._key, profile)
        return done

    def _warn_if_doubtful(self, limit_w: float, own: Measurement) -> None:
        doubt = doubt_of(own)
        if doubt is not None and not self._is_doubtful:
            _logger.warning(
                "the energy under %g W %s; measure more than %d steps per limit",
                limit_w,
                doubt,
                self._steps_of.measure,
            )
            self._is_doubtful = True

    def _finish(self, profile: LimitProfile) -> Done:
        """Select, and set what was selected."""
        self.profile = profile
        optimum_w = self._selector.choose(profile)
        if self._observe:
            self._rest()
        else:
            self._hold.set(optimum_w)
        self._meter.begin(_STEADY)
        _logger.info("the best power limit is %g W%s", optimum_w, " (only observed)" if self._observe else "")
        return Done(optimum_w)

    def _give_up(self, limit_w: float) -> Done:
        needed = self._steps_of.warmup + self._steps_of.measure + 1
        problem = (
            f"{_MOST_CUTS} epochs in a row ended before {limit_w:g} W was measured, which takes {needed} steps:"
            " no power limit was selected; warm up or measure for fewer steps"
        )
        _logger.warning("%s", problem)
        self._rest()
        return Done(None, problem)

    def _rest(self) -> None:
        """Between windows: the maximum, or, when only observing, whatever limit was there before."""
        if self._observe:
            self._release()
        else:
            self._hold.set(self._grid[0])

    def _load(self) -> LimitProfile | None:
        """Return the profile that the first rank knows; its files may be the only ones."""
        if self._cache is None or self.job_gpus is None or self._job is None or self._batch_size is None:
            return None
        steps = self._steps_of
        self._key = ProfileKey(
            self._job, self._batch_size, self.job_gpus.rank_names, self._grid, steps.warmup, steps.measure
        )
        try:
            found: LimitProfile | InputError | None = self._cache.load(self._key)
        except InputError as error:
            found = error
        first: LimitProfile | InputError | None = self._gather(found)[0]
        if isinstance(first, InputError):
            raise first
        return first

    def _make_report(self, state: SweepState) -> TuningReport:
        steady = self._meter.end(_STEADY) if isinstance(state, Done) and self.profile is not None else None
        run = self._meter.end(_RUN)
        if not isinstance(state, Done):
            return TuningReport(run, self._steps, None, None, None, "training ended before the sweep did")
        estimate = None
        if self._observe and self.profile and steady and state.power_limit_w and len(self._former_w) == 1:
            (former_w,) = self._former_w
            estimate = estimate_at_optimum(run, steady, self.profile, former_w, state.power_limit_w)
        return TuningReport(run, self._steps, state.power_limit_w, estimate, self.profile, state.problem)

    def _release(self) -> None:
        self._hold.__exit__(None, None, None)

    def _abandon(self) -> None:
        """Let go while an exception is on its way, which matters more than what goes wrong here."""
        self._closed = True
        kind, error, trace = sys.exc_info()
        self._hold.__exit__(kind, error, trace)
        self._close_devices()

    def _let_go(self) -> None:
        try:
            self._release()
        finally:
            self._close_devices()

    def _close_devices(self) -> None:
        self._meter.close()
        for device in self._owned:
            device.close()
