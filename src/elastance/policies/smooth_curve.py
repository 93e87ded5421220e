"""A quantity that changes smoothly with batch size: what a few sizes tell about all of them.

The logarithm of the quantity, as a function of the logarithm of the batch size, is a Gaussian process: a level,
a slope, a bend that fades over a few octaves, and a roughness of each size's own. Its posterior follows Rasmussen
and Williams, "Gaussian Processes for Machine Learning" (2006), equations 2.25 and 2.26.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class CurvePrior(NamedTuple):
    """What is believed of the logarithm of a quantity before it is seen; per octave = per doubling of the size.

    Attributes:
        slope: Expected slope per octave.
        slope_deviation: Standard deviation of the slope.
        curvature: Expected rise with the square of the octaves away from the default size.
        bend_deviation: Standard deviation of smooth departures from a straight line.
        bend_octaves: Over how many octaves such a departure fades.
        roughness: Standard deviation of each size's own departure.
        level_deviation: Standard deviation of the level, which one measurement settles.
    """

    slope: float
    slope_deviation: float
    curvature: float
    bend_deviation: float
    bend_octaves: float
    roughness: float
    level_deviation: float = 10.0


class SmoothCurve:
    """Normal belief about the logarithm of a quantity at every one of some batch sizes.

    Args:
        batch_sizes: The sizes.
        origin: Size from which octaves are counted: the default one.
        prior: Belief before the first measurement.
        level: Expected logarithm at `origin`.
    """

    def __init__(
        self, batch_sizes: Sequence[int], origin: int, prior: CurvePrior, *, level: float = 0.0
    ) -> None:
        self._octaves = np.log2(np.array(batch_sizes, dtype=float) / origin)
        self._believe(
            level + prior.slope * self._octaves + prior.curvature * self._octaves**2,
            self._departures(prior),
            prior.level_deviation,
        )

    def _believe(self, mean: NDArray[np.float64], shape: NDArray[np.float64], level_deviation: float) -> None:
        self._mean = mean
        self._shape = shape
        self._covariance = level_deviation**2 + shape

    def _departures(self, prior: CurvePrior) -> NDArray[np.float64]:
        """Return the covariance of departures from the expected curve, but for the level."""
        apart = self._octaves[:, None] - self._octaves
        return (
            prior.slope_deviation**2 * np.outer(self._octaves, self._octaves)
            + prior.bend_deviation**2 * np.exp(-0.5 * (apart / prior.bend_octaves) ** 2)
            + prior.roughness**2 * np.eye(len(self._octaves))
        )

    def learn_from_kin(
        self, measured: NDArray[np.float64], precision: NDArray[np.float64], departure: CurvePrior
    ) -> None:
        """Begin with what measurements of a similar curve say about the shape of this one; not about its level.

        Args:
            measured: Measured logarithm of each size there.
            precision: 1 / variance of each measurement; 0 = not measured.
            departure: How this curve may depart from that one.
        """
        mean, covariance = self.posterior(measured, precision)
        expected = departure.slope * self._octaves + departure.curvature * self._octaves**2
        self._believe(mean + expected, covariance + self._departures(departure), departure.level_deviation)

    def posterior(
        self, measured: NDArray[np.float64], precision: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean (per size) and the covariance (size by size) of the logarithm.

        Before the first measurement the level, which all sizes share and none is preferred by, counts as known.

        Args:
            measured: Measured logarithm of each size.
            precision: 1 / variance of each measurement; 0 = not measured.
        """
        seen = np.flatnonzero(precision)
        if not len(seen):
            return self._mean, self._shape
        with_seen = self._covariance[:, seen]
        among_seen = with_seen[seen]
        among_seen[np.diag_indices(len(seen))] += 1.0 / precision[seen]
        weights = np.linalg.solve(among_seen, with_seen.T)
        mean = self._mean + (measured[seen] - self._mean[seen]) @ weights
        return mean, self._covariance - with_seen @ weights
