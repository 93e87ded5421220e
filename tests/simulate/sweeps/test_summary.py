import math

import pytest

from elastance.simulate.sweeps.summary import summarised


def record(workload: str, policy: str, ratio: float, *, seed: int = 0, error: str | None = None, **more):
    fields = ("total_energy_j", "total_time_s", "total_cost_j")
    baselines = {
        "default_energy_j": 10.0,
        "default_time_s": 10.0,
        "default_cost_j": 10.0,
        "oracle_cost_j": 5.0,
    }
    return {
        "workload": workload,
        "gpu": "v100",
        "eta_knob": 0.5,
        "beta_knob": 2.0,
        "policy": policy,
        "seed": seed,
        **dict.fromkeys(fields, None if error else 10.0 * ratio),
        **baselines,
        "error": error,
        **more,
    }


def test_a_geometric_mean_over_cells_of_means_over_seeds() -> None:
    (zeus,) = summarised(
        [record("a", "zeus", 0.4), record("a", "zeus", 0.6, seed=1), record("b", "zeus", 0.8)]
    )
    ratio = math.sqrt(0.5 * 0.8)
    assert (zeus.policy, zeus.cells, zeus.failed_cells) == ("zeus", 2, 0)
    assert zeus.energy_saved == zeus.time_saved == zeus.cost_saved == pytest.approx(1 - ratio)
    assert zeus.excess_over_oracle == pytest.approx(2 * ratio - 1)


def test_policies_are_compared_where_none_failed() -> None:
    zeus, grid = summarised(
        [
            record("a", "zeus", 0.5),
            record("b", "zeus", 0.9),
            record("a", "grid", 0.7),
            record("b", "grid", 0.1),
            record("b", "grid", 0.1, seed=1, error="missed"),
        ]
    )
    assert (zeus.cells, zeus.failed_cells, grid.cells, grid.failed_cells) == (1, 0, 1, 1)
    assert zeus.energy_saved == pytest.approx(0.5)
    assert grid.energy_saved == pytest.approx(0.3)


def test_only_totals_of_groups_count() -> None:
    rows = [record("total", "zeus", 0.5), record("squad", "zeus", 0.1)]
    (zeus,) = summarised([{"groups": "g.csv", **row} for row in rows])
    assert zeus.cells == 1
    assert zeus.energy_saved == pytest.approx(0.5)
