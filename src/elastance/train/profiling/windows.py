"""How long to warm up and to measure: decided from what was measured so far, without clock, GPU or training script.

The lengths are in steps. Under the first limit, warm-up segments grow until one lasts as long as a window must; that
gives the first lengths of both. Then come trials, windows of equally many steps one after the other. Once the last
few agree within the wanted spread, the limit is done. If all of them but the first agree, that one still belonged to
the warm-up, which is longer from then on; otherwise the window doubles. A bound on both ends a search that leads
nowhere: the trials with the longest windows count, and say how far apart they are.

The spread is ``(max - min) / mean`` of the trials, the larger of that of time and that of energy. A standard error
would shrink with the number of trials and hide a drift; no trial lies farther from another than this range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from elastance.errors import InputError, MeterError

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIALS = 3
"""How many trials must agree."""

_FIRST_STEPS = 5
_MOST_GROWTH = 8
_MARGIN = 1.1
"""A window is planned this much longer than it must be: no step takes as long as the one before."""
_MOST_CUTS = 5
_CUTS_TO_SPAN = 2


class Window(NamedTuple):
    """Steps that were measured together.

    Attributes:
        steps: How many.
        time_s: Their duration, s.
        energy_j: Their energy, all GPUs together, J.
    """

    steps: int
    time_s: float
    energy_j: float


@dataclass(frozen=True)
class WindowRules:
    """What a measurement must satisfy.

    Attributes:
        least_window_s: Shortest window, s; many update periods of the energy counter.
        most_window_s: Windows do not grow beyond this, s.
        spread: Trials may lie this far apart, as a share of their mean.
        trials: How many must agree.
        most_trials: After so many of one limit the last ones count as they are.

    Raises:
        InputError: A number is out of range.
    """

    least_window_s: float
    most_window_s: float = 20.0
    spread: float = 0.02
    trials: int = TRIALS
    most_trials: int = 30

    def __post_init__(self) -> None:
        check_spread(self.spread)
        if not 0.0 < self.least_window_s <= self.most_window_s < math.inf:
            raise InputError(
                f"longest window {self.most_window_s:g} s: expected at least {self.least_window_s:.3g} s, for the"
                " energy counter's sake"
            )
        if not 3 <= self.trials <= self.most_trials:
            raise InputError(f"{self.trials} trials of at most {self.most_trials}: expected at least 3")


def check_spread(spread: float) -> None:
    """Refuse a spread that cannot be wanted.

    Raises:
        InputError: It is not between 0 and 1.
    """
    if not 0.0 < spread < 1.0:
        raise InputError(f"spread {spread:g}: expected more than 0 and less than 1, such as 0.02")


def spread_of(values: Sequence[float]) -> float:
    """Return the distance of largest and smallest value as a share of their mean."""
    return (max(values) - min(values)) * len(values) / math.fsum(values)


def spread_of_trials(trials: Sequence[Window]) -> float:
    """Return the spread of time or of energy, whichever is larger; the trials have equally many steps."""
    return max(spread_of([one.time_s for one in trials]), spread_of([one.energy_j for one in trials]))


@dataclass(frozen=True)
class LimitTrials:
    """What was measured under one power limit.

    Attributes:
        power_limit_w: The limit of each GPU, W.
        warmup_steps: Steps under this limit before the trials.
        trials: Windows of equally many steps.
        settled: Whether they agree within the wanted spread.
    """

    power_limit_w: int
    warmup_steps: int
    trials: tuple[Window, ...]
    settled: bool


@dataclass(frozen=True)
class Ready:
    """A limit is to be set.

    Attributes:
        power_limit_w: Which, W.
    """

    power_limit_w: int


@dataclass(frozen=True)
class Warmup:
    """Steps that do not count.

    Attributes:
        power_limit_w: The limit they run under, W.
        steps: How many.
        trials: Trials of before an epoch ended, which count.
    """

    power_limit_w: int
    steps: int
    trials: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Measuring:
    """Steps that make one trial.

    Attributes:
        power_limit_w: The limit they run under, W.
        steps: How many.
        trials: The trials before, of equally many steps.
    """

    power_limit_w: int
    steps: int
    trials: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Done:
    """Every limit was measured."""


ProfilingState: TypeAlias = Ready | Warmup | Measuring | Done


class WindowSearch:
    """Goes through power limits and decides what comes next; whoever measures tells it what was measured.

    Args:
        limits_w: The limits, W, in the order they are to be measured.
        rules: What a measurement must satisfy.
        may_span: Whether windows may go on over the end of an epoch, if epochs turn out to be shorter than they are:
            only where nothing but training steps follows.

    Attributes:
        state: What comes next.
        results: What was measured, a limit each.
        spans: Whether windows go on over the ends of epochs.
    """

    def __init__(self, limits_w: Sequence[int], rules: WindowRules, *, may_span: bool = False) -> None:
        self._limits_w = tuple(limits_w)
        self._rules = rules
        self._may_span = may_span
        self._warmup_steps = _FIRST_STEPS
        self._window_steps: int | None = None
        self._segments = 0
        self._run = 0
        self._tried = 0
        self._was_late = False
        self._cuts = 0
        self.spans = False
        self.results: list[LimitTrials] = []
        self.state: ProfilingState = self._next()

    def limit_is_set(self) -> None:
        """Say that the limit of `Ready` is set."""
        assert isinstance(self.state, Ready)
        self._run = self._tried = 0
        self._was_late = False
        self.state = Warmup(self.state.power_limit_w, self._warmup_steps)

    def ended(self, window: Window) -> None:
        """Say that the steps of `Warmup` or `Measuring` are over."""
        state = self.state
        assert isinstance(state, Warmup | Measuring)
        self._run += window.steps
        if isinstance(state, Measuring):
            self._cuts = 0
            self._after_trial(state, window)
        elif self._window_steps is None:
            self._after_first_steps(state, window)
        else:
            self.state = Measuring(state.power_limit_w, self._window_steps, state.trials)

    def cut(self) -> bool:
        """Say that an epoch ended before the steps of `Warmup` or `Measuring` were over.

        Returns:
            Whether they are dropped; otherwise they go on in the next epoch.

        Raises:
            MeterError: Epochs are too short, and windows may not span them.
        """
        state = self.state
        if self.spans or not isinstance(state, Warmup | Measuring):
            return False
        self._cuts += 1
        if self._may_span and self._cuts >= _CUTS_TO_SPAN:
            self.spans = True
            return False
        if self._cuts >= _MOST_CUTS:
            raise MeterError(
                f"{_MOST_CUTS} epochs in a row ended before {state.steps} steps under {state.power_limit_w} W were"
                " measured: train on more data per epoch, or use profiled_steps(), which needs no whole epochs"
            )
        self.drop()
        return True

    def drop(self) -> None:
        """Say that the steps of `Warmup` or `Measuring` so far do not count; another warm-up goes before new ones."""
        if isinstance(self.state, Measuring):
            self.state = Warmup(self.state.power_limit_w, self._warmup_steps, self.state.trials)

    def _next(self) -> ProfilingState:
        done = len(self.results)
        return Ready(self._limits_w[done]) if done < len(self._limits_w) else Done()

    def _after_first_steps(self, state: Warmup, window: Window) -> None:
        """Lengthen the warm-up until it lasts as long as a window; the very first steps tell nothing of others."""
        self._segments += 1
        is_short = window.time_s < self._rules.least_window_s and self._segments < self._rules.most_trials
        if self._segments == 1 or is_short:
            wanted = self._long_enough(window) if self._segments > 1 else window.steps
            self.state = replace(state, steps=min(wanted, _MOST_GROWTH * window.steps))
            return
        self._window_steps = self._warmup_steps = max(2, self._long_enough(window))
        self.state = Measuring(state.power_limit_w, self._window_steps)

    def _long_enough(self, window: Window) -> int:
        if window.time_s <= 0.0:
            return _MOST_GROWTH * window.steps
        return math.ceil(window.steps * _MARGIN * self._rules.least_window_s / window.time_s)

    def _after_trial(self, state: Measuring, window: Window) -> None:
        rules = self._rules
        self._tried += 1
        trials = (*state.trials, window)
        may_go_on = self._tried < rules.most_trials
        if window.time_s < rules.least_window_s and may_go_on:
            self._lengthen(
                state, max(state.steps + 1, min(self._long_enough(window), _MOST_GROWTH * state.steps))
            )
            return
        if len(trials) < rules.trials and may_go_on:
            self.state = replace(state, trials=trials)
            return
        if len(trials) < rules.trials or spread_of_trials(trials) <= rules.spread:
            self._accept(state, trials)
        elif may_go_on and not self._was_late and spread_of_trials(trials[1:]) <= rules.spread:
            self._was_late = True
            self._warmup_steps += state.steps
            self.state = replace(state, trials=trials[1:])
        elif self._tried + rules.trials > rules.most_trials or 2.0 * window.time_s > rules.most_window_s:
            self._accept(state, trials)
        else:
            self._lengthen(state, 2 * state.steps)

    def _lengthen(self, state: Measuring, steps: int) -> None:
        self._window_steps, self._was_late = steps, False
        self.state = Measuring(state.power_limit_w, steps)

    def _accept(self, state: Measuring, trials: tuple[Window, ...]) -> None:
        rules = self._rules
        settled = (
            len(trials) >= rules.trials
            and spread_of_trials(trials) <= rules.spread
            and min(one.time_s for one in trials) >= rules.least_window_s
        )
        before = self._run - sum(one.steps for one in trials)
        self.results.append(LimitTrials(state.power_limit_w, before, trials, settled))
        self.state = self._next()
