"""Fit the step-time models of `elastance.catalog.applications` and print coefficients and largest relative errors.

Run with the folder of EasyScale's data: ``python scripts/fit_step_times.py ../shared/data/easyscale``. The errors are
those of the coefficients as printed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from elastance.catalog import APPLICATIONS
from elastance.traces import read_step_times


def main() -> None:
    """Fit every application; its error includes the spread of the types' ratios over batch sizes."""
    measured = read_step_times(Path(sys.argv[1]) / "step_times.json")
    for application in APPLICATIONS:
        points = measured.points[application.name]
        sizes = np.array(sorted(points), dtype=float)
        on_v100 = np.array([points[size]["v100"] for size in sorted(points)])
        terms = np.stack([1.0 / on_v100, sizes / on_v100], axis=1)
        fixed, slope = (float(f"{value:.4g}") for value in np.linalg.lstsq(terms, np.ones(len(sizes)))[0])
        slowness = {
            gpu: float(f"{np.mean([points[size][gpu] / points[size]['v100'] for size in points]):.4g}")
            for gpu in ("v100", "p100", "t4")
        }
        error = max(
            abs(slowness[gpu] * (fixed + slope * size) / points[size][gpu] - 1)
            for size in points
            for gpu in slowness
        )
        print(f"{application.name}: {fixed} {slope} {slowness}, largest error {error:.4f}")


if __name__ == "__main__":
    main()
