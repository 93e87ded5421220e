import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.splitting import Gpu
from made_up_splits import made_up_points, points

POINTS = [(10, 100, 1.0, 50.0), (20, 100, 3.0, 40.0), (40, 100, 2.0, 200.0)]


def values(gpu: Gpu, *shares: int) -> tuple[list[float], list[float]]:
    times, energies = gpu.table(np.array(shares))
    return times[0].tolist(), energies[0].tolist()


def test_curves_are_linear_between_points_and_never_fall() -> None:
    times, energies = values(Gpu.of_points("g", POINTS), 10, 15, 20, 30, 40)
    assert times == [1.0, 2.0, 3.0, 3.0, 3.0]
    assert energies == [50.0, 50.0, 50.0, 125.0, 200.0]


def test_below_the_smallest_point_overhead_decides_and_nothing_takes_nothing() -> None:
    assert values(Gpu.of_points("g", POINTS), 0, 1, 9) == ([0.0, 1.0, 1.0], [0.0, 50.0, 50.0])


def test_above_the_largest_point_shares_run_in_parts() -> None:
    gpu = Gpu.of_points("g", POINTS)
    assert values(gpu, 41, 80, 95)[0] == [4.0, 6.0, 8.0]
    assert [gpu.parts(share) for share in (0, 1, 40, 41, 80, 95)] == [0, 1, 1, 2, 2, 3]
    assert not gpu.extrapolated(1000)
    times, _ = gpu.table(np.array([40, 41]), micro_batches=False)
    assert times.tolist() == [[3.0, np.inf]]


def test_a_memory_cap_makes_the_parts_smaller() -> None:
    gpu = Gpu.of_points("g", POINTS, memory_cap=15)
    assert values(gpu, 15, 16, 30)[0] == [2.0, 3.0, 4.0]
    assert Gpu.of_points("g", POINTS, memory_cap=1000).micro_batch == 40


def test_extrapolation_goes_on_along_the_last_piece() -> None:
    gpu = Gpu.of_points("g", POINTS, extrapolate=True)
    assert values(gpu, 40, 60) == ([3.0, 3.0], [200.0, 350.0])
    assert [gpu.extrapolated(share) for share in (40, 41)] == [False, True]
    assert [gpu.parts(share) for share in (0, 41)] == [0, 1]
    alone = Gpu.of_points("g", POINTS[:1], extrapolate=True)
    assert values(alone, 5, 20) == ([1.0, 2.0], [50.0, 100.0])
    held = Gpu.of_points("g", POINTS, extrapolate=True, memory_cap=60)
    assert values(held, 60, 70)[1] == [350.0, 400.0]
    assert held.extrapolated(70)


@given(points(), st.integers(1, 8))
def test_time_and_energy_never_fall_with_the_share(measured, cap: int) -> None:
    gpu = Gpu.of_points("g", measured, memory_cap=cap)
    times, energies = gpu.table(np.arange(30))
    assert (np.diff(times, axis=1) >= -1e-9).all()
    assert (np.diff(energies, axis=1) >= -1e-9).all()


def test_holding_a_gpu_to_a_limit_keeps_its_max_power() -> None:
    gpu = Gpu.of_points("g", made_up_points(limits=(100, 150, 200)))
    slow = gpu.at_limits([100])
    assert (slow.power_limits_w, slow.max_power_w) == ((100,), 200)
    assert slow.table(np.array([3]))[0].tolist() == gpu.table(np.array([3]))[0][:1].tolist()


@pytest.mark.parametrize(
    ("points", "settings", "message"),
    [
        ([], {}, "no measured point"),
        (POINTS, {"idle_power_w": -1.0}, "idle power -1 W is negative"),
        (POINTS, {"memory_cap": 0}, "memory cap 0 holds no sample"),
    ],
)
def test_what_is_out_of_range_is_refused(points, settings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Gpu.of_points("g", points, **settings)
