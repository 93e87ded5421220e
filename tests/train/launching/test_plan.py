import json
from pathlib import Path
from typing import Any

import pytest

from elastance.catalog import find_workload
from elastance.errors import InputError
from elastance.simulate import GpuGroup, compare_splits, split_problem
from elastance.traces import find_source, profile_of_trace
from elastance.train.launching import read_plan
from made_up_plans import made_up_plan, write_plan


def test_a_plan_of_split_is_read(tmp_path: Path) -> None:
    """What one side writes, the other reads: released GPUs, micro-batches and all."""
    workload, source = find_workload("cifar100"), find_source()
    groups = [
        GpuGroup(profile_of_trace(source, name, workload, 2048), count)
        for name, count in (("v100", 1), ("a40", 2))
    ]
    groups[0] = GpuGroup(groups[0].profile, 1, memory_cap=100)
    problem = split_problem(groups, 2048)
    comparison = compare_splits(groups, problem, ["even"])
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(comparison.to_json()))
    plan = read_plan(path)
    assert plan.method == "even"
    assert plan.per == "epoch"
    assert [gpu.profile for gpu in plan.gpus] == ["v100", "a40", "a40"]
    assert sum(gpu.batch_size for gpu in plan.gpus) == plan.global_batch_size == 2048
    assert plan.gpus[0].micro_batch_size == 100
    loads = comparison.chosen.plan.loads
    assert [gpu.energy_j for gpu in plan.gpus] == pytest.approx(
        [load.energy_j + load.idle_energy_j for load in loads]
    )
    assert sum(gpu.energy_j for gpu in plan.gpus) == pytest.approx(plan.energy_j)


def test_a_released_gpu_is_no_rank(tmp_path: Path) -> None:
    plan = read_plan(write_plan(tmp_path / "plan.json", ("a", 8, 100.0), ("b", 0, None)))
    assert [gpu.profile for gpu in plan.gpus] == ["a", "b"]
    assert [gpu.profile for gpu in plan.ranks] == ["a"]


def changed(place: str, value: Any) -> dict[str, Any]:
    """A good plan but for one value; a missing one for None of None."""
    plan = made_up_plan(("a", 5, 100.0), ("b", 3, 70.0))
    at: Any = plan
    *way, last = place.split(".")
    for step in way:
        at = at[int(step) if step.isdigit() else step]
    at[last] = value
    return plan


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("gpus.0.batch_size", -1, "gpus.0.batch_size: Input should be greater than or equal to 0"),
        ("gpus.0.batch_size", "5", "gpus.0.batch_size: Input should be a valid integer"),
        ("gpus.1.power_limit_w", 0, "gpus.1.power_limit_w: Input should be greater than 0"),
        ("gpus.1.power_limit_w", None, "gpus.1: has samples, but no power_limit_w"),
        ("gpus.1.time_s", float("nan"), "gpus.1.time_s"),
        ("gpus", [], "gpus: Tuple should have at least 1 item"),
        ("per", "year", "per: Input should be 'profiled window', 'step' or 'epoch'"),
        ("global_batch_size", 9, "the shares add up to 8, global_batch_size is 9"),
        ("profiles.0.count", 2, "gpus has 2 entries, profiles count 3 GPUs"),
        ("profiles.0.idle_power_w", None, "profiles.0.idle_power_w"),
    ],
)
def test_a_plan_that_is_none(tmp_path: Path, place: str, value: Any, message: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(changed(place, value)))
    with pytest.raises(InputError) as refused:
        read_plan(path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", ["", "[]", '{"method": "exact"', "{}", "\xff"])
def test_a_file_that_is_no_plan(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content, "latin-1")
    with pytest.raises(InputError, match="no plan to launch"):
        read_plan(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"plan.json: cannot be read: No such file"):
        read_plan(tmp_path / "plan.json")
