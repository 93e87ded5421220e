"""The decision how long to warm up and to measure, on a simulated clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError, MeterError
from elastance.train.profiling.windows import (
    Done,
    LimitTrials,
    Measuring,
    Ready,
    Warmup,
    Window,
    WindowRules,
    WindowSearch,
    spread_of,
    spread_of_trials,
)

RULES = WindowRules(least_window_s=1.0, most_window_s=20.0, spread=0.02, trials=3, most_trials=30)


class Steps:
    """Steps whose time and power a function of the step's number since the limit was set tells."""

    def __init__(self, time_s, power_w=lambda step: 100.0) -> None:
        self._time_s, self._power_w = time_s, power_w
        self.step = 0

    def run(self, steps: int) -> Window:
        times = [self._time_s(self.step + i) for i in range(steps)]
        energy = math.fsum(time * self._power_w(self.step + i) for i, time in enumerate(times))
        self.step += steps
        return Window(steps, math.fsum(times), energy)


def searched(limits, steps_under, rules=RULES) -> WindowSearch:
    search = WindowSearch(limits, rules)
    segments = 0
    while not isinstance(search.state, Done):
        if isinstance(search.state, Ready):
            steps = steps_under(search.state.power_limit_w)
            search.limit_is_set()
        search.ended(steps.run(search.state.steps))
        segments += 1
        assert segments < 100 * len(limits)
    return search


def test_spread_is_the_range_as_a_share_of_the_mean() -> None:
    assert spread_of([1.0, 1.1, 0.9]) == pytest.approx(0.2)
    windows = [Window(5, 1.0, 10.0), Window(5, 1.01, 11.0)]
    assert spread_of_trials(windows) == pytest.approx(1.0 / 10.5)


def test_steady_steps_are_measured_in_the_shortest_windows_allowed() -> None:
    search = searched([250, 200], lambda limit: Steps(lambda step: 0.01 * 250 / limit))
    for result in search.results:
        assert result.settled
        assert len(result.trials) == 3
        assert {one.steps for one in result.trials} == {110}
    assert [result.power_limit_w for result in search.results] == [250, 200]
    assert search.results[1].warmup_steps == 110


@pytest.mark.parametrize("step_s", [1e-4, 1e-2, 0.1, 3.0])
def test_windows_have_a_length_in_seconds_whatever_a_step_takes(step_s: float) -> None:
    (result,) = searched([250], lambda limit: Steps(lambda step: step_s)).results
    assert result.settled
    assert all(one.time_s >= 1.0 for one in result.trials)
    assert result.trials[0].time_s <= max(1.2, 2 * step_s)


def test_a_slow_beginning_is_warm_up() -> None:
    """Compiling takes 20 s in the first step, then steps are a third slower for a while."""
    slow = Steps(lambda step: 20.0 if step == 0 else 0.0133 if step < 200 else 0.01)
    (result,) = searched([250], lambda limit: slow).results
    assert result.settled
    assert result.warmup_steps >= 200
    assert result.trials[0].time_s / result.trials[0].steps == pytest.approx(0.01)


def test_a_late_start_lengthens_the_warm_up_of_the_limits_that_follow() -> None:
    segments: dict[int, list[Window]] = {}

    class Slow(Steps):
        def __init__(self, limit: int) -> None:
            super().__init__(lambda step: 0.012 if step < 200 else 0.01)
            self.segments = segments.setdefault(limit, [])

        def run(self, steps: int) -> Window:
            self.segments.append(super().run(steps))
            return self.segments[-1]

    search = searched([250, 200, 150], Slow)
    for result in search.results:
        assert result.settled
        assert result.warmup_steps >= 200
        assert result.trials[0].time_s / result.trials[0].steps == pytest.approx(0.01)
    assert len(segments[200]) == 1 + 4  # of the warm-up and four trials one was late
    assert len(segments[150]) == 1 + 3


def test_windows_that_stay_too_short_are_told() -> None:
    class Odd(Steps):
        def run(self, steps: int) -> Window:
            return Window(steps, 0.9, 90.0)

    (result,) = searched([250], lambda limit: Odd(lambda step: 0.0)).results
    assert not result.settled


