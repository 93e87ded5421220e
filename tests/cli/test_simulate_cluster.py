import csv
import json
import lzma
from pathlib import Path

import pytest

from cli.conftest import Command

JOBS = "\n".join(
    [
        "name,submit_s,application,logical_workers,batch_size,samples,may_mix_types,preferred_gpu",
        "synthetic-a,0,bert,4,8,8000,yes,v100",
        "synthetic-b,30,resnet50,2,64,20000,no,p100",
        "synthetic-c,60,ncf,2,1024,900000,yes,t4",
        "",
    ]
)


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.csv"
    path.write_text(JOBS)
    return path


def test_the_table_says_what_was_simulated_and_from_which_facts(elastance: Command, jobs: Path) -> None:
    answer = elastance("simulate", "cluster", jobs, "--cluster", "v100=4,p100=4,t4=2", "--seeds", "0:3")
    assert answer.status == 0, answer.err
    assert answer.out.startswith("3 jobs on 4 V100, 4 P100, 2 T4")
    for words in ("synthetic jobs in", "built-in step times", "within 8.1 %", "power: assumed", "±"):
        assert words in answer.out
    for name in ("fifo-backfill", "easyscale-homo", "easyscale-heter"):
        assert any(line.startswith(name) for line in answer.out.splitlines())


def test_json_has_the_documented_keys(elastance: Command, jobs: Path) -> None:
    answer = elastance("simulate", "cluster", jobs, "--policy", "fifo,srtf", "--json")
    assert answer.status == 0, answer.err
    document = json.loads(answer.out)
    assert [of["policy"] for of in document["policies"]] == ["fifo", "srtf"]
    for of in document["policies"]:
        assert of.keys() >= {
            "jct_s", "makespan_s", "queue_s", "utilization", "allocated_gpu_hours", "useful_gpu_hours", "restarts",
            "energy_j", "idle_energy_j", "energy_per_job_j", "fairness", "peak_power_w", "simulation_s",
        }  # fmt: skip
        assert of["jct_s"].keys() == {"mean", "p50", "p99"}
        assert of["fairness"].keys() == {"p50", "p95"}
        assert of["energy_per_job_j"] == pytest.approx(of["energy_j"] / 3)
    assert document["power"]["provenance"] == "model"


def test_records_and_pictures(elastance: Command, jobs: Path, tmp_path: Path) -> None:
    records, pictures = tmp_path / "records", tmp_path / "pictures"
    answer = elastance(
        *("simulate", "cluster", jobs, "--policy", "easyscale-heter", "--json"),
        *("--output", records, "--plot", pictures, "--theme", "dark"),
    )
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)["policies"][0]
    for name in ("comparison.png", "allocation.png", "gantt.png"):
        assert (pictures / name).read_bytes().startswith(b"\x89PNG")
    assert json.loads((records / "cluster.json").read_text())["policies"][0] == found
    with (records / "timeline.csv").open() as file:
        energy_j = sum(
            (float(row["end_s"]) - float(row["start_s"])) * float(row["power_w"])
            for row in csv.DictReader(file)
        )
    assert energy_j == pytest.approx(found["energy_j"])
    with (records / "jobs.csv").open() as file:
        ends = [float(row["end_s"]) for row in csv.DictReader(file)]
    assert max(ends) == found["makespan_s"]
    with (records / "phases.csv").open() as file:
        assert sum(float(row["steps"]) for row in csv.DictReader(file)) == pytest.approx(
            8000 / 32 + 20000 / 128 + 900000 / 2048
        )


def test_the_published_workload_through_the_command(elastance: Command, easyscale: Path) -> None:
    answer = elastance(
        *("simulate", "cluster", easyscale / "workload.csv", "--traces", easyscale, "--compat"),
        *("--policy", "yarn-cs,easyscale-homo"),
    )
    assert answer.status == 0, answer.err
    for words in ("68 rows have 62 names", "replaying the published simulator", "3.71 h", "48.4"):
        assert words in answer.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cluster", "v100=4,p100=4,h100=8"), "unknown GPU type 'h100'"),
        (("--cluster", "v100=four"), "expected types and counts such as v100=32,p100=16,t4=16"),
        (("--cluster", "v100=2,p100=2,t4=2", "--policy", "fifo"), "synthetic-a is larger than the cluster"),
        (("--cluster", "v100=2"), "synthetic-b is written for p100, of which the cluster has none"),
        (("--policy", "fifos"), "unknown cluster policy 'fifos': did you mean fifo"),
        (("--policy", "srtf", "--compat"), "unknown policy of the published simulator 'srtf'"),
        (("--interval", "-5"), "interval -5 s"),
        (("--seeds", "3:3"), "empty range"),
        (("--traces", "nowhere"), "step_times.json: no such file"),
        (("--output", "no/where"), "there is no directory no"),
        (("--theme", "blue"), "unknown theme 'blue'"),
    ],
)
def test_options_that_make_no_sense(
    refused: Command, jobs: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused("simulate", "cluster", jobs, *arguments).err


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("a,0,", "a,-1,", "row 2, column submit_s: -1 is negative"),
        ("bert", "birt", "unknown application 'birt': did you mean bert"),
        ("yes,t4", "maybe,t4", "row 4, column may_mix_types: 'maybe', expected yes or no"),
        ("yes,t4\n", "yes,t4", "the last line has no line end"),
    ],
)
def test_a_workload_that_makes_no_sense(
    refused: Command, tmp_path: Path, before: str, after: str, message: str
) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(JOBS.replace(before, after))
    assert message in refused("simulate", "cluster", path).err


