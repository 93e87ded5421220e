import pytest

from elastance.errors import UnknownNameError
from elastance.scheduling import ClusterPower, Demand, LimitResponse, Plan

ASSUMED = ClusterPower.assumed(("v100", "t4"))
RESPONSE = LimitResponse((250.0, 150.0), (180.0, 160.0), (1.0, 1.5))
RECORDED = Demand((1.0, 2.0), 4, responses=(RESPONSE, None))


def test_limits_descend_from_none_to_the_lowest() -> None:
    v100, t4 = ASSUMED.slowdown
    assert list(v100)[:2] == [300.0, 285.0]
    assert list(v100)[-1] == 150.0
    assert list(t4)[-1] == pytest.approx(60.0)
    assert v100[300.0] == t4[70.0] == 1.0
    assert ASSUMED.unlimited_w == ASSUMED.busy_w == (300.0, 70.0)
    assert ASSUMED.tightest_w == (150.0, pytest.approx(60.0))


def test_an_unknown_type() -> None:
    with pytest.raises(UnknownNameError, match="h900"):
        ClusterPower.assumed(("v100", "h900"))


def test_a_gpu_that_has_done_its_part_waits_at_idle_power() -> None:
    # The T4 computes for 2 of 4 s.
    assert ASSUMED.training_power_w((1, 1), (4, 1), (1.0, 2.0), 4.0) == 300.0 + 10.0 + 60.0 / 2


def test_what_was_recorded_goes_before_what_is_assumed() -> None:
    power = ASSUMED.of(RECORDED)
    assert power is ASSUMED.of(RECORDED)
    assert power.busy_w == (180.0, 70.0)
    assert power.unlimited_w == (250.0, 70.0)
    assert power.slowdown[0] == {250.0: 1.0, 150.0: 1.5}
    assert power.slowdown[1] == ASSUMED.slowdown[1]
    # 1.5 s under the limit, of steps that take 2 s: the draw, not the limit.
    assert power.training_power_w((1, 0), (1, 0), (1.0, 2.0), 2.0, (150.0, 70.0)) == 40.0 + 120.0 * 0.75
    assert ASSUMED.of(Demand((1.0, 2.0), 4)) is ASSUMED


def test_a_cap_counts_the_limit_or_the_draw_whichever_is_more() -> None:
    power = ASSUMED.of(RECORDED)
    assert power.most_excess_w(Plan((2, 0), (4, 0), 2.0)) == 2 * (250.0 - 40.0)
    assert power.most_excess_w(Plan((2, 0), (4, 0), 3.0, (150.0, 70.0))) == 2 * (160.0 - 40.0)


def test_a_lower_limit_that_looks_faster_is_noise() -> None:
    response = LimitResponse.of_recorded({100.0: (1.2, 90.0), 250.0: (1.0, 180.0), 200.0: (0.9, 170.0)})
    assert response == LimitResponse((250.0, 200.0, 100.0), (180.0, 170.0, 90.0), (1.0, 1.0, 1.2))
