import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.cost import EtaCost
from elastance.policies import JustInTimePowerLimit, LimitMeasurement, MaxPowerLimit
from made_up import make_problem

profiles = st.lists(
    st.builds(LimitMeasurement, st.integers(50, 400), st.floats(1, 1e4), st.floats(10, 400)),
    min_size=1,
    max_size=9,
    unique_by=lambda at: at.power_limit_w,
)


def test_asks_for_a_profile_once_per_size() -> None:
    policy = JustInTimePowerLimit(make_problem())
    assert policy.choose_power_limit(32) is None
    policy.observe_profile(32, [LimitMeasurement(200, 10.0, 150.0), LimitMeasurement(100, 12.0, 90.0)])
    assert policy.choose_power_limit(32) == 100
    assert policy.choose_power_limit(64) is None


def test_ties_go_to_the_higher_limit() -> None:
    policy = JustInTimePowerLimit(make_problem())
    policy.observe_profile(32, [LimitMeasurement(limit, 10.0, 80.0) for limit in (100, 200, 150)])
    assert policy.choose_power_limit(32) == 200


@given(profiles, st.floats(0, 1))
def test_measurements_outlive_the_knob(profile: list[LimitMeasurement], eta: float) -> None:
    """What was measured under one eta gives the right choice under another."""
    measured = JustInTimePowerLimit(make_problem(eta=1.0))
    measured.observe_profile(32, profile)
    other = make_problem(eta=eta)
    policy = JustInTimePowerLimit(other)
    policy.restore(json.loads(json.dumps(measured.state())))
    cost = EtaCost(eta, other.cost.max_power_w)
    least = min(cost.of_epoch(at.time_s, at.power_w) for at in profile)
    chosen = next(at for at in profile if at.power_limit_w == policy.choose_power_limit(32))
    assert cost.of_epoch(chosen.time_s, chosen.power_w) == least


@pytest.mark.parametrize(("eta", "limit"), [(0.0, 200), (1.0, 100)])
def test_eta_decides(eta: float, limit: int) -> None:
    policy = JustInTimePowerLimit(make_problem(eta=eta))
    policy.observe_profile(32, [LimitMeasurement(200, 10.0, 180.0), LimitMeasurement(100, 15.0, 90.0)])
    assert policy.choose_power_limit(32) == limit


def test_max_power_never_profiles() -> None:
    assert MaxPowerLimit(make_problem()).choose_power_limit(16) == 200