def test_a_coarse_counter_makes_windows_longer() -> None:
    """An energy that is told in steps of three tenths of a second's joules."""

    class Coarse(Steps):
        def run(self, steps: int) -> Window:
            before = self.step
            window = super().run(steps)
            told = [math.floor(count * 0.017 / 0.3) * 30.0 for count in (before, before + steps)]
            return window._replace(energy_j=told[1] - told[0])

    (result,) = searched([250], lambda limit: Coarse(lambda step: 0.017)).results
    assert result.settled
    assert result.trials[0].time_s > 8.0
    assert spread_of([one.energy_j for one in result.trials]) <= 0.02


def test_what_never_settles_is_given_up_and_says_so() -> None:
    noisy = Steps(lambda step: 0.01 * 1.001**step)
    (result,) = searched([250], lambda limit: noisy).results
    assert not result.settled
    assert len(result.trials) == 3
    assert spread_of_trials(result.trials) > 0.02


@given(
    times=st.lists(st.floats(0.02, 5.0), min_size=1, max_size=50),
    powers=st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=20),
    limits=st.lists(st.integers(50, 700), min_size=1, max_size=4, unique=True),
    spread=st.floats(0.001, 0.5),
)
def test_every_search_ends_and_says_the_truth(times, powers, limits, spread) -> None:
    rules = WindowRules(1.0, 10.0, spread)
    steps = Steps(lambda step: times[step % len(times)], lambda step: powers[step % len(powers)])
    search = searched(limits, lambda limit: steps, rules)
    assert [result.power_limit_w for result in search.results] == limits
    for result in search.results:
        assert len({one.steps for one in result.trials}) == 1
        if result.settled:
            assert len(result.trials) == rules.trials
            assert spread_of_trials(result.trials) <= spread
            assert all(one.time_s >= rules.least_window_s for one in result.trials)
    lengths = [result.trials[0].steps for result in search.results]
    assert lengths == sorted(lengths)


def test_an_epoch_that_ends_drops_its_window_and_warms_up_again() -> None:
    search = WindowSearch([250], RULES)
    search.limit_is_set()
    steps = Steps(lambda step: 0.01)
    while not isinstance(search.state, Measuring) or not search.state.trials:
        search.ended(steps.run(search.state.steps))
    kept = search.state.trials
    assert search.cut()
    assert search.state == Warmup(250, 110, kept)
    search.ended(steps.run(110))
    assert search.state == Measuring(250, 110, kept)


def test_epochs_shorter_than_a_window_are_spanned_or_refused() -> None:
    spanning = WindowSearch([250], RULES, may_span=True)
    spanning.limit_is_set()
    assert [spanning.cut(), spanning.cut(), spanning.cut()] == [True, False, False]
    assert spanning.spans
    refusing = WindowSearch([250], RULES)
    refusing.limit_is_set()
    assert all(refusing.cut() for _ in range(4))
    with pytest.raises(MeterError, match="5 epochs in a row ended before 5 steps under 250 W"):
        refusing.cut()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"spread": 0.0}, "spread 0: expected more than 0"),
        ({"spread": 1.5}, "spread 1.5"),
        ({"most_window_s": 0.5}, "longest window 0.5 s: expected at least 1 s"),
        ({"trials": 2}, "2 trials"),
    ],
)
def test_rules_that_make_no_sense_are_refused(values, match) -> None:
    with pytest.raises(InputError, match=match):
        WindowRules(**{"least_window_s": 1.0, **values})


def test_nothing_to_measure_is_done_at_once() -> None:
    assert WindowSearch([], RULES).state == Done()
    assert LimitTrials(250, 0, (), settled=False).trials == ()


def test_trials_that_agree_but_are_too_short_have_not_settled() -> None:
    search = WindowSearch([250], WindowRules(1.0, trials=3, most_trials=3))
    search.limit_is_set()
    for time_s in (1.0, 1.0, 1.0, 1.0, 0.99):
        assert isinstance(search.state, Warmup | Measuring)
        search.ended(Window(search.state.steps, time_s, 100.0))
    assert [(len(result.trials), result.settled) for result in search.results] == [(3, False)]
