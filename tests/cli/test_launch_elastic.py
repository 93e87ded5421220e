"""`elastance launch --workers` as a user runs it; the scripts that only pretend to train are quick."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("torch")

from elastance.elastic.launching import JobDirectory
from made_up_launch import pretending


def launch(elastance, *arguments, workers=2, executors=1):
    return elastance("launch", "--workers", workers, "--executors", executors, *arguments)


def test_a_job_that_nothing_happens_to(elastance, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    answer = launch(elastance, "--output", report, "--", *pretending(tmp_path), executors=2)
    assert answer.status == 0, answer
    lines = [line.split()[:6] for line in answer.out.splitlines() if "begins" in line]
    assert sorted(lines) == [["[executor", f"{rank}]", "begins", "0", "2x1", "2"] for rank in range(2)]
    assert "job 'pretend' finished: 10 of 10 global steps, 0 resizes, 0 restarts" in answer.err
    document = json.loads(report.read_text())
    assert (document["state"], document["steps"], document["energy_j"]) == ("finished", 10, None)
    assert [run["placement"] for run in document["runs"]] == ["2x1"]


@pytest.mark.slow
def test_resized_by_its_own_script(elastance, tmp_path: Path) -> None:
    plan = pretending(tmp_path, s3=[("resize", 2)], s5=[("resize", 1)], s6=[("resize", 2)])
    answer = launch(elastance, "--json", "--devices", "sim:v100x2", "--", *plan)
    assert answer.status == 0, answer
    document = json.loads(answer.out)
    runs = [(run["placement"], run["first_step"], run["last_step"], run["ended"]) for run in document["runs"]]
    assert runs == [
        ("1x2", 0, 3, "resized"), ("2x1", 3, 5, "resized"), ("1x2", 5, 6, "resized"), ("2x1", 6, 10, "finished"),
    ]  # fmt: skip
    assert (document["resizes"], document["restarts"]) == (3, 0)
    first, second = document["executors"]
    assert 0 < second["time_s"] < first["time_s"] < document["time_s"] * 1.01
    assert 0 < second["energy_j"] < first["energy_j"]
    assert document["energy_j"] == pytest.approx(first["energy_j"] + second["energy_j"])
    assert first["source"] == "model"
    assert "elastance: resized from 1x2 to 2x1 after global step 3" in answer.err


def test_a_killed_executor_is_started_again(elastance, tmp_path: Path) -> None:
    answer = launch(elastance, "--", *pretending(tmp_path, s4=[("kill", 1)]), executors=2)
    assert answer.status == 0, answer
    assert "executor 1 was killed by SIGKILL" in answer.err
    assert "restart 1 of 3 from the last checkpoint" in answer.err
    assert "0 resizes, 1 restart, " in answer.err


@pytest.mark.slow
def test_a_script_that_fails_at_the_same_step_again_ends_with_its_status(elastance, tmp_path: Path) -> None:
    answer = launch(elastance, "--", *pretending(tmp_path, s4=[("always-fail",)]))
    assert answer.status == 1
    assert answer.err.splitlines()[-1] == (
        "elastance: executor 0 ended with exit status 1 after global step 4: RuntimeError: no luck; "
        "the script fails at this step again"
    )
    assert answer.err.count("restart 1 of 3") == 1


def test_restarts_may_be_forbidden(elastance, tmp_path: Path) -> None:
    answer = launch(elastance, "--max-restarts", 0, "--", *pretending(tmp_path, s4=[("kill", 0)]))
    assert answer.status == 137
    assert "it was restarted 0 times (--max-restarts)" in answer.err


def test_a_script_that_fails_before_it_trains_is_not_tried_again(elastance, tmp_path: Path) -> None:
    answer = launch(elastance, "--", *pretending(tmp_path, fails_early="no data"))
    assert answer.status == 1
    assert "RuntimeError: no data; the script fails before it trains" in answer.err.splitlines()[-1]
    answer = launch(elastance, "--", *pretending(tmp_path, no_job=True))
    assert answer.status == 2
    assert answer.err.splitlines()[-1] == "elastance: the script made no job with elastance.elastic.prepare"


def test_a_script_with_other_workers_is_one_clear_line(elastance, tmp_path: Path) -> None:
    answer = launch(elastance, "--", *pretending(tmp_path, workers=8), executors=2)
    assert answer.status == 2
    assert "Traceback" not in answer.err
    assert answer.err.splitlines()[-1] == (
        "elastance: the script says workers=8, the launcher --workers 2: they decide the result and must agree; "
        "launch with --workers 8"
    )


@pytest.mark.slow
def test_suspended_and_gone_on_with(elastance, tmp_path: Path) -> None:
    plan = pretending(tmp_path, s3=[("resize", 0)])
    answer = launch(elastance, "--", *plan)
    assert answer.status == 75
    assert "suspended after global step 3; the same command goes on from there" in answer.err
    other = launch(elastance, "--", *plan, "another")
    assert other.status == 2, other
    assert "was left unfinished by another command" in other.err
    answer = launch(elastance, "--", *plan, executors=2)
    assert answer.status == 0
    assert "goes on from its checkpoint" in answer.err
    assert "[executor 0] begins 3 2x1 2" in answer.out
    assert list(JobDirectory.named("pretend").own_checkpoints.glob("*.checkpoint")) == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--workers", 2, "--executors", 3), "2 logical workers on 3 executors"),
        (
            ("--workers", 4, "--placement", "2x3"),
            "placement 2x3 has 6 logical workers, expected 4 (--workers)",
        ),
        (
            ("--workers", 4, "--placement", "2x2", "--executors", 3),
            "has 2 executors, expected 3 (--executors)",
        ),
        (("--workers", 4, "--level", "D7"), "unknown level 'D7'"),
        (("--workers", 4, "--name", "a/b"), "--name 'a/b': expected letters"),
        (("--workers", 0), "--workers"),
        (("--executors", 2), "--workers N is missing: --executors is for elastic jobs"),
        (("--plan", "plan.json", "--workers", 2), "--workers is for elastic jobs, --plan for those of"),
        (("--workers", 2, "--keep-limits"), "--keep-limits belongs to --plan"),
        (("--workers", 2, "--checkpoints", "/dev/null/a"), "--checkpoints /dev/null/a: cannot be made"),
        (("--workers", 2, "--output", "/nowhere/a"), "there is no directory"),
    ],
)
def test_bad_input_starts_nothing(
    elastance, tmp_path: Path, arguments: tuple[object, ...], named: str
) -> None:
    answer = elastance("launch", *arguments, "--", sys.executable, "-c", f"open('{tmp_path}/ran', 'w')")
    assert answer.status == 2, answer
    assert named in answer.err.splitlines()[-1]
    assert not (tmp_path / "ran").exists()


def test_each_executor_needs_a_device(elastance) -> None:
    answer = launch(elastance, "--devices", "sim:v100", "--", "true", executors=2)
    assert answer.status == 2
    assert "2 executors need a device each, --devices names 1" in answer.err


@contextmanager
def launched(tmp_path: Path, **plan: object) -> Generator[subprocess.Popen[str]]:
    """The command in a process of its own, with two executors."""
    arguments = ["launch", "--workers", "2", "--executors", "2", "--", *pretending(tmp_path, **plan)]
    with subprocess.Popen(
        [sys.executable, "-m", "elastance", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def executors(process: subprocess.Popen[str]) -> list[int]:
    """Their process ids, once the first one waits."""
    assert process.stdout is not None
    pids: list[int] = []
    waits = False
    while len(pids) < 2 or not waits:
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        if "begins" in line:
            pids.append(int(line.split()[-1]))
        waits = waits or "waits" in line
    return pids


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_saves_before_it_ends_everything(elastance, tmp_path: Path, name: str) -> None:
    number = signal.Signals[name]
    with launched(tmp_path, s4=[("wait-for-stop",)]) as process:
        pids = [os.pidfd_open(pid) for pid in executors(process)]
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        for pid in pids:
            assert select.select([pid], [], [], 60)[0]
            os.close(pid)
    assert process.returncode == 128 + number
    assert "saves a checkpoint after this global step and ends" in err
    assert err.splitlines()[-1] == "elastance: interrupted"
    answer = launch(elastance, "--", *pretending(tmp_path, s4=[("wait-for-stop",)]))
    assert "[executor 0] begins 4" in answer.out


@pytest.mark.slow
def test_a_second_signal_ends_everything_at_once(tmp_path: Path) -> None:
    with launched(tmp_path, s4=[("wait",)]) as process:
        pids = [os.pidfd_open(pid) for pid in executors(process)]
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        while "once more ends it at once" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        for pid in pids:
            assert select.select([pid], [], [], 60)[0]
            os.close(pid)
    assert process.returncode == 143
    assert "interrupted; no checkpoint was made at the end" in err


@pytest.mark.slow
def test_a_killed_launcher_leaves_no_process_and_is_not_running(refused, tmp_path: Path) -> None:
    with launched(tmp_path, s4=[("wait",)]) as process:
        pids = [os.pidfd_open(pid) for pid in executors(process)]
        process.kill()
        process.wait()
        for pid in pids:
            assert select.select([pid], [], [], 60)[0]
            os.close(pid)
    said = refused("resize", "pretend", "--executors", 1).err
    assert "is not running: its launcher, process" in said
