"""Speed of exact splits, side by side with the published double loop in one run.

Run by ``make bench-split``; needs nothing but elastance. The published method is restated in plain Python from its
description: two nested loops over all batch sizes, the sum checked inside, all pairs of limits, a quadratic each.
Only a part of its outer loop is run and the rest extrapolated, since every turn takes the same. Exact splits include
building the problem from its points. GPUs are made up; figures are medians; what counts is the ratio, as absolute
times drift with the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from elastance.splitting import Gpu, SplitProblem, exact

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 4096
SIZES = (32, 64, 128, 256, 512, 1024)
TURNS = 12
"""Turns of the published outer loop that are run."""

Points = list[tuple[int, int, float, float]]


def main() -> int:
    """Print every figure with its target; return 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds per figure")
    rounds: int = parser.parse_args().rounds
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}\n")
    held = [two_gpus(rounds), sixteen_gpus(rounds)]
    growth(max(1, rounds // 2))
    print(f"\n{sum(held)} of {len(held)} targets held")
    return 0 if all(held) else 1


def made_up_points(rng: np.random.Generator, limits: int, max_power_w: int) -> Points:
    """A noisy GPU: overhead plus work, slower and more frugal under lower limits."""
    speed, overhead = rng.uniform(0.3, 3.0), rng.uniform(2.0, 10.0)
    points: Points = []
    for share in np.linspace(0.4, 1.0, limits):
        for size in SIZES:
            noise = np.exp(0.05 * rng.standard_normal(2))
            time_s = (overhead + size / 10) / speed * (1 + 0.5 * (1 - share) ** 2) * noise[0]
            power_w = max_power_w * share * (0.6 + 0.4 * size / (size + 64)) * noise[1]
            points.append((size, int(max_power_w * share), float(time_s), float(time_s * power_w)))
    return points


def published_double_loop(first: Points, second: Points, turns: int) -> float:
    """Run `turns` turns of the published search and return how long all of them would take, s."""
    fits = [fitted(first), fitted(second)]
    best = (float("inf"), 0, 0, 0, 0)
    start = time.perf_counter()
    for b1 in range(BATCH // 2, BATCH // 2 + turns):
        for b2 in range(BATCH):
            for p1, (t1, w1) in fits[0].items():
                for p2, (t2, w2) in fits[1].items():
                    if b1 + b2 == BATCH:
                        cost = 0.0
                        for b, p, t, w in ((b1, p1, t1, w1), (b2, p2, t2, w2)):
                            time_s = max(t[0] * b * b + t[1] * b + t[2], 0.0)
                            power_w = max(w[0] * b * b + w[1] * b + w[2], 0.0)
                            cost += (0.5 * power_w + 0.5 * p) * time_s
                        if cost < best[0]:
                            best = (cost, b1, b2, p1, p2)
    return (time.perf_counter() - start) * BATCH / turns


def fitted(points: Points) -> dict[int, tuple[list[float], list[float]]]:
    """Quadratics of time and power per limit."""
    fits: dict[int, tuple[list[float], list[float]]] = {}
    for limit in sorted({point[1] for point in points}):
        of = [point for point in points if point[1] == limit]
        sizes = [point[0] for point in of]
        fits[limit] = (
            np.polyfit(sizes, [point[2] for point in of], 2).tolist(),
            np.polyfit(sizes, [point[3] / point[2] for point in of], 2).tolist(),
        )
    return fits


def two_gpus(rounds: int) -> bool:
    """Two GPUs, 5 and 3 limits, as published."""
    rng = np.random.default_rng(1)
    first, second = made_up_points(rng, 5, 300), made_up_points(rng, 3, 70)

    def split() -> None:
        gpus = Gpu.of_points("a", first, idle_power_w=25), Gpu.of_points("b", second, idle_power_w=10)
        exact(SplitProblem(gpus, BATCH))

    split()
    theirs: list[float] = []
    ours: list[float] = []
    for _ in range(rounds):
        theirs.append(published_double_loop(first, second, TURNS))
        ours.append(timed(split))
    seconds, ratio = (
        statistics.median(ours),
        statistics.median(a / b for a, b in zip(theirs, ours, strict=True)),
    )
    print(
        f"2 GPUs, B = {BATCH}: published double loop {statistics.median(theirs):.1f} s (extrapolated from {TURNS} of "
        f"{BATCH} turns) -> exact {1e3 * seconds:.1f} ms"
    )
    fast = report("  time", f"{1e3 * seconds:.1f} ms", "< 20 ms", seconds < 0.020)
    return report("  ratio", f"{ratio:,.0f}x", ">= 1,000x", ratio >= 1000) and fast


def sixteen_gpus(rounds: int) -> bool:
    """Sixteen GPUs of four types, eight limits each; the slowest of several made-up clusters."""
    seconds = [statistics.median(timed(cluster(16, 8192, seed)) for _ in range(rounds)) for seed in range(4)]
    return report(
        "16 GPUs of 4 types, 8 limits, B = 8192, granularity 8, slowest of 4 clusters",
        f"{max(seconds):.2f} s",
        "< 2 s",
        max(seconds) < 2.0,
    )


def growth(rounds: int) -> None:
    """Print how time grows with the number of GPUs and with the batch."""
    print("\ngrowth, 4 types, 8 limits, granularity 8, median of 2 clusters:")
    for name, cases in (
        ("n", [(count, 8192) for count in (2, 4, 8, 16, 32, 64)]),
        ("B", [(16, batch) for batch in (1024, 2048, 4096, 8192, 16384)]),
    ):
        for count, batch in cases:
            seconds = statistics.median(
                timed(cluster(count, batch, seed)) for seed in (0, 1) for _ in range(rounds)
            )
            print(f"  {name} = {count if name == 'n' else batch:>5}: {seconds:7.3f} s")


def cluster(count: int, batch: int, seed: int) -> Callable[[], object]:
    """Return a call that splits `batch` over `count` made-up GPUs of four types (fewer if there are fewer GPUs)."""
    rng = np.random.default_rng(seed)
    types = min(4, count)
    measured = [(made_up_points(rng, 8, watts), watts) for watts in rng.integers(70, 400, types).tolist()]

    def split() -> object:
        kinds = [
            Gpu.of_points(f"g{index}", points, idle_power_w=0.1 * watts)
            for index, (points, watts) in enumerate(measured)
        ]
        gpus = tuple(kinds[index * types // count] for index in range(count))
        return exact(SplitProblem(gpus, batch, granularity=8))

    return split


def timed(call: Callable[[], object]) -> float:
    """Return how long `call` takes, s."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def report(name: str, figure: str, target: str, held: bool) -> bool:
    """Print a figure beside its target."""
    print(f"{name}: {figure} (target {target}) {'ok' if held else 'MISSED'}")
    return held


if __name__ == "__main__":
    sys.exit(main())
