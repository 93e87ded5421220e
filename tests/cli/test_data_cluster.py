import json
from pathlib import Path

from cli.conftest import Command


def test_jobs_that_can_be_simulated(elastance: Command, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    answer = elastance("data", "synthesize", "cluster", "--output", path, "--jobs", 12, "--arrivals", "burst")
    assert answer.status == 0, answer.err
    assert "12 synthetic jobs" in answer.out
    assert json.loads((tmp_path / "jobs.csv.manifest.json").read_text())["synthetic"] is True
    assert "cluster trace, 12 rows" in elastance("data", "validate", path).out
    simulated = json.loads(
        elastance("simulate", "cluster", path, "--policy", "easyscale-heter", "--json").out
    )
    assert simulated["workload"]["provenance"] == "model"


def test_nonsense(refused: Command, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    assert "0 jobs" in refused("data", "synthesize", "cluster", "--output", path, "--jobs", 0).err
    assert "often" in refused("data", "synthesize", "cluster", "--output", path, "--arrivals", "often").err
    assert "--output" in refused("data", "synthesize", "cluster").err
