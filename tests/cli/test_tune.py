"""`elastance tune`, from the first run to the exported trace."""

import json
import sys

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

INIT = ("--batch-sizes", "32:128:x2", "--default", 64, "--target", "acc>=0.9", "--max-epochs", 5)
REPORT = "from elastance.train import report; report(metric={metric}, epochs=3)"


@pytest.fixture(autouse=True)
def made_up_machine(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("ELASTANCE_DB", f"sqlite:///{tmp_path}/tune.sqlite")
    monkeypatch.setenv("ELASTANCE_DEVICES", "sim:v100")
    monkeypatch.setenv("ELASTANCE_STATE", str(tmp_path))


def run(elastance, script: str):
    return elastance("tune", "run", "job", "--", sys.executable, "-c", script, "{batch_size}")


def test_a_job_is_run_shown_and_exported(elastance, tmp_path) -> None:
    assert elastance("tune", "init", "job", *INIT).status == 0
    assert run(elastance, REPORT.format(metric=0.95)).status == 0
    assert run(elastance, REPORT.format(metric=0.5)).status == 0
    status = json.loads(elastance("tune", "status", "job", "--json").out)
    assert status["runs"]["reached"] == status["runs"]["missed"] == 1
    assert status["sources"] == ["model"]
    assert elastance("tune", "export", "job", "-o", tmp_path / "traces").status == 0
    simulated = elastance(
        "simulate", "recurring", "--traces", tmp_path / "traces", "--dataset", "job", "--network", "script",
        "--optimizer", "script", "--target-metric", 0.9, "--max-epochs", 5, "--b0", 64,
        "--policy", "default",
    )  # fmt: skip
    assert simulated.status == 0, simulated.err


@pytest.mark.parametrize(("script", "code", "became"), [
    ("raise SystemExit(3)", 3, "failed"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143, "killed"),
])  # fmt: skip
def test_the_exit_status_is_passed_on(elastance, script: str, code: int, became: str) -> None:
    elastance("tune", "init", "job", *INIT)
    assert run(elastance, script).status == code
    assert json.loads(elastance("tune", "status", "job", "--json").out)["runs"][became] == 1


def test_an_unknown_placeholder_is_refused_before_anything_is_chosen(elastance) -> None:
    elastance("tune", "init", "job", *INIT)
    answer = elastance("tune", "run", "job", "--", "echo", "x={size}")
    assert answer.status == 2
    assert "{size}" in answer.err
    assert not any(json.loads(elastance("tune", "status", "job", "--json").out)["runs"].values())
