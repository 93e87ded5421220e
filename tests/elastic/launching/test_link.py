"""What executors and their launcher tell each other."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elastance.elastic.launching.assignment import Assignment
from elastance.elastic.launching.link import (
    LauncherLink,
    Progress,
    Refusal,
    ask_to_stop,
    read_progress,
    read_refusal,
)
from elastance.errors import InputError
from elastance.train.data_parallel.joining import LAUNCHER


def test_the_first_executor_tells_how_far_it_is(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
    LauncherLink(tmp_path, 1).tell(Progress(0, 7, 9))
    assert read_progress(tmp_path) is None
    first = LauncherLink(tmp_path, 0)
    for progress in (Progress(3, 1000, 2000), Progress(3, 4, 5), Progress(3, 4, 5, True)):
        first.tell(progress)
        assert read_progress(tmp_path) == progress


def test_the_first_executor_is_asked_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHER, str(os.getpid()))
    links = [LauncherLink(tmp_path, executor) for executor in range(2)]
    assert [link.stop_asked() for link in links] == [False, False]
    ask_to_stop(tmp_path)
    assert [link.stop_asked() for link in links] == [True, False]


def test_an_executor_whose_launcher_was_killed_saves_and_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setenv(LAUNCHER, str(gone.pid))
    assert LauncherLink(tmp_path, 0).stop_asked()


def test_a_directory_that_is_gone_is_no_reason_to_fail(tmp_path: Path) -> None:
    link = LauncherLink(tmp_path / "gone", 0)
    link.tell(Progress(0, 1, 2))
    link.tell_refusal(InputError("no"))


SCRIPT = """
from elastance.elastic.launching.assignment import Wishes
from elastance.elastic.launching.link import under_launcher
under_launcher(Wishes({workers}))
{then}
"""


@pytest.mark.parametrize(
    ("workers", "then", "said"),
    [
        (8, "", "the script says workers=8, the launcher --workers 4"),
        (4, "under_launcher(Wishes(4))", "prepare() was called twice"),
        (4, "raise ValueError", None),
    ],
)
def test_why_a_script_ends_is_told_once(tmp_path: Path, workers: int, then: str, said: str | None) -> None:
    given = Assignment("job", str(tmp_path), 4, "2x2", None, "/saved", False, None).environment()
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(workers=workers, then=then)],
        env={**os.environ, **given, "RANK": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 1
    refusal = read_refusal(tmp_path)
    if said is None:
        assert refusal is None
        assert "ValueError" in shown.stderr
    else:
        assert shown.stderr == ""
        assert isinstance(refusal, Refusal)
        assert said in refusal.message
        assert json.loads((tmp_path / "refusal-1.json").read_text())["exit_status"] == 2
