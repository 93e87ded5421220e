"""The published method, Zeus^2, as it is: kept to compare with, and to see what it gets wrong.

Per limit, time and mean power are quadratics in the local batch, fitted by least squares and cut off at zero; the
batch is split so that ``sum_i (P_i / 2 + p_i / 2) * t_i`` is least, with p_i the *chosen* limit. Nobody waits for the
slowest GPU, and most of the searched sizes lie far beyond the measured ones. Reference answers of the original agree
to 1e-6 (an exact least-squares fit differs from its iterative one in the eighth digit).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from elastance.errors import NoPlanError
from elastance.splitting.problem import Share, SplitProblem
from elastance.splitting.solution import Published, Solution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elastance.splitting.curves import Floats, Gpu

PUBLISHED_BATCH_SIZE = 4096
"""The global batch size that is written into the published code."""

_HALF = 0.5
"""Its eta, written into the code as well."""


class _Fitted(NamedTuple):
    """Fitted time (s) and mean power (W) for 0, 1, … samples under each limit, shape (limits, samples)."""

    times_s: Floats
    powers_w: Floats
    costs: Floats


def zeus2_brute_force(problem: SplitProblem) -> Solution:
    """Published brute force: every split of at least one sample each under every pair of limits."""
    return _answered(problem, range(1, problem.global_batch_size))


def zeus2_heuristic(problem: SplitProblem) -> Solution:
    """Published heuristic: the first GPU, which must be the stronger one, only at its lowest limit."""
    return _answered(problem, range(1, problem.global_batch_size), lowest_first=True)


def zeus2_even(problem: SplitProblem) -> Solution:
    """Published baseline: equal shares under the best pair of limits."""
    half = problem.global_batch_size // 2
    return _answered(problem, range(half, half + 1))


def _answered(problem: SplitProblem, splits: Iterable[int], *, lowest_first: bool = False) -> Solution:
    if len(problem.gpus) != 2:
        raise NoPlanError(f"the published method knows two GPUs only, not {len(problem.gpus)}")
    first, second = (_fitted(gpu, problem.global_batch_size) for gpu in problem.gpus)
    size = np.array(splits)
    if not len(size):
        raise NoPlanError(
            f"the published method gives both GPUs samples; there are {problem.global_batch_size}"
        )
    costs = first.costs[:1] if lowest_first else first.costs
    other = second.costs[:, problem.global_batch_size - size]
    total = costs[:, size].min(axis=0) + other.min(axis=0)
    at = int(total.argmin())
    given = int(size[at]), problem.global_batch_size - int(size[at])
    rows = int(costs[:, given[0]].argmin()), int(second.costs[:, given[1]].argmin())
    plan = problem.evaluate(
        [Share(of, gpu.power_limits_w[row]) for of, gpu, row in zip(given, problem.gpus, rows, strict=True)]
    )
    answer = list(zip((first, second), rows, given, strict=True))
    return Solution(
        plan,
        published=Published(
            float(total[at]),
            tuple(float(of.times_s[row, share]) for of, row, share in answer),
            tuple(float(of.powers_w[row, share]) for of, row, share in answer),
        ),
    )


def _fitted(gpu: Gpu, most: int) -> _Fitted:
    times, powers = [
        np.maximum([_quadratic(x, y, most) for x, y in zip(gpu.batch_sizes, columns, strict=True)], 0.0)
        for columns in (
            gpu.times_s,
            tuple(e / t for e, t in zip(gpu.energies_j, gpu.times_s, strict=True)),
        )
    ]
    limits = np.array(gpu.power_limits_w, dtype=np.float64)[:, None]
    return _Fitted(times, powers, (_HALF * powers + _HALF * limits) * times)


def _quadratic(x: Floats, y: Floats, most: int) -> Floats:
    """Fit a quadratic (a lower degree through fewer points) and evaluate it for 0, 1, … `most` samples."""
    # Sizes as shares of the largest keep the fit well conditioned.
    degree = min(2, len(x) - 1)
    powers = np.arange(degree + 1)
    inverse = cast("Floats", np.linalg.pinv((x / x[-1])[:, None] ** powers))
    return ((np.arange(most + 1) / x[-1])[:, None] ** powers) @ (inverse @ y)
