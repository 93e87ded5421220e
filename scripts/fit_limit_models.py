"""Fit the slowdown under power limits to the public traces: prints the entries of catalog/limit_models.py.

Usage: python scripts/fit_limit_models.py DATA, where DATA has the folders zeus/ (summary_power_*.csv) and zeus2/.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

LOWEST = {"v100": 0.5, "a40": 0.4, "rtx6000": 0.4, "p100": 0.7, "t4": 60 / 70, "a10": 0.5}
LEAST_DRAW = 0.4
"""Cells that draw less than this share of the largest limit hardly load the GPU: left out."""


def rows(data: Path, gpu: str) -> Iterator[tuple[tuple[str, ...], float, float, float]]:
    """Yield what was run, limit (W), time (s, of any amount of work) and power (W)."""
    if gpu in ("t4", "a10"):
        for workload in ("cifar", "imagenet"):
            document = json.loads((data / "zeus2" / f"{workload}_{gpu}.json").read_text())
            for size, points in document.items():
                for of in points:
                    yield (workload, size), of["power_limit"], of["time"], of["energy"] / of["time"]
        return
    with (data / "zeus" / f"summary_power_{gpu}.csv").open() as file:
        for of in csv.DictReader(file):
            cell = (of["dataset"], of["network"], of["batch_size"], of["optimizer"])
            yield cell, float(of["power_limit"]), float(of["time_per_epoch"]), float(of["average_power"])


def fit(data: Path, gpu: str) -> str:
    """Return the entry of a GPU type."""
    cells: dict[tuple[str, ...], dict[float, tuple[float, float]]] = defaultdict(dict)
    for cell, limit_w, time_s, power_w in rows(data, gpu):
        cells[cell][limit_w] = time_s, power_w
    top_w = max(limit for points in cells.values() for limit in points)
    found = [
        (limit_w / points[top_w][1], time_s / points[top_w][0], power_w / limit_w)
        for points in cells.values()
        if top_w in points and points[top_w][1] >= LEAST_DRAW * top_w
        for limit_w, (time_s, power_w) in points.items()
        if limit_w < min(top_w, points[top_w][1])
    ]
    share, slowdown, drawn = np.array(found).T
    kept = share >= LOWEST[gpu] - 0.05
    share, slowdown, drawn = share[kept], slowdown[kept], drawn[kept]

    def model(of: np.ndarray) -> np.ndarray:
        return 1.0 + of[0] * (1.0 / share - 1.0) ** of[1]

    best = least_squares(
        lambda of: np.log(model(of) / slowdown), [0.3, 1.5], bounds=([0, 0.5], [5, 4]), loss="soft_l1", f_scale=0.05
    )  # fmt: skip
    errors = [
        np.percentile(abs(of - 1.0), (50, 95)).round(3).tolist() for of in (model(best.x) / slowdown, drawn)
    ]
    factor, exponent = best.x.round(3).tolist()
    time_error, power_error = map(tuple, errors)
    numbers = (round(LOWEST[gpu], 3), factor, exponent, len(share), time_error, power_error)
    return f'    "{gpu}": LimitModel({", ".join(map(str, numbers))}),'


if __name__ == "__main__":
    for name in LOWEST:
        print(fit(Path(sys.argv[1]), name))
