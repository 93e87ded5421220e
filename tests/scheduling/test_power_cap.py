import math

from elastance.scheduling import PowerCap


def test_each_entry_holds_until_the_next() -> None:
    cap = PowerCap((0.0, 10.0, 20.0), (3.0, 1.0, 2.0))
    assert [cap.at(time_s) for time_s in (0.0, 9.9, 10.0, 19.9, 20.0, 1e9)] == [3.0, 3.0, 1.0, 1.0, 2.0, 2.0]
    assert [cap.next_change_s(time_s) for time_s in (0.0, 10.0, 15.0, 20.0)] == [10.0, 20.0, 20.0, math.inf]


def test_a_constant_cap_never_changes() -> None:
    cap = PowerCap.constant(5.0)
    assert (cap.at(0.0), cap.at(1e9), cap.next_change_s(0.0)) == (5.0, 5.0, math.inf)
