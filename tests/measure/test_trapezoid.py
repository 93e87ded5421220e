import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.measure.trapezoid import PowerIntegral, trapezoid_j

_samples = st.lists(
    st.tuples(st.floats(0, 10), st.floats(0, 1e3)), min_size=1, max_size=40
)  # (seconds since the one before, W)


@given(_samples)
def test_sample_by_sample_is_the_trapezoid_over_all(samples: list[tuple[float, float]]) -> None:
    times = np.cumsum([gap for gap, _ in samples])
    powers = np.array([power for _, power in samples])
    integral = PowerIntegral()
    for time_s, power_w in zip(times.tolist(), powers.tolist(), strict=True):
        integral.add(time_s, power_w)
    assert integral.energy_j == pytest.approx(float(np.trapezoid(powers, times)), rel=1e-12, abs=1e-12)
    assert integral.energy_j == pytest.approx(
        float(trapezoid_j(np.diff(times), powers[:-1], powers[1:]).sum()), rel=1e-12, abs=1e-12
    )
    assert integral.samples == len(samples)
    assert integral.time_s == times[-1] - times[0]
    assert integral.max_gap_s == max(np.diff(times), default=0)


def test_without_time_there_is_no_mean() -> None:
    integral = PowerIntegral()
    assert (integral.energy_j, integral.time_s, integral.mean_power_w) == (0, 0, None)
    integral.add(5.0, 100.0)
    assert (integral.energy_j, integral.mean_power_w, integral.last_w) == (0, None, 100)
    integral.add(7.0, 100.0)
    assert (integral.energy_j, integral.mean_power_w) == (200, 100)
