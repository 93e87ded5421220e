import json
from pathlib import Path

import pytest

from elastance.errors import InputError, NoPlanError
from elastance.runs import Provenance
from elastance.simulate import (
    PAIR_METHODS,
    GpuGroup,
    compare_splits,
    geometric_means,
    split_pairs,
    split_problem,
)
from elastance.splitting import Goal
from elastance.traces import BuiltinSource, ProfilePoint, SplitProfile, find_source
from made_up_splits import Points, made_up_points


def made_up(name: str, points: Points | None = None, window: str = "profiled window") -> SplitProfile:
    found = sorted(ProfilePoint(*point) for point in points or made_up_points(cap=64))
    return SplitProfile(name, tuple(found), window, Provenance.MODEL, f"{name}.json", "0" * 64)


FAST = made_up("fast_a10", made_up_points(4.0, (100, 200), cap=64))
SLOW = made_up("slow", made_up_points(1.0, (50, 70), cap=32))


def test_idle_power_is_given_or_assumed() -> None:
    assert GpuGroup(FAST).idle_w == 25.0
    assert GpuGroup(SLOW).idle_w == pytest.approx(7.0)
    assert GpuGroup(SLOW, idle_power_w=0.0).idle_w == 0.0
    assert GpuGroup(made_up("cascade40")).idle_w == pytest.approx(15.0)


def test_identical_gpus_are_one_kind() -> None:
    problem = split_problem([GpuGroup(FAST, 3), GpuGroup(SLOW, 2)], 40)
    assert len(problem.gpus) == 5
    assert len(problem.tables) == 2


def test_steps_in_a_window_divide_everything() -> None:
    groups = [GpuGroup(FAST), GpuGroup(SLOW)]
    whole = compare_splits(groups, split_problem(groups, 40))
    each = compare_splits(groups, split_problem(groups, 40, steps=10), steps=10)
    assert each.chosen.plan.shares == whole.chosen.plan.shares
    assert each.chosen.plan.cost_j == pytest.approx(whole.chosen.plan.cost_j / 10)
    assert (whole.per, each.per) == ("profiled window", "step")
    document = each.to_json()
    assert document["energy_per_sample_j"] == pytest.approx(document["step_energy_j"] / 40)
    assert whole.to_json()["time_per_sample_s"] is None


@pytest.mark.parametrize(
    ("groups", "settings", "message"),
    [
        ([], {}, "no GPU to split over"),
        ([GpuGroup(FAST), GpuGroup(made_up("e", window="epoch"))], {}, "epoch and of an profiled window"),
        ([GpuGroup(FAST)], {"steps": 0}, "0 steps in a profiled window"),
        ([GpuGroup(made_up("e", window="epoch"))], {"steps": 3}, "what comes from traces is for one epoch"),
        ([GpuGroup(FAST, 0)], {}, "fast_a10: 0 GPUs"),
    ],
)
def test_what_is_out_of_range_is_refused(groups, settings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split_problem(groups, 40, **settings)


def test_a_comparison_knows_what_each_method_costs() -> None:
    groups = [GpuGroup(FAST, 2), GpuGroup(SLOW)]
    methods = ["even", "exact", "zeus2-even", "even"]
    comparison = compare_splits(groups, split_problem(groups, 60), methods)
    even, exact, published = comparison.results
    assert even.slack is not None
    assert even.slack > 0
    assert exact.slack == 0.0
    assert published.solution is None
    assert "two GPUs only" in published.refusal
    document = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert [row["method"] for row in document["compare"]] == ["even", "exact", "zeus2-even"]
    assert [row["refusal"] is None for row in document["compare"]] == [True, True, False]


def test_the_method_that_was_asked_for_must_have_a_plan() -> None:
    groups = [GpuGroup(FAST, 2), GpuGroup(SLOW)]
    with pytest.raises(NoPlanError, match="two GPUs only"):
        compare_splits(groups, split_problem(groups, 60), ["zeus2-even", "exact"])


def test_the_document_says_everything() -> None:
    groups = [GpuGroup(FAST, 2, idle_power_w=7.0), GpuGroup(SLOW, memory_cap=4)]
    problem = split_problem(groups, 60, goal=Goal.ENERGY, max_slowdown=1.5)
    document = compare_splits(groups, problem).to_json()
    assert list(document)[:4] == ["method", "optimal", "cost", "step_time_s"]
    assert (document["method"], document["optimal"], document["extrapolated"]) == ("exact", True, False)
    assert sum(gpu["batch_size"] for gpu in document["gpus"]) == 60
    assert document["lower_bound"] == pytest.approx(document["cost"])
    assert document["cost"] == pytest.approx(document["step_energy_j"])
    assert document["runner_up"]["exact"] is False
    for gpu in document["gpus"]:
        assert gpu["time_s"] + gpu["idle_s"] == pytest.approx(
            document["step_time_s"] if gpu["batch_size"] else 0
        )
    assert [of["idle_power_assumed"] for of in document["profiles"]] == [False, True]
    assert document["provenance"] == ["model"]


def test_beyond_the_profile_is_extrapolated_only_if_asked_for() -> None:
    groups = [GpuGroup(FAST), GpuGroup(SLOW)]
    careful = compare_splits(groups, split_problem(groups, 400)).to_json()
    bold = compare_splits(groups, split_problem(groups, 400, extrapolate=True)).to_json()
    assert (careful["extrapolated"], bold["extrapolated"]) == (False, True)
    assert max(gpu["micro_batches"] for gpu in careful["gpus"]) > 1
    assert {gpu["micro_batches"] for gpu in bold["gpus"]} == {1}


@pytest.mark.slow
def test_pairs_of_the_builtin_models() -> None:
    told: list[int] = []
    rows = split_pairs(BuiltinSource(), on_progress=lambda done, total: told.append(total - done))
    assert len(rows) == 36 * len(PAIR_METHODS)
    assert told == list(range(36, 0, -1))
    assert geometric_means(rows, "exact") == (1.0, 1.0, 1.0)
    assert all(row.cost_relative >= 1 - 1e-9 for row in rows)


@pytest.mark.slow
def test_pairs_of_the_public_traces(public_traces: Path) -> None:
    """The geometric means over 36 pairs, and how often the published method loses."""
    rows = split_pairs(find_source(public_traces))
    expected = {
        "zeus2-brute-force": (1.462, 1.028, 1.709),
        "even": (1.273, 1.255, 1.277),
        "even-best-limits": (1.212, None, None),
        "time-balanced": (1.040, 1.138, 0.979),
    }
    for method, means in expected.items():
        for found, mean in zip(geometric_means(rows, method), means, strict=True):
            assert mean is None or found == pytest.approx(mean, abs=0.001), method
    costs: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        costs.setdefault((row.workload, row.first, row.second), {})[row.method] = row.cost_j
    loses = {
        method: sum(of["zeus2-brute-force"] > of[method] for of in costs.values())
        for method in ("even", "time-balanced")
    }
    assert loses == {"even": 27, "time-balanced": 36}
