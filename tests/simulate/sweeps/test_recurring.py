import json
import math
from pathlib import Path

import numpy as np
import pytest

from elastance.errors import ConvergenceError, InputError, TraceError, UnknownNameError
from elastance.simulate import measures, simulate_recurring
from elastance.simulate.sweeps import recurring, recurring_sweep, run_sweep
from elastance.traces import BuiltinSource


def sweep(**changed):
    arguments = {
        "workloads": ["squad", "sentiment140"],
        "gpus": ["v100"],
        "policies": ["zeus", "default"],
        "seeds": range(3),
        "recurrences": 12,
    }
    return recurring_sweep(**(arguments | changed))


def test_rows_are_what_a_single_simulation_says() -> None:
    result = run_sweep(sweep(etas=[0.0, 1.0], betas=[1.5, math.inf]))
    records = list(result.records())
    assert len(records) == 2 * 2 * 2 * 2 * 3
    assert not result.failures
    for record in records[::7]:
        seed = record["seed"]
        comparison = simulate_recurring(
            record["workload"],
            record["gpu"],
            policies=[record["policy"]],
            eta=record["eta_knob"],
            beta=record["beta_knob"],
            seeds=[seed],
            recurrences=12,
        )
        (history,) = comparison[record["policy"]].histories
        (of,) = comparison[record["policy"]].measures
        assert (record["recurrences"], record["runs"]) == (12, len(history.records))
        assert record["total_energy_j"] == of.energy_j
        assert record["total_time_s"] == of.time_s
        assert record["total_cost_j"] == of.cost_j
        assert record["regret_oracle_jobs"] == of.regret_oracle_jobs
        assert (record["final_batch_size"], record["final_power_limit_w"]) == of.final
        assert record["final_cost_gap"] == of.gap
        assert (record["energy_saving"], record["time_saving"]) == (of.energy_saving, of.time_saving)
        assert record["total_energy_saving"] == of.total_energy_saving
        assert record["break_even_recurrence"] == of.break_even_recurrence
        assert record["default_energy_j"] == comparison.task.default.energy_j * 12
        assert record["oracle_cost_j"] == comparison.task.oracle.cost_j * 12
        assert record["facts_sha256"] == comparison.source.sha256
        assert (record["facts_kind"], record["facts_provenance"]) == ("builtin", "model")
        assert record["error"] is None


def test_each_job_recurs_as_often_as_its_own_grid_asks() -> None:
    result = run_sweep(sweep(recurrences=None, policies=["default"], seeds=[0]))
    counts = {record["workload"]: record["recurrences"] for record in result.records()}
    for name, count in counts.items():
        assert count == simulate_recurring(name, policies=["default"]).task.recurrences
    assert len(set(counts.values())) == 2


def test_everything_is_swept_by_default() -> None:
    described = recurring_sweep()
    assert len(described.parts()) == 6 * 4 * 4
    assert described.plan()["gpus"] == ["v100", "a40", "rtx6000", "p100"]


def test_how_seeds_are_shared_out_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_sweep(sweep())
    monkeypatch.setattr(recurring, "SEEDS_PER_PART", 2)
    shared = run_sweep(sweep())
    assert shared.rows == whole.rows
    assert (whole.parts, shared.parts) == ((4, 0), (8, 0))


def test_one_failing_seed_is_no_other_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = recurring.measure_seeds

    def measure_seeds(task, policy, seeds) -> list[measures.Measures]:
        if policy == "zeus" and 1 in seeds:
            raise ConvergenceError("missed")
        return plain(task, policy, seeds)

    whole = {(r["workload"], r["policy"], r["seed"]): r for r in run_sweep(sweep()).records()}
    monkeypatch.setattr(recurring, "measure_seeds", measure_seeds)
    result = run_sweep(sweep())
    assert [(of.cell.subject, of.seeds, of.reason) for of in result.failures] == [
        ("squad", (1,), "missed"),
        ("sentiment140", (1,), "missed"),
    ]
    for record in result.records():
        before = whole[record["workload"], record["policy"], record["seed"]]
        if record["policy"] == "zeus" and record["seed"] == 1:
            assert record == {
                name: value if name in {*list(record)[:7], *list(record)[-3:]} else None
                for name, value in before.items()
            } | {"error": "missed"}
        else:
            assert record == before


def test_a_job_without_facts_fails_alone(tmp_path: Path) -> None:
    from elastance.traces.synthesize import synthesize_traces

    synthesize_traces(tmp_path, ["v100"], seed=1)
    train = tmp_path / "summary_train.csv"
    lines = train.read_text().splitlines(keepends=True)
    train.write_text("".join(line for line in lines if not line.startswith("squad")))
    result = run_sweep(sweep(traces=tmp_path))
    assert {of.cell.subject for of in result.failures} == {"squad"}
    assert "squad" in result.failures[0].reason
    assert {r["workload"] for r in result.records() if r["error"] is None} == {"sentiment140"}
    train.write_text("".join(lines)[:-20])
    with pytest.raises(TraceError, match="truncated"):
        run_sweep(sweep(traces=tmp_path))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"workloads": []}, "no workload to sweep over"),
        ({"workloads": ["squad", "squad"]}, "workload squad is named twice"),
        ({"gpus": ["V100", "v100"]}, "GPU v100 is named twice"),
        ({"etas": []}, "no eta to sweep over"),
        ({"etas": [0, 0.0]}, "eta 0.0 is named twice"),
        ({"etas": [0.5, 1.5]}, "eta knob 1.5"),
        ({"betas": [2.0, 1.0]}, "beta knob 1.0"),
        ({"seeds": [1, 1]}, "seed 1 is named twice"),
        ({"seeds": [-1]}, "seed -1"),
        ({"policies": []}, "no policy"),
        ({"recurrences": -1}, "recurrences -1"),
        ({"window_size": 1}, "window size 1"),
    ],
)
def test_what_cannot_be_swept(changed, message) -> None:
    with pytest.raises(InputError, match=message):
        sweep(**changed)


@pytest.mark.parametrize("changed", [{"workloads": ["sqad"]}, {"gpus": ["h100"]}, {"policies": ["zeuss"]}])
def test_unknown_names(changed) -> None:
    with pytest.raises(UnknownNameError):
        sweep(**changed)


def test_a_sweep_of_nothing_compares_nothing() -> None:
    result = run_sweep(sweep(recurrences=0))
    assert [of.energy_saved for of in result.summary()] == [None, None]
    json.dumps(result.to_json(), allow_nan=False)


def test_the_plan_tells_what_decides_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_policy.py").write_text(
        "class Own:\n"
        "    def __init__(self, problem, rng): self.size = problem.job.default_batch_size\n"
        "    def choose_batch_size(self): return self.size\n"
        "    def observe_run(self, outcome): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plan = sweep(policies=["zeus", "own_policy:Own+max-power"], betas=[math.inf]).plan()
    assert list(plan["policy_code"]) == ["own_policy:Own"]
    assert plan["numpy"] == np.__version__
    assert plan["beta_knobs"] == ["inf"]
    assert plan["facts"]["v100"]["sha256"] == BuiltinSource().record("v100").sha256
    json.dumps(plan, allow_nan=False)


def test_facts_about_no_gpu_type(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="facts about no GPU type"):
        sweep(gpus=None, traces=tmp_path)
