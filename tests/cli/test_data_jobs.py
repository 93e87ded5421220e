import json
import lzma
from pathlib import Path

import pytest

from cli.conftest import Command
from made_up_job_logs import LOGS, PHILLY, THROUGHPUTS

CLUSTER = ("--cluster", "v100=16,p100=8,t4=8")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name, text in LOGS.items():
        (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "throughputs.csv").write_text(THROUGHPUTS)
    return tmp_path


@pytest.mark.parametrize("name", ["philly", "helios", "tiresias", "openb", "sia"])
def test_an_imported_log_is_valid_and_can_be_simulated(elastance: Command, logs: Path, name: str) -> None:
    jobs = logs / "jobs.csv"
    answer = elastance("data", "import", name, logs / name, "--output", jobs)
    assert answer.status == 0, answer.err
    for words in (f"wrote {jobs}", f"rows in {name}:", "what was assumed:", "facts: built-in step times"):
        assert words in answer.out
    assert "0 error(s)" in elastance("data", "validate", jobs, "--strict").out
    answer = elastance("simulate", "cluster", jobs, *CLUSTER, "--policy", "fifo-backfill", "--json")
    assert answer.status == 0, answer.err
    workload = json.loads(answer.out)["workload"]
    assert workload["provenance"] == "trace"
    assert workload["irregularities"][0] == f"made by elastance data import {name} of {name}"


def test_gavel_with_its_own_step_times(elastance: Command, logs: Path) -> None:
    answer = elastance(
        "data", "import", "gavel-throughputs", logs / "throughputs.csv", "--output", logs / "step_times.json"
    )
    assert answer.status == 0, answer.err
    for words in ("3 job types on k80, v100", "1 unconsolidated, 1 not measured", "80.0 % on 2"):
        assert words in answer.out
    jobs = logs / "jobs.csv"
    answer = elastance(
        *(
            "data",
            "import",
            "gavel",
            logs / "gavel",
            "--traces",
            logs,
            "--output",
            jobs,
            "--jobs",
            2,
            "--json",
        )
    )
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert found["dropped"] == {"no_run_time": 1, "not_picked": 1}
    assert found["gpu_hours"] == pytest.approx((1000 / 10 + 30000 / 50) / 3600)
    answer = elastance("simulate", "cluster", jobs, "--traces", logs, "--cluster", "k80=2,v100=2", "--json")
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["power"]["busy_w"]["k80"] == 150.0


