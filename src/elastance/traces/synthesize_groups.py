"""Make groups of recurring, overlapping submissions: arrivals, overlap and spread of run times are parameters."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from elastance.catalog import WORKLOADS, find_workload
from elastance.errors import InputError
from elastance.traces.group_table import GroupTable, WrittenGroups, check_group_path, write_groups
from elastance.traces.schema import SYNTHETIC_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_ROWS = 20_000_000
"""More than this is taken for a slip of the keyboard."""

LONGEST_S = 1e7
"""Bound on gaps and median run times, s: four months, so that times stay exact in milliseconds."""

LARGEST_SIGMA = 3.0
"""Bound on the spread: at 3 one run in six takes over twenty times the median."""


@dataclass(frozen=True)
class GroupParameters:
    """What synthetic groups look like.

    Submissions of a group arrive as a Poisson process; run times are log-normal. A group whose mean gap is short
    against its run times overlaps itself: with a median of 300 s and sigma 0.8, gaps of 50, 400 and 2000 s make about
    100 %, 60 % and 20 % of the submissions start while another is running.

    Attributes:
        groups: Number of groups.
        rows: Fewest and most submissions of a group; each count between is as likely.
        mean_gaps_s: Mean gaps between starts, s; each group draws one of them.
        runtime_median_s: Median run time, s.
        runtime_sigma: Standard deviation of the logarithm of the run time.
        workloads: Names of workloads, dealt out to the groups in turn; one named twice gets twice as many.

    Raises:
        InputError: A number is out of range.
        UnknownNameError: No such workload.
    """

    groups: int = 60
    rows: tuple[int, int] = (10, 200)
    mean_gaps_s: tuple[float, ...] = (50.0, 400.0, 2000.0)
    runtime_median_s: float = 300.0
    runtime_sigma: float = 0.8
    workloads: tuple[str, ...] = tuple(workload.name for workload in WORKLOADS)

    def __post_init__(self) -> None:
        fewest, most = self.rows
        if self.groups < 1:
            raise InputError(f"{self.groups} groups: at least one is needed")
        if not 1 <= fewest <= most:
            raise InputError(f"rows {fewest}:{most}: expected a range such as 10:200, from 1 up")
        if self.groups * most > MOST_ROWS:
            raise InputError(f"{self.groups} groups of up to {most} rows are more than {MOST_ROWS:,} rows")
        if not self.mean_gaps_s or not self.workloads:
            raise InputError("at least one mean gap and one workload are needed")
        for gap_s in self.mean_gaps_s:
            _require_duration("mean gap", gap_s)
        _require_duration("median run time", self.runtime_median_s)
        if not 0.0 <= self.runtime_sigma <= LARGEST_SIGMA:
            raise InputError(f"run-time sigma {self.runtime_sigma:g} is not in [0, {LARGEST_SIGMA:g}]")
        for name in self.workloads:
            find_workload(name)


def draw_groups(parameters: GroupParameters, seed: int) -> GroupTable:
    """Draw the groups; same seed, same groups. Every name begins with `SYNTHETIC_PREFIX`.

    Raises:
        InputError: The seed is negative.
    """
    if seed < 0:
        raise InputError(f"seed {seed} is negative; seeds are whole numbers from 0")
    rng = np.random.default_rng(seed)
    groups = parameters.groups
    counts = rng.integers(parameters.rows[0], parameters.rows[1], size=groups, endpoint=True)
    gaps_s = rng.choice(np.array(parameters.mean_gaps_s), size=groups)
    rows = int(counts.sum())
    arrivals_ms = np.rint(1000 * np.repeat(gaps_s, counts) * rng.standard_exponential(rows)).astype(np.int64)
    spread = np.exp(parameters.runtime_sigma * rng.standard_normal(rows))
    runtime_ms = np.maximum(np.rint(1000 * parameters.runtime_median_s * spread), 1).astype(np.int64)
    # Running sums over all groups, less what had been summed before the group began.
    start_ms = np.cumsum(arrivals_ms)
    before = np.concatenate(([0], start_ms[np.cumsum(counts)[:-1] - 1]))
    start_ms -= np.repeat(before, counts)
    workloads = [find_workload(name).dataset for name in parameters.workloads]
    names = [f"{SYNTHETIC_PREFIX}{seed}-{group:0{len(str(groups - 1))}d}" for group in range(groups)]
    datasets = [workloads[group % len(workloads)] for group in range(groups)]
    return GroupTable(names, datasets, counts, start_ms, start_ms + runtime_ms)


def synthesize_groups(
    path: Path,
    parameters: GroupParameters,
    *,
    seed: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> WrittenGroups:
    """Write synthetic groups in the published schema and a manifest that says so.

    Args:
        path: Where to; ``.csv``, ``.csv.gz``, ``.csv.xz`` or ``.parquet``.
        parameters: What the groups look like.
        seed: Same seed, same bytes.
        on_progress: Called with (rows written, rows).

    Raises:
        InputError: The seed is negative, or the file cannot be written.
    """
    check_group_path(path)
    manifest = {
        "synthetic": True,
        "made_by": "elastance data synthesize groups",
        "seed": seed,
        "parameters": asdict(parameters),
    }
    return write_groups(path, draw_groups(parameters, seed), manifest, on_progress)


def _require_duration(what: str, value_s: float) -> None:
    if not (math.isfinite(value_s) and 0.001 <= value_s <= LONGEST_S):
        raise InputError(f"{what} {value_s:g} s is not between 0.001 s and {LONGEST_S:.0e} s")
