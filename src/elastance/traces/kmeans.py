"""k-means of numbers on a line, exactly.

On a line the classes of an optimal clustering are intervals, so that dynamic programming over the sorted values finds
the best of all clusterings (Wang and Song, "Ckmeans.1d.dp", The R Journal 3/2, 2011). There is nothing to start from
and no random number: the same values give the same classes, in whatever order they come. Lloyd's iterations
(`scipy.cluster.vq`, scikit-learn) depend on their start and may end in a worse clustering.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from elastance.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Clustering:
    """Values parted into classes.

    Attributes:
        labels: Class of each value, from 0, in ascending order of the centres; shape (values,).
        centres: Mean of each class, ascending; shape (classes,).
    """

    labels: NDArray[np.int64]
    centres: NDArray[np.float64]


def cluster(values: NDArray[np.float64], classes: int) -> Clustering:
    """Part `values` into `classes` so that the sum of squared distances to the class means is the least possible.

    Equal values share a class. Time grows as classes · n · log n, memory as classes · n.

    Raises:
        InputError: There are fewer distinct values than classes.
    """
    distinct, position, weight = np.unique(values, return_inverse=True, return_counts=True)
    if not 1 <= classes <= len(distinct):
        raise InputError(f"{len(distinct)} distinct values cannot be parted into {classes} classes")
    # Distances from the mean, as differences of squares of large numbers would lose digits.
    inertia = _Inertia(distinct - np.average(distinct, weights=weight), weight)
    bounds = _bounds(inertia, len(distinct), classes)
    of_distinct = np.repeat(np.arange(classes), np.diff(bounds))
    labels = of_distinct[position]
    centres = np.bincount(labels, weights=values) / np.bincount(labels)
    return Clustering(labels, centres)


class _Inertia:
    """Sum of squared distances from their mean, of values first … end - 1."""

    def __init__(self, values: NDArray[np.float64], weight: NDArray[np.int64]) -> None:
        def running(terms: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.concatenate(([0.0], np.cumsum(terms)))

        self._count = running(weight.astype(np.float64))
        self._sum = running(weight * values)
        self._squares = running(weight * values**2)

    def __call__(self, first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        total = self._sum[end] - self._sum[first]
        spread = (
            self._squares[end] - self._squares[first] - total**2 / (self._count[end] - self._count[first])
        )
        return np.maximum(spread, 0.0)


def _bounds(inertia: _Inertia, values: int, classes: int) -> list[int]:
    """Return where each class begins among the sorted values, and the end of the last."""
    ends = np.arange(1, values + 1)
    least = np.concatenate(([np.inf], inertia(np.zeros_like(ends), ends)))
    begins: list[NDArray[np.int64]] = []
    for wanted in range(2, classes + 1):
        least, begin = _with_one_more_class(inertia, least, wanted)
        begins.append(begin)
    bounds = [values]
    for begin in reversed(begins):
        bounds.append(int(begin[bounds[-1]]))
    return [0, *reversed(bounds)]


def _with_one_more_class(
    inertia: _Inertia, least: NDArray[np.float64], classes: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the least inertia of the first n values in `classes` classes, and where the last class begins; by n.

    `least` is that of one class fewer. Where the last class begins never falls as n grows, so the middle n is solved
    first and bounds the search for those on both sides; all n of one depth are solved at once.
    """
    values = len(least) - 1
    best = np.full(values + 1, np.inf)
    begin = np.full(values + 2, classes - 1)
    begin[values + 1] = values - 1
    stride = 1 << values.bit_length()
    while stride > 1:
        half = stride // 2
        ends = np.arange(half, values + 1, stride)
        ends = ends[ends >= classes]
        stride = half
        if not len(ends):
            continue
        lowest = begin[np.maximum(ends - half, 0)]
        highest = np.minimum(begin[np.minimum(ends + half, values + 1)], ends - 1)
        widths = highest - lowest + 1
        offsets = np.cumsum(widths) - widths
        candidates: NDArray[np.int64] = np.arange(int(widths.sum())) - np.repeat(offsets - lowest, widths)
        totals = least[candidates] + inertia(candidates, np.repeat(ends, widths))
        best[ends] = np.minimum.reduceat(totals, offsets)
        hits = np.flatnonzero(totals == np.repeat(best[ends], widths))
        begin[ends] = candidates[hits[np.searchsorted(hits, offsets)]]
    return best, begin[:-1]
