import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.policies.smooth_curve import CurvePrior, SmoothCurve

SIZES = (8, 16, 32, 64, 128)
PRIOR = CurvePrior(
    slope=-0.2, slope_deviation=0.1, curvature=0.0, bend_deviation=0.3, bend_octaves=2.0, roughness=0.05
)


def measured(at: dict[int, float], precision: float = 1e8) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([at.get(size, 0.0) for size in SIZES])
    return values, np.array([precision if size in at else 0.0 for size in SIZES])


def test_unmeasured_the_expected_line_with_a_level_that_counts_as_known() -> None:
    mean, covariance = SmoothCurve(SIZES, 32, PRIOR, level=1.0).posterior(*measured({}))
    assert mean.tolist() == pytest.approx([1.4, 1.2, 1.0, 0.8, 0.6])
    assert covariance[2, 2] == pytest.approx(0.3**2 + 0.05**2)


def test_one_measurement_settles_the_level() -> None:
    mean, covariance = SmoothCurve(SIZES, 32, PRIOR).posterior(*measured({32: 7.0}))
    assert mean[2] == pytest.approx(7.0, abs=1e-3)
    assert mean[3] == pytest.approx(6.8, abs=1e-2)
    assert covariance[2, 2] < 1e-6 < covariance[3, 3] < covariance[4, 4]


def test_measurements_tell_about_the_sizes_between_and_beyond() -> None:
    line = {size: 5.0 - 0.5 * np.log2(size / 32) for size in (8, 32)}
    mean, _ = SmoothCurve(SIZES, 32, PRIOR).posterior(*measured(line))
    assert mean[1] == pytest.approx(5.5, abs=0.05)
    assert mean[3] < 4.75


def test_a_poor_measurement_counts_less() -> None:
    curve = SmoothCurve(SIZES, 32, PRIOR)
    values, precision = measured({8: 5.0, 128: 5.0})
    values[2], precision[2] = 9.0, 1.0
    assert curve.posterior(values, precision)[0][2] < 5.5


def test_a_similar_curve_gives_the_shape_but_not_the_level() -> None:
    curve = SmoothCurve(SIZES, 32, PRIOR)
    shape = {8: 1.0, 16: 2.0, 32: 0.0, 64: 2.5, 128: 1.0}
    curve.learn_from_kin(*measured(shape), CurvePrior(0.0, 0.01, 0.0, 0.01, 2.0, 0.01))
    mean, covariance = curve.posterior(*measured({32: 100.0}))
    assert mean.tolist() == pytest.approx([101.0, 102.0, 100.0, 102.5, 101.0], abs=0.05)
    assert covariance.diagonal().max() < 0.01


@given(st.dictionaries(st.sampled_from(SIZES), st.floats(-20, 20), max_size=5), st.floats(0.1, 1e9))
def test_measuring_never_adds_uncertainty(at: dict[int, float], precision: float) -> None:
    curve = SmoothCurve(SIZES, 32, PRIOR)
    mean, covariance = curve.posterior(*measured(at, precision))
    assert np.isfinite(mean).all()
    assert np.allclose(covariance, covariance.T)
    unmeasured = curve.posterior(*measured({32: 0.0}, 0.1))[1].diagonal() + 1e-6
    if 32 in at:
        assert (covariance.diagonal() <= unmeasured).all()
