"""A training script's part of `elastance profile`: measure what the plan asks for, write it down, end the script."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from elastance.errors import ElastanceError, InputError, MeterError
from elastance.train.profiling.gauge import Gauge, least_window_s
from elastance.train.profiling.plan import (
    Cell,
    Plan,
    Progress,
    Trial,
    write_model,
)
from elastance.train.profiling.windows import (
    Done,
    Measuring,
    Ready,
    Warmup,
    Window,
    WindowRules,
    WindowSearch,
    spread_of_trials,
)
from elastance.train.ranks import gather_from_ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from elastance.devices import Clock, Device
    from elastance.measure.sync import Sync
    from elastance.train.ranks import Gather

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class ProfilingDone(SystemExit):
    """Everything `elastance profile` asked for is measured: ends the script with status 0, training no further.

    A script may catch it to clean up; the next step raises it again.
    """

    def __init__(self) -> None:
        super().__init__(0)


class ProfilingSession(Generic[Batch]):
    """Measures windows of steps under each power limit of a plan, then ends the script.

    With several ranks the first measures all GPUs of the plan and decides for all; so that they stay together, all
    ranks must run the same steps, as with DDP, on one machine.

    Args:
        plan: What to measure.
        devices: The GPUs; by default those the plan names.
        sync: Waited for before and after a window; ``"auto"`` is PyTorch if that is imported.
        gather: Brings the ranks together.
        clock: Monotonic clock, s.
    """

    def __init__(
        self,
        plan: Plan,
        devices: Sequence[Device] | None = None,
        *,
        sync: Sync | None = "auto",
        gather: Gather = gather_from_ranks,
        clock: Clock = time.monotonic,
    ) -> None:
        self._plan = plan
        self._given = devices
        self._sync: Sync | None = sync
        self._gather = gather
        self._clock = clock
        self._search: WindowSearch | None = None
        self._gauge: Gauge | None = None
        self._is_first = False
        self._may_span = False
        self._left = 0
        self._is_open = False
        self._is_over = False
        self._epoch_steps: int | None = None
        self._pass_steps = 0
        self._saved = 0

    def steps(self, loader: Iterable[Batch]) -> Iterator[Batch]:
        """Give batches, from the beginning again whenever they are used up, until everything is measured."""
        self._may_span = self._search is None or self._may_span
        with suppress(TypeError):
            self._epoch_steps = len(loader)  # type: ignore[arg-type]
        try:
            while True:
                self._pass_steps = 0
                for batch in loader:
                    self.on_step_begin()
                    yield batch
                if not self._pass_steps:  # an iterator that is used up begins with nothing
                    return
                self.on_epoch_end()
        finally:
            # A loop that is left early is followed by who knows what, an evaluation perhaps.
            if self._is_open and self._search is not None:
                self._search.drop()
                self._drop()

    def on_step_begin(self) -> None:
        """Say that a training step begins.

        Raises:
            ProfilingDone: Everything is measured.
            MeterError: A window could not be measured.
            DeviceError: A GPU cannot be read or set.
        """
        if self._left:
            self._left -= 1
            self._pass_steps += 1
            return
        if self._is_over:
            raise ProfilingDone
        try:
            self._at_boundary()
        except ElastanceError as error:
            self._close()
            self._report(Progress(power_limit_w=None, problem=str(error)))
            raise
        except BaseException:
            self._close()
            raise
        self._pass_steps += 1

    def on_epoch_end(self) -> None:
        """Say that an epoch ended, or that anything else than training steps follows.

        Raises:
            MeterError: Epochs are too short to measure anything.
        """
        if self._epoch_steps is None and self._pass_steps:
            self._epoch_steps = self._pass_steps
        self._pass_steps = 0
        if self._search is None or not self._is_open:
            return
        try:
            is_dropped = self._search.cut()
        except MeterError as error:
            self._report(Progress(power_limit_w=None, problem=str(error)))
            self._close()
            raise
        if is_dropped:
            self._drop()

    def _drop(self) -> None:
        self._is_open, self._left = False, 0
        if self._gauge is not None:
            self._gauge.cancel()

    def _at_boundary(self) -> None:
        search = self._search or self._start()
        if self._is_open:
            self._is_open = False
            search.ended(self._from_first(self._ended))
            self._save(search)
        while isinstance(search.state, Ready):
            if self._plan.sets_limits:
                self._from_first(partial(self._set_limit, search.state.power_limit_w))
            search.limit_is_set()
        self._tell(search)
        if isinstance(search.state, Done):
            self._close()
            raise ProfilingDone
        if self._gauge is not None:
            self._gauge.begin()
        self._is_open, self._left = True, search.state.steps - 1

    def _start(self) -> WindowSearch:
        me = f"{socket.gethostname()}:{os.getpid()}:{id(self)}"
        ranks: list[str] = self._gather(me)
        if len({rank.partition(":")[0] for rank in ranks}) > 1:
            raise InputError(
                f"a job on several machines cannot be profiled: its ranks are {', '.join(ranks)}"
            )
        self._is_first = ranks[0] == me
        least_s = self._from_first(self._open_gauge)
        rules = WindowRules(least_s, max(least_s, self._plan.most_window_s), self._plan.spread)
        self._search = WindowSearch(self._plan.limits_w, rules, may_span=self._may_span)
        return self._search

    def _open_gauge(self) -> float:
        self._gauge = Gauge(self._plan, self._given, self._sync, self._clock)
        return least_window_s(self._gauge.gpus, self._plan.spread)

    def _from_first(self, work: Callable[[], Result]) -> Result:
        """Let the first rank work; all ranks return what it returned, or raise what went wrong there."""
        made: Result | None = None
        problem: ElastanceError | None = None
        if self._is_first:
            try:
                made = work()
            except ElastanceError as error:
                problem = error
        first, said = self._gather((made, None if problem is None else str(problem)))[0]
        if problem is not None:
            raise problem
        if said is not None:
            raise MeterError(said)
        return first

    def _ended(self) -> Window:
        """Return the segment that ended, as the first rank measured it."""
        assert self._gauge is not None
        assert self._search is not None
        assert isinstance(self._search.state, Warmup | Measuring)
        return self._gauge.end(self._search.state.steps, must_read=isinstance(self._search.state, Measuring))

    def _set_limit(self, power_limit_w: int) -> None:
        assert self._gauge is not None
        self._gauge.hold.set(float(power_limit_w))

    def _save(self, search: WindowSearch) -> None:
        """Write what is finished."""
        while self._saved < len(search.results):
            of = search.results[self._saved]
            self._saved += 1
            if self._gauge is None:
                continue
            source, method, uncertainty_j = self._gauge.provenance()
            cell = Cell(
                batch_size=self._plan.batch_size,
                power_limit_w=of.power_limit_w,
                steps=of.trials[-1].steps,
                warmup_steps=of.warmup_steps,
                trials=tuple(Trial(time_s=one.time_s, energy_j=one.energy_j) for one in of.trials),
                settled=of.settled,
                spans_epochs=search.spans,
                gpus=len(self._gauge.gpus),
                epoch_steps=self._epoch_steps,
                energy_source=source,
                energy_method=method,
                uncertainty_j=uncertainty_j,
            )
            write_model(Path(self._plan.results) / cell.file_name, cell)

    def _tell(self, search: WindowSearch) -> None:
        state = search.state
        if not isinstance(state, Warmup | Measuring):
            self._report(Progress(power_limit_w=None))
            return
        self._report(
            Progress(
                power_limit_w=state.power_limit_w,
                trials=len(state.trials),
                window_steps=state.steps,
                spread=spread_of_trials(state.trials) if len(state.trials) > 1 else None,
            )
        )

    def _report(self, progress: Progress) -> None:
        if self._is_first:
            write_model(Path(self._plan.progress), progress)

    def _close(self) -> None:
        self._is_over, self._left, self._is_open = True, 0, False
        if self._gauge is not None:
            self._gauge.close()