def test_options_choose_the_jobs(elastance: Command, logs: Path) -> None:
    def jobs(*options: object) -> list[str]:
        target = logs / "jobs.csv"
        answer = elastance("data", "import", "philly", logs / "philly", "--output", target, *options)
        assert answer.status == 0, answer.err
        return [line.split(",")[0] for line in target.read_text().splitlines()[1:]]

    assert jobs() == ["philly-3", "philly-2", "philly-4", "philly-7"]
    assert jobs("--from", 0.5, "--to", 2) == ["philly-4"]
    assert jobs("--max-workers", 3) == ["philly-3", "philly-2"]
    assert jobs("--max-workers", 3, "--larger", "cap") == jobs()
    assert jobs("--jobs", 1) == ["philly-3"]
    samples = {tuple(jobs("--jobs", 2, "--pick", "random", "--seed", seed)) for seed in range(5)}
    assert len(samples) > 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("philly", "--output", "jobs.zip"), "the name must end in .csv"),
        (("philly", "--output", "no/jobs.csv"), "there is no directory"),
        (("philly", "--preferred", "h100"), "unknown GPU of application"),
        (("philly", "--from", "-1"), "window from day -1"),
        (("philly", "--from", "99"), "no job is left: of 6 rows"),
        (("philly", "--scale-time", "nan"), "times scaled by nan"),
        (("philly", "--traces", "nowhere"), "step_times.json: no such file"),
        (("sia", "--gpu-hours", "huge=1"), "GPU hours 'huge=1'"),
        (("gavel",), "gavel, row 1: unknown application 'ResNet-18 (batch size 64)'"),
        (("sia", "--seed", "-3"), "seed -3 is negative"),
    ],
)
def test_options_that_make_no_sense(
    refused: Command, logs: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(logs)
    name, *options = arguments
    output = () if "--output" in options else ("--output", "jobs.csv")
    assert message in refused("data", "import", name, name, *output, *options).err
    assert not (logs / "jobs.csv").exists()


def test_files_that_make_no_sense(refused: Command, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv.xz"
    command = ("data", "import", "philly", path, "--output", tmp_path / "out.csv")
    assert "no such file" in refused(*command).err
    path.write_bytes(lzma.compress(PHILLY.encode())[:-20])
    assert "the compressed file is truncated" in refused(*command).err
    path.write_bytes(lzma.compress(PHILLY.replace("duration", "took").encode()))
    assert "row 1, column duration: column missing" in refused(*command).err
    path.write_bytes(lzma.compress(PHILLY.replace("7200.0,2", "7200.0").encode()))
    assert "row 3: 4 cells where the header has 5" in refused(*command).err


@pytest.fixture
def clusters(public_traces: Path) -> Path:
    directory = public_traces.parent / "clusters"
    if not (directory / "README.md").exists():
        pytest.skip("the public cluster traces are not here (clusters beside the public traces)")
    return directory


@pytest.mark.parametrize(
    ("name", "file", "jobs", "dropped"),
    [
        ("sia", "sia/philly-1.csv", 160, {}),
        ("openb", "openb/pods.csv", 6203, {"no_gpu": 1088, "never_ran": 861}),
        ("tiresias", "tiresias/60_job.csv", 60, {}),
        pytest.param("philly", "philly/jobs.csv.xz", 82247, {}, marks=pytest.mark.slow),
    ],
)
def test_the_published_files(
    elastance: Command,
    clusters: Path,
    tmp_path: Path,
    name: str,
    file: str,
    jobs: int,
    dropped: dict[str, int],
) -> None:
    command = ("data", "import", name, clusters / file, "--output", tmp_path / "jobs.csv", "--json")
    found = json.loads(elastance(*command).out)
    assert (found["jobs"], found["dropped"]) == (jobs, dropped)


def test_the_sixty_jobs_of_tiresias(elastance: Command, clusters: Path, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    elastance("data", "import", "tiresias", clusters / "tiresias" / "60_job.csv", "--output", path)
    command = ("simulate", "cluster", path, "--cluster", "v100=8", "--policy", "fifo,tiresias", "--json")
    found = {of["policy"]: of for of in json.loads(elastance(*command).out)["policies"]}
    work_h = sum(
        int(row.split(",")[1]) * float(row.split(",")[5])
        for row in (clusters / "tiresias" / "60_job.csv").read_text().splitlines()[1:]
    ) / 3600.0  # fmt: skip
    for of in found.values():
        assert of["useful_gpu_hours"] == pytest.approx(work_h)
    assert found["tiresias"]["jct_s"]["mean"] < found["fifo"]["jct_s"]["mean"]


def test_the_published_gavel_files(elastance: Command, clusters: Path, tmp_path: Path) -> None:
    throughputs = clusters / "gavel" / "throughputs.csv"
    elastance("data", "import", "gavel-throughputs", throughputs, "--output", tmp_path / "step_times.json")
    for trace, jobs in (("small_test", 20), ("minimize_makespan", 100), ("max_min_fairness", 96)):
        path = clusters / "gavel" / "traces" / f"{trace}.trace"
        target = tmp_path / f"{trace}.csv"
        answer = elastance(
            "data", "import", "gavel", path, "--traces", tmp_path, "--output", target, "--json"
        )
        assert answer.status == 0, answer.err
        assert json.loads(answer.out)["jobs"] == jobs
