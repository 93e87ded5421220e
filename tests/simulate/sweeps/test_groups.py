from pathlib import Path

import pytest

from elastance.errors import InputError, PolicyError, TraceError
from elastance.simulate import simulate_groups
from elastance.simulate.sweeps import group_sweep, groups, run_sweep

HEADER = "group,start_time,end_time,dataset,runtime_ratio\n"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    rows = [f"synthetic-1,{10 * i},{10 * i + 25},cifar100,{1 + i % 2}" for i in range(20)]
    rows += [f"b,{30 * i},{30 * i + 25},squad,1" for i in range(10)]
    path = tmp_path / "groups.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def test_rows_are_what_a_single_simulation_says(trace: Path) -> None:
    result = run_sweep(group_sweep([trace], ["v100", "a40"], policies=["zeus", "default"], seeds=[0, 3]))
    records = list(result.records())
    assert not result.failures
    assert len(records) == 2 * 2 * 2 * 3
    assert [r["workload"] for r in records[:3]] == ["cifar100", "squad", "total"]
    for record in records:
        comparison = simulate_groups(
            trace, record["gpu"], policies=[record["policy"]], seeds=[record["seed"]]
        )
        dataset = None if record["workload"] == "total" else record["workload"]
        (totals,) = comparison[record["policy"]].totals(dataset)
        (default,) = comparison.default.totals(dataset)[:1]
        assert (record["group_count"], record["submissions"], record["overlapping"]) == totals[:3]
        assert (record["runs"], record["given_up"]) == totals[3:5]
        assert (record["total_energy_j"], record["total_time_s"], record["total_cost_j"]) == totals[5:]
        assert (
            record["default_energy_j"],
            record["default_time_s"],
            record["default_cost_j"],
        ) == default[5:]
        assert record["groups_sha256"] == comparison.trace.sha256
        assert (record["groups_provenance"], record["error"]) == ("model", None)
    (default,) = (of for of in result.summary() if of.policy == "default")
    assert (default.cells, default.energy_saved, default.cost_saved) == (2, 0.0, 0.0)


def test_a_failing_policy_fails_alone(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = groups.run_group

    def run_group(task, group, policy, seed):
        if policy == "zeus" and seed == 1:
            raise PolicyError("no idea")
        return plain(task, group, policy, seed)

    monkeypatch.setattr(groups, "run_group", run_group)
    result = run_sweep(group_sweep([trace], ["v100"], policies=["zeus", "oracle"], seeds=[0, 1]))
    assert [(of.cell.policy, of.seeds, of.reason) for of in result.failures] == [("zeus", (1,), "no idea")]
    failed = [r for r in result.records() if r["error"]]
    assert [(r["seed"], r["workload"], r["total_cost_j"]) for r in failed] == [(1, "total", None)]
    assert all(set(r) == set(groups.COLUMNS) for r in failed)
    assert failed[0]["groups_provenance"] == "model"
    assert [of.cells for of in result.summary()] == [0, 0]


def test_groups_without_facts_fail_alone(trace: Path, tmp_path: Path) -> None:
    from elastance.traces.synthesize import synthesize_traces

    facts = tmp_path / "facts"
    synthesize_traces(facts, ["v100"], seed=1)
    train = facts / "summary_train.csv"
    lines = train.read_text().splitlines(keepends=True)
    train.write_text("".join(line for line in lines if not line.startswith("squad")))
    other = tmp_path / "other.csv"
    other.write_text(HEADER + "c,0,1,cifar100,1\n")
    result = run_sweep(group_sweep([trace, other], policies=["default"], seeds=[0], traces=facts))
    assert [of.cell.subject for of in result.failures] == ["groups.csv"]


def test_what_cannot_be_swept(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file of groups"):
        group_sweep([])
    with pytest.raises(InputError, match=r"file of groups groups.csv is named twice"):
        group_sweep([trace, tmp_path / "elsewhere" / "groups.csv"])
    with pytest.raises(InputError, match="window size 1"):
        group_sweep([trace], window_size=1)
    with pytest.raises(TraceError, match="no such file"):
        group_sweep([tmp_path / "none.csv"])
