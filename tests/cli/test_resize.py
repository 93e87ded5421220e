"""`elastance resize` as a user runs it, on jobs that only pretend to train."""

import json
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


@contextmanager
def launched(tmp_path: Path, *options: str, **plan: object) -> Generator[subprocess.Popen[str]]:
    """A job of two logical workers on one executor, in a process of its own."""
    arguments = ["launch", "--workers", "2", *options, "--", *pretending(tmp_path, **plan)]
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


def await_line(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    while word not in (line := process.stdout.readline()):
        assert line, process.stderr.read() if process.stderr else ""


@pytest.mark.slow
def test_a_running_job_is_resized_refused_and_suspended(elastance, refused, tmp_path: Path) -> None:
    with launched(tmp_path, s4=[("wait-for-stop",)], s6=[("wait-for-stop",)]) as process:
        await_line(process, "waits")
        assert "2 logical workers on 3 executors" in refused("resize", "pretend", "--executors", 3).err
        assert "placement 3x1 has 3 logical workers" in refused("resize", "pretend", "--placement", "3x1").err
        assert (
            "is being trained already by process"
            in refused("launch", "--workers", 2, "--", *pretending(tmp_path)).err
        )
        answer = elastance("resize", "pretend", "--placement", "2x1", "--json")
        assert answer.status == 0, answer
        assert json.loads(answer.out)["placement"] == "2x1"
        await_line(process, "waits")
        answer = elastance("resize", process.pid, "--executors", 2)  # as it is
        assert answer.out.startswith("job 'pretend' trains on placement 2x1, from global step")
        answer = elastance("resize", JobDirectory.named("pretend").own_checkpoints, "--executors", 0)
        assert answer.out == "job 'pretend' is suspended after global step 6\n"
        _, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "resized from 1x2 to 2x1 after global step 4" in err
    assert "its state is 'suspended'" in refused("resize", "pretend", "--executors", 1).err


@pytest.mark.slow
def test_a_plan_written_by_hand_and_a_signal(tmp_path: Path) -> None:
    with launched(tmp_path, s4=[("wait-for-stop",)]) as process:
        await_line(process, "waits")
        plan = JobDirectory.named("pretend").plan_path
        for text, said in (("{", "expected"), ('{"executors": 3}', "2 logical workers on 3 executors")):
            plan.write_text(text)
            process.send_signal(signal.SIGUSR1)
            assert process.stderr is not None
            while "not resized" not in (line := process.stderr.readline()):
                assert line
            assert said in line
        plan.write_text('{"executors": 2}')
        process.send_signal(signal.SIGUSR1)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "resized from 1x2 to 2x1 after global step 4" in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nothing", "--executors", 2), "unknown job 'nothing': known: none"),
        (("nothing",), "give --executors N or --placement, one of both"),
        (
            ("nothing", "--executors", 2, "--placement", "2x1"),
            "give --executors N or --placement, one of both",
        ),
        (("nothing", "--executors", -1), "--executors"),
    ],
)
def test_bad_input(refused, arguments: tuple[object, ...], named: str) -> None:
    assert named in refused("resize", *arguments).err


def test_a_job_that_has_ended_is_not_resized(elastance, refused, tmp_path: Path) -> None:
    assert elastance("launch", "--workers", 2, "--", *pretending(tmp_path)).status == 0
    said = refused("resize", "pretend", "--executors", 1).err
    assert "job 'pretend' is not running: its state is 'finished'" in said
