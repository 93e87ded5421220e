import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.cost import EtaCost, check_beta
from elastance.errors import InputError

positive = st.floats(1e-3, 1e9)


def test_eta_one_is_energy_and_eta_zero_is_time_at_full_power() -> None:
    assert EtaCost(1.0, 250).of_run(1000.0, 7.0) == 1000.0
    assert EtaCost(0.0, 250).of_run(1000.0, 7.0) == 250 * 7.0


@given(st.floats(0, 1), positive, positive, positive)
def test_an_epoch_costs_the_same_either_way(eta: float, max_power: float, time: float, power: float) -> None:
    cost = EtaCost(eta, max_power)
    assert cost.of_epoch(time, power) == pytest.approx(cost.of_run(power * time, time), rel=1e-12)


@pytest.mark.parametrize("eta", [-0.5, 1.5, math.nan, math.inf])
def test_eta_outside_its_range_is_refused(eta: float) -> None:
    with pytest.raises(InputError, match=rf"{eta} is not in \[0, 1\]"):
        EtaCost(eta, 250)


def test_power_must_be_positive() -> None:
    with pytest.raises(InputError, match="0 W is not positive"):
        EtaCost(0.5, 0)


@pytest.mark.parametrize("beta", [1.0, 0.5, -2.0, math.nan])
def test_beta_must_exceed_one(beta: float) -> None:
    with pytest.raises(InputError, match=f"{beta} is not larger than 1"):
        check_beta(beta)


def test_beta_may_be_infinite() -> None:
    assert check_beta(math.inf) == math.inf
