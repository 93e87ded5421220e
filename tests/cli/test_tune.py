"""`elastance tune`, from the first run to the exported trace."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from made_up_tuning import SCRIPT

INIT = ("--batch-sizes", "32:128:x2", "--default", 64, "--target", "acc>=0.9", "--max-epochs", 5)


@pytest.fixture(autouse=True)
def made_up_machine(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("ELASTANCE_DB", f"sqlite:///{tmp_path}/tune.sqlite")
    monkeypatch.setenv("ELASTANCE_DEVICES", "sim:v100")


@pytest.fixture
def run(elastance, tmp_path: Path):
    """Run the job with a shell script."""

    def run(script: str, *options: object):
        (tmp_path / "train.sh").write_text(f"{SCRIPT}\n{script}\n")
        return elastance("tune", "run", "job", *options, "--", "sh", tmp_path / "train.sh", "{batch_size}")

    return run


def status_of(elastance) -> dict:
    return json.loads(elastance("tune", "status", "job", "--json").out)


def test_a_job_is_run_shown_drawn_listed_and_exported(elastance, run, tmp_path: Path) -> None:
    assert elastance("tune", "init", "job", *INIT).status == 0
    assert run("say 0.95 3").status == 0
    missed = run("say 0.5 5", "--retries", 0)
    assert missed.status == 1
    assert "job, recurrence 2, run 2: batch size 32: missed" in missed.err
    status = status_of(elastance)
    assert status["runs"]["reached"] == status["runs"]["missed"] == 1
    assert status["sources"] == ["model"]
    assert status["arms"][1]["belief"]["mean_j"] == pytest.approx(status["arms"][1]["mean_cost_j"])
    shown = elastance("tune", "status", "job", "--plot", tmp_path / "job.png")
    assert shown.status == 0
    assert (tmp_path / "job.png").stat().st_size > 10_000
    for words in ("recurrences: 1; runs: 1 reached, 1 missed", "spent more than always batch size 64",
                  "breaks even: energy not yet, cost not yet", "not measured on hardware (model)"):  # fmt: skip
        assert words in shown.out
    (listed,) = json.loads(elastance("tune", "list", "--json").out)
    assert listed == status
    assert "acc>=0.9" in elastance("tune", "list").out
    assert elastance("tune", "export", "job", "-o", tmp_path / "traces").status == 0
    simulated = elastance(
        "simulate", "recurring", "--traces", tmp_path / "traces", "--dataset", "job", "--network", "script",
        "--optimizer", "script", "--target-metric", 0.9, "--max-epochs", 5, "--b0", 64,
        "--policy", "default",
    )  # fmt: skip
    assert simulated.status == 0, simulated.err


def test_options_may_follow_the_name(elastance, tmp_path: Path) -> None:
    elastance("tune", "init", "job", *INIT)
    (tmp_path / "train.sh").write_text(f"{SCRIPT}\nsay 0.95 3\n")
    command = ("--", "sh", tmp_path / "train.sh", "--devices", "nonsense", "--", "{seed}")
    for before, after in (((), ("job", "--devices", "sim:a40")), (("--devices", "sim:a40"), ("job",))):
        assert elastance("tune", "run", *before, *after, *command).status == 0


@pytest.mark.parametrize(("script", "code", "became"), [
    ("exit 3", 3, "failed"),
    ("kill -TERM $$", 143, "killed"),
])  # fmt: skip
def test_the_exit_status_of_the_script_is_passed_on(
    elastance, run, script: str, code: int, became: str
) -> None:
    elastance("tune", "init", "job", *INIT)
    assert run(script).status == code
    assert status_of(elastance)["runs"][became] == 1


def test_a_default_that_misses_is_refused_in_words(elastance, run) -> None:
    elastance("tune", "init", "job", *INIT)
    answer = run("say 0.5 5")
    assert answer.status == 2
    assert "batch size 64, the default, ended without reaching acc>=0.9" in answer.err


@pytest.mark.parametrize(("arguments", "said"), [
    (("--batch-sizes", "32:64"), "batch sizes '32:64': expected a list such as 32,64,128 or a range"),
    (("--batch-sizes", "big"), "batch sizes 'big'"),
    (("--default", 48), "default batch size 48 is not on offer; there are 32, 64, 128"),
    (("--target", "acc>0.9"), "target 'acc>0.9': expected a metric and a bound such as acc>=0.84"),
    (("--target", "acc>=high"), "target 'acc>=high'"),
    (("--lr", 0), "learning rate 0"),
    (("--lr-rule", "cube"), "learning-rate rule 'cube': expected one of linear, sqrt, none, auto"),
    (("--lr-rule", "auto"), "needs the optimizer"),
    (("--optimizer", "adammm"), "adammm"),
    (("--policy", "zeuss"), "unknown policy 'zeuss': did you mean zeus"),
    (("--policy", "oracle"), "oracle is a baseline"),
    (("--eta-knob", 2), "eta"),
    (("--beta-knob", 1), "beta"),
    (("--max-epochs", 0), "epochs"),
    (("--max-power", 0), "largest power 0"),
    (("--devices", "sim:z100"), "z100"),
    (("--db", "tune.sqlite"), "is no URL"),
])  # fmt: skip
def test_a_job_that_makes_no_sense_is_refused(elastance, arguments, said: str) -> None:
    answer = elastance("tune", "init", "job", *INIT, *arguments)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_job_is_not_made_twice(elastance) -> None:
    elastance("tune", "init", "job", *INIT)
    answer = elastance("tune", "init", "job", *INIT)
    assert answer.status == 2
    assert "job job is there already" in answer.err


@pytest.mark.parametrize(("arguments", "said"), [
    (("run", "jobb", "--", "true"), "unknown job 'jobb': did you mean job?"),
    (("run", "job", "--", "echo", "x={size}"), "'x={size}':"),
    (("run", "job", "--", "echo", "{lr}"), "there is no lr to put in its place"),
    (("run", "job", "--", "echo", "{seed:03d}"), "a placeholder is a name only"),
    (("run", "job", "--", "echo", "{seed"), "expected '}'"),
    (("run", "job", "python", "train.py"), "put -- before the command"),
    (("run", "job", "--"), "Missing argument '-- COMMAND...'"),
    (("run", "job", "--retries", -1, "--", "true"), "--retries -1"),
    (("run", "job", "--grace", -1, "--", "true"), "--grace -1"),
    (("run", "job", "--", "no-such-program"), "no-such-program: command not found"),
    (("run", "job", "--", "true"), "told no result"),
    (("status", "jobb"), "unknown job 'jobb'"),
    (("status", "job", "--plot", "picture.doc"), "picture"),
    (("status", "job", "--theme", "sepia"), "theme"),
    (("export", "job", "-o", "traces"), "no run yet that told its epochs"),
])  # fmt: skip
def test_what_cannot_be_done_is_said_in_a_line(elastance, arguments, said: str) -> None:
    elastance("tune", "init", "job", *INIT)
    answer = elastance("tune", *arguments)
    assert answer.status in (2, 127)
    assert said in answer.err
    assert answer.err.splitlines()[-1].startswith("elastance: ")
    assert "Traceback" not in answer.err


def test_there_are_no_jobs_at_first(elastance, refused) -> None:
    assert "no jobs yet" in elastance("tune", "list").out
    assert "there is no job 'job', and none at all" in refused("tune", "status", "job").err


@pytest.mark.parametrize("missing", ["sqlalchemy", "alembic"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    # In a process of its own: a module that is imported anew here would be there twice.
    without = f"import sys; sys.modules['{missing}'] = None; from elastance.cli.main import main; main()"
    command = [sys.executable, "-c", without, "tune", "init", "job", *map(str, INIT)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "pip install 'elastance[tune]'" in ended.stderr
    assert "Traceback" not in ended.stderr
