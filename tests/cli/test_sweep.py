"""Sweeps as a user runs them; killed, interrupted, resumed, in processes and on a Ray cluster."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from cli.conftest import Command

QUICK = ("sweep", "recurring", "--workloads", "squad,sentiment140", "--gpus", "v100", "--seeds", "0:3")
QUICK += ("--recurrences", "10", "--policies", "zeus,default")
NEEDS_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

KILLING = """
import os, pathlib, signal
class Killing:
    def __init__(self, problem, rng):
        self.size = problem.job.default_batch_size
        if problem.job.dataset == "squad" and pathlib.Path("armed").exists():
            pathlib.Path("armed").unlink()
            os.killpg(os.getpgrp(), signal.{signal})
    def choose_batch_size(self): return self.size
    def observe_run(self, outcome): pass
class Bug(Killing):
    def choose_batch_size(self): return 7
"""


def run_apart(directory: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process group of its own, as a terminal does."""
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from elastance.cli.main import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=300,
    )


def lines_of(journal: Path) -> list[str]:
    return journal.read_text().splitlines(keepends=True)


def test_the_table_and_what_it_says(elastance: Command, tmp_path: Path) -> None:
    answer = elastance(*QUICK, "--output", tmp_path / "s")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("4 cells, 3 seed(s) each\nfacts: built-in models, model, sha256 ")
    for text in ("energy saved", "excess over oracle", "zeus", "default", "wrote "):
        assert text in answer.out
    rows = (tmp_path / "s" / "results.csv").read_text().splitlines()
    assert len(rows) == 1 + 4 * 3
    again = elastance(*QUICK, "--output", tmp_path / "s")
    assert "4 of 4 parts of the work were done before" in again.out


def test_the_json_document(elastance: Command, tmp_path: Path) -> None:
    answer = elastance(*QUICK, "--beta", "1.5,inf", "--eta", "0,1", "--json")
    assert answer.status == 0, answer.err
    document = json.loads(answer.out)
    assert document["plan"]["beta_knobs"] == ["1.5", "inf"]
    assert (document["cells"], document["rows"], document["table"]) == (16, 48, None)
    zeus, default = document["summary"]
    assert (zeus["policy"], zeus["cells"], zeus["failed_cells"]) == ("zeus", 8, 0)
    assert default["energy_saved"] == 0
    assert default["excess_over_oracle"] > 0
    assert document["failures"] == []
    assert list(tmp_path.iterdir()) == []


def test_any_number_of_workers_gives_the_same_bytes(elastance: Command, tmp_path: Path) -> None:
    pytest.importorskip("polars")
    for suffix in ("csv", "parquet"):
        tables = []
        for jobs in (1, 2, 3):
            directory = tmp_path / f"{suffix}{jobs}"
            answer = elastance(*QUICK, "--jobs", jobs, "--output", directory, "--format", suffix)
            assert answer.status == 0, answer.err
            tables.append((directory / f"results.{suffix}").read_bytes())
        assert tables[0] == tables[1] == tables[2]


def test_groups(elastance: Command, tmp_path: Path) -> None:
    rows = [f"synthetic-1,{10 * i},{10 * i + 25},squad,1" for i in range(12)]
    (tmp_path / "g.csv").write_text(
        "group,start_time,end_time,dataset,runtime_ratio\n" + "\n".join(rows) + "\n"
    )
    arguments = ("sweep", "groups", "--groups", tmp_path / "g.csv", "--gpus", "v100,a40", "--seeds", "0:2")
    tables = []
    for jobs in (1, 2):
        answer = elastance(*arguments, "--jobs", jobs, "--output", tmp_path / str(jobs))
        assert answer.status == 0, answer.err
        assert "groups: g.csv, model, sha256 " in answer.out, "made-up groups are called so"
        tables.append((tmp_path / str(jobs) / "results.csv").read_bytes())
    assert tables[0] == tables[1]
    assert len(tables[0].splitlines()) == 1 + 2 * 4 * 2 * 2


