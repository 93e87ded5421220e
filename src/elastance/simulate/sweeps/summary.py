"""What a sweep says in a few lines: per policy, geometric means over its cells."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from elastance.simulate.sweeps.cells import Value

TOTAL = "total"
"""Workload of the rows that sum up all workloads of a cell and seed."""

_Setting: TypeAlias = "tuple[Value, ...]"
"""A cell without its policy."""


class PolicySummary(NamedTuple):
    """One policy over the cells in which no policy failed.

    Every figure compares sums over all recurrences, exploration included, averaged over seeds, with expected sums
    of a baseline; over cells it is the geometric mean of those ratios.

    Attributes:
        policy: Its name.
        cells: Over how many cells.
        failed_cells: In how many cells it failed itself under some seed.
        energy_saved: Share of default's energy.
        time_saved: Share of default's time.
        cost_saved: Share of default's cost.
        excess_over_oracle: Cost beyond the oracle's, as a share of it.
    """

    policy: str
    cells: int
    failed_cells: int
    energy_saved: float | None
    time_saved: float | None
    cost_saved: float | None
    excess_over_oracle: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the summary as plain values."""
        return self._asdict()


_RATIOS = (
    ("total_energy_j", "default_energy_j"),
    ("total_time_s", "default_time_s"),
    ("total_cost_j", "default_cost_j"),
    ("total_cost_j", "oracle_cost_j"),
)


def summarised(records: Iterable[Mapping[str, Value]]) -> list[PolicySummary]:
    """Summarise the rows of a table.

    Args:
        records: Rows by column name; of several rows about one cell and seed, those whose ``workload`` is ``total``.
    """
    ratios: dict[str, dict[_Setting, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
    failed: dict[str, set[_Setting]] = defaultdict(set)
    for record in records:
        subject = record["groups"] if "groups" in record else record["workload"]
        setting = (subject, record["gpu"], record["eta_knob"], record["beta_knob"])
        policy = str(record["policy"])
        of_policy = ratios[policy]
        if record["error"] is not None:
            failed[policy].add(setting)
        elif "groups" not in record or record["workload"] == TOTAL:
            of_policy[setting].append(tuple(_ratio(record[a], record[b]) for a, b in _RATIOS))
    usable = set[_Setting]().union(*(set(of) for of in ratios.values())).difference(*failed.values())
    return [_summary(policy, of, usable, len(failed[policy])) for policy, of in ratios.items()]


def _summary(
    policy: str, of: Mapping[_Setting, list[tuple[float, ...]]], usable: set[_Setting], failed: int
) -> PolicySummary:
    over_seeds = [
        tuple(math.fsum(values) / len(seeds) for values in zip(*seeds, strict=True))
        for setting, seeds in of.items()
        if setting in usable
    ]
    energy, time, cost, oracle = (
        _geometric_mean([ratios[quantity] for ratios in over_seeds]) for quantity in range(len(_RATIOS))
    )
    return PolicySummary(
        policy,
        len(over_seeds),
        failed,
        None if energy is None else 1 - energy,
        None if time is None else 1 - time,
        None if cost is None else 1 - cost,
        None if oracle is None else oracle - 1,
    )


def _ratio(value: Value, baseline: Value) -> float:
    """A sweep of no recurrences has nothing to compare."""
    assert isinstance(value, float | int)
    assert isinstance(baseline, float | int)
    return value / baseline if baseline else math.nan


def _geometric_mean(values: list[float]) -> float | None:
    if not values or any(math.isnan(value) for value in values):
        return None
    return math.exp(math.fsum(map(math.log, values)) / len(values))