def test_a_job_that_cannot_run_is_named_with_its_row(refused: Command, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(JOBS.replace(",t4\n", ",h100\n"))
    message = "row 4: job synthetic-c is written for h100, of which the cluster has none"
    assert message in refused("simulate", "cluster", path).err
    path.write_text(JOBS.replace("bert", "birt"))
    assert "row 2: unknown application 'birt'" in refused("simulate", "cluster", path).err
    path.write_text(JOBS)
    command = ("simulate", "cluster", path, "--cluster", "v100=4,p100=1,t4=2")
    assert "row 3: job synthetic-b is larger than the cluster" in refused(*command, "--policy", "fifo").err
    path.write_text(JOBS.replace(",2,64,20000,", ",2,64,-20000,"))
    assert "row 3, column samples: '-20000', expected a positive" in refused("simulate", "cluster", path).err
    path.write_text(JOBS.replace("samples", "sample"))
    assert "samples" in refused("simulate", "cluster", path).err
    packed = tmp_path / "jobs.csv.xz"
    packed.write_bytes(lzma.compress(JOBS.encode())[:-20])
    assert "the compressed file is truncated" in refused("simulate", "cluster", packed).err


def test_a_file_that_is_not_there_and_a_folder_that_is_a_file(refused: Command, jobs: Path) -> None:
    assert "no such file" in refused("simulate", "cluster", "none.csv").err
    assert "is a file, a folder is needed" in refused("simulate", "cluster", jobs, "--plot", jobs).err


def test_a_power_cap_is_kept_by_the_policy_that_knows_of_it(elastance: Command, jobs: Path) -> None:
    command = (
        "simulate",
        "cluster",
        jobs,
        "--policy",
        "easyscale-heter,energy-elastic",
        "--power-cap",
        "3.2kW",
    )
    answer = elastance(*command, "--json")
    assert answer.status == 0, answer.err
    document = json.loads(answer.out)
    assert document["power_cap"] == {"time_s": [0.0], "power_w": [3200.0]}
    ignoring, keeping = document["policies"]
    assert ignoring["over_cap_s"] > 0.0
    assert keeping["over_cap_s"] == 0.0
    assert keeping["peak_power_w"] <= 3200.0 < ignoring["peak_power_w"]
    header = next(line for line in elastance(*command).out.splitlines() if line.startswith("policy"))
    assert header.split()[-3:] == ["peak", "over", "cap"]


def test_the_eta_knob_trades_time_for_energy(elastance: Command, jobs: Path) -> None:
    def beyond_idling_j(eta: str) -> float:
        command = ("simulate", "cluster", jobs, "--policy", "energy-elastic", "--eta-knob", eta, "--json")
        found = json.loads(elastance(*command).out)["policies"][0]
        return found["energy_j"] - 1920.0 * found["makespan_s"]

    assert beyond_idling_j("0.8") < 0.9 * beyond_idling_j("0.2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--power-cap", "1kW"), "below the 1920 W that the GPUs of the cluster draw while they wait"),
        (("--power-cap", "1930W"), "job synthetic-a could never run, which takes 1970 W"),
        (("--power-cap", "12 horses"), "expected a power such as 12kW"),
        (("--power-cap", "9kW", "--policy", "fifo,srtf"), "none of fifo, srtf keeps one; energy-elastic does"),
        (("--power-cap", "9kW", "--compat"), "keeps one"),
        (("--eta-knob", "0.5", "--policy", "fifo"), "none of fifo has one"),
        (("--eta-knob", "1.5",), "eta knob 1.5 is not between 0"),
    ],
)  # fmt: skip
def test_caps_and_knobs_that_make_no_sense(
    elastance: Command, jobs: Path, options: tuple[str, ...], message: str
) -> None:
    answer = elastance("simulate", "cluster", jobs, *options)
    assert answer.status == 2
    assert message in " ".join(answer.err.split())