def test_a_failing_policy_is_named_and_the_rest_is_done(
    elastance: Command, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "failing.py").write_text(KILLING.format(signal="SIGKILL"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    arguments = (*QUICK, "--policies", "zeus,failing:Bug", "--output", "s")
    answer = elastance(*arguments)
    assert answer.status == 1
    line = next(line for line in answer.out.splitlines() if line.startswith("failed: squad"))
    assert "failing:Bug: policy failing:Bug: chose batch size 7, which is not on offer" in line
    assert len((tmp_path / "s" / "results.csv").read_text().splitlines()) == 1 + 4 * 3
    document = json.loads(elastance(*arguments, "--json").out)
    assert [of["seeds"] for of in document["failures"]] == [[0, 1, 2], [0, 1, 2]]
    assert document["failures"][0]["cell"]["policy"] == "failing:Bug"
    # A policy that was mended since is another one: what is stored is no longer its doing.
    (tmp_path / "failing.py").write_text(KILLING.format(signal="SIGKILL") + "# mended\n")
    assert "policy_code failing:Bug was " in elastance(*arguments).err


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_sweep_loses_nothing_and_repeats_nothing(tmp_path: Path, jobs: int) -> None:
    """The policy kills the whole process group, its parent and the other workers, in the middle of its work."""
    (tmp_path / "killing.py").write_text(KILLING.format(signal="SIGKILL"))
    arguments = ("sweep", "recurring", "--workloads", "sentiment140,cifar100,squad", "--seeds", "0:2")
    arguments += ("--policies", "zeus,killing:Killing", "--recurrences", "5", "--jobs", jobs, "--output")
    whole = run_apart(tmp_path, *arguments, "whole")
    assert whole.returncode == 0, whole.stderr
    (tmp_path / "armed").touch()
    killed = run_apart(tmp_path, *arguments, "killed")
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "armed").exists()
    journal = tmp_path / "killed" / "parts.jsonl"
    before = journal.read_bytes()
    finished = before[: before.rfind(b"\n") + 1]
    parts = 3 * 4 * 2
    count = finished.count(b"\n")
    assert 0 < count < parts
    resumed = run_apart(tmp_path, *arguments, "killed")
    assert resumed.returncode == 0, resumed.stderr
    assert f"{count} of {parts} parts" in resumed.stdout
    assert journal.read_bytes().startswith(finished)
    assert sorted(lines_of(journal)) == sorted(lines_of(tmp_path / "whole" / "parts.jsonl"))
    for name in ("results.csv", "sweep.json"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_a_sweep_that_is_killed_again_and_again_gets_there(tmp_path: Path) -> None:
    """Killed from outside, each time as soon as it has got anything done."""
    arguments = [*QUICK, "--gpus", "v100,a40", "--jobs", "2", "--output"]
    assert run_apart(tmp_path, *arguments, "whole").returncode == 0
    journal = tmp_path / "killed" / "parts.jsonl"
    kills = 0
    while True:
        before = journal.stat().st_size if journal.exists() else 0
        sweep = subprocess.Popen(
            [sys.executable, "-m", "elastance", *arguments, "killed"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        while sweep.poll() is None and (journal.stat().st_size if journal.exists() else 0) == before:
            with suppress(subprocess.TimeoutExpired):
                sweep.wait(0.01)
        if sweep.poll() is not None:
            assert sweep.returncode == 0
            break
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.wait()
        kills += 1
    assert kills
    assert sorted(lines_of(journal)) == sorted(lines_of(tmp_path / "whole" / "parts.jsonl"))
    assert (tmp_path / "killed" / "results.csv").read_bytes() == (
        tmp_path / "whole" / "results.csv"
    ).read_bytes()


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_says_how_to_go_on(tmp_path: Path, jobs: int) -> None:
    (tmp_path / "killing.py").write_text(KILLING.format(signal="SIGINT"))
    (tmp_path / "armed").touch()
    arguments = (
        *QUICK,
        "--policies",
        "zeus,killing:Killing",
        "--workloads",
        "sentiment140,squad",
        "--jobs",
        jobs,
    )
    answer = run_apart(tmp_path, *arguments, "--output", "s")
    assert answer.returncode == 130, answer.stderr
    done = len(lines_of(tmp_path / "s" / "parts.jsonl"))
    assert answer.stderr == (
        f"elastance: interrupted; {done} of 4 parts are kept in s: "
        "the same command, without --restart, goes on from there\n"
    )
    resumed = run_apart(tmp_path, *arguments, "--output", "s")
    assert resumed.returncode == 0, resumed.stderr
    assert f"{done} of 4 parts" in resumed.stdout or not done
    (tmp_path / "armed").touch()
    answer = run_apart(tmp_path, *arguments)
    assert answer.returncode == 130
    assert "with --output DIR a sweep can be resumed" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workloads", "sqad"), "did you mean squad"),
        (("--gpus", "h100"), "unknown GPU 'h100'"),
        (("--policies", "zeus,,grid"), "names separated by commas"),
        (("--eta", "0,x"), "--eta '0,x': expected numbers separated by commas"),
        (("--eta", "2"), "eta knob 2.0 is not in [0, 1]"),
        (("--beta", "1"), "beta knob 1.0 is not larger than 1"),
        (("--beta", "nan"), "beta knob nan"),
        (("--seeds", "5:5"), "empty range"),
        (("--engine", "dask"), "unknown engine 'dask'"),
        (("--format", "xlsx"), "unknown table format 'xlsx'"),
        (("--jobs", "0"), "at least one process"),
        (("--restart",), "--restart needs --output"),
        (("--traces", "nowhere"), "nowhere: no such directory"),
        (("--output", "nowhere/s"), "there is no directory nowhere"),
    ],
)
def test_bad_input_is_one_clear_line(
    refused: Command, arguments, message, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(*QUICK, *arguments).err
    assert list(tmp_path.iterdir()) == []


def test_groups_must_be_named(refused: Command) -> None:
    assert "--groups FILE,... is missing" in refused("sweep", "groups").err
    assert "none.csv: no such file" in refused("sweep", "groups", "--groups", "none.csv").err


@NEEDS_RAY
@pytest.mark.slow
def test_a_ray_cluster_gives_the_same_bytes(tmp_path: Path) -> None:
    """A real one, of two CPUs on this machine; the policy's module lies in the current directory."""
    (tmp_path / "own.py").write_text(KILLING.format(signal="SIGKILL"))
    arguments = (*QUICK, "--policies", "zeus,own:Killing,own:Bug", "--jobs", 2, "--json", "--output")
    on_ray = run_apart(tmp_path, *arguments, "ray", "--engine", "ray")
    in_processes = run_apart(tmp_path, *arguments, "processes")
    assert (on_ray.returncode, in_processes.returncode) == (1, 1), on_ray.stderr
    assert on_ray.stderr == ""
    ours, theirs = json.loads(on_ray.stdout), json.loads(in_processes.stdout)
    assert len(ours["failures"]) == 2
    assert {**ours, "table": None} == {**theirs, "table": None}
    for name in ("results.csv", "sweep.json"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "processes" / name).read_bytes()
    assert sorted(lines_of(tmp_path / "ray" / "parts.jsonl")) == sorted(
        lines_of(tmp_path / "processes" / "parts.jsonl")
    )


@NEEDS_RAY
@pytest.mark.slow
def test_what_ray_began_processes_finish(tmp_path: Path) -> None:
    """A worker on the cluster kills the driver."""
    (tmp_path / "killing.py").write_text(
        KILLING.format(signal="SIGKILL").replace(
            "os.killpg(os.getpgrp(), ", "os.kill(int(pathlib.Path('driver').read_text()), "
        )
    )
    (tmp_path / "driver_main.py").write_text(
        "import os, pathlib\n"
        "pathlib.Path('driver').write_text(str(os.getpid()))\n"
        "from elastance.cli.main import main\n"
        "main()\n"
    )
    arguments = [*map(str, QUICK), "--policies", "zeus,killing:Killing", "--workloads", "sentiment140,squad"]
    (tmp_path / "armed").touch()
    killed = subprocess.run(
        [sys.executable, "driver_main.py", *arguments, "--engine", "ray", "--output", "s"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = len(lines_of(tmp_path / "s" / "parts.jsonl"))
    assert done == 3
    resumed = run_apart(tmp_path, *arguments, "--output", "s")
    assert resumed.returncode == 0, resumed.stderr
    assert f"{done} of 4 parts" in resumed.stdout
    run_apart(tmp_path, *arguments, "--output", "whole")
    assert (tmp_path / "s" / "results.csv").read_bytes() == (tmp_path / "whole" / "results.csv").read_bytes()
