import json
import math
from pathlib import Path

import pytest

from cli.conftest import Command

HEADER = "group,start_time,end_time,dataset,runtime_ratio\n"


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    rows = [f"synthetic-1,{10 * i},{10 * i + 25},cifar100,{1 + i % 2}" for i in range(25)]
    rows += [f"b,{30 * i},{30 * i + 25},squad,1" for i in range(10)]
    path = tmp_path / "groups.csv"
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def test_the_table_names_workloads_baselines_and_sources(elastance: Command, groups: Path) -> None:
    answer = elastance("simulate", "groups", "--groups", groups, "--seeds", "0:2")
    assert answer.status == 0, answer.err
    assert answer.out.startswith("35 submissions in 2 groups on v100; 24 overlap another")
    assert f"synthetic groups in {groups}" in answer.out
    assert "built-in models" in answer.out
    lines = answer.out.splitlines()
    for name in ("cifar100", "squad", "all"):
        assert any(line.startswith(name) for line in lines), answer.out
    assert "energy/default" in answer.out
    assert "energy/grid" in answer.out


def test_json_and_history_agree(elastance: Command, groups: Path, tmp_path: Path) -> None:
    history = tmp_path / "runs.json"
    answer = elastance("simulate", "groups", "--groups", groups, "--json", "--history", history)
    assert answer.status == 0, answer.err
    document = json.loads(answer.out)
    assert document["groups"]["provenance"] == "model"
    assert [of["policy"] for of in document["policies"]] == ["zeus", "default", "grid", "oracle"]
    zeus = document["policies"][0]
    runs = json.loads(history.read_text())
    assert list(runs) == ["synthetic-1", "b"]
    assert zeus["total"]["energy_j"]["mean"] == pytest.approx(
        math.fsum(row[2] for rows in runs.values() for row in rows), rel=1e-14
    )
    assert zeus["total"]["runs"]["mean"] == sum(map(len, runs.values()))
    assert document["policies"][1]["total"]["energy_vs_default"] == {"mean": 1.0, "ci95": None}
    assert [of["workload"] for of in zeus["workloads"]] == ["cifar100", "squad"]


def test_the_number_of_jobs_changes_nothing(elastance: Command, groups: Path) -> None:
    one, two = (
        elastance(
            "simulate", "groups", "--groups", groups, "--policy", "zeus,grid", "--jobs", jobs, "--json"
        ).out
        for jobs in (1, 2)
    )
    assert one == two


def test_a_picture(elastance: Command, groups: Path, tmp_path: Path) -> None:
    picture = tmp_path / "groups.png"
    answer = elastance("simulate", "groups", "--groups", groups, "--plot", picture)
    assert answer.status == 0, answer.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert f"wrote {picture}" in answer.out


def test_the_recorded_groups_through_the_command(
    elastance: Command, reference: Path, public_traces: Path, tmp_path: Path
) -> None:
    history = tmp_path / "runs.json"
    answer = elastance(
        *("simulate", "groups", "--groups", reference / "groups.csv", "--policy", "zeus", "--compat"),
        *("--traces", public_traces, "--history", history),
    )
    assert answer.status == 0, answer.err
    recorded = json.loads((reference / "groups.json").read_text())["groups"]
    assert json.loads(history.read_text()) == {of["group"]: of["history"] for of in recorded}


def test_without_a_file(refused: Command) -> None:
    assert "data synthesize groups" in refused("simulate", "groups").err


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "no rows"),
        ("a,5,6,squad,1\na,4,6,squad,1\n", "row 3, column start_time: group a is not sorted"),
        ("a,5,4,squad,1\n", "row 2, column end_time: group a ends at 4.0 before it starts"),
        ("a,5,6,tweets,1\n", "row 2, column dataset: unknown dataset 'tweets'"),
        ("a,5,6,squad,1\na,6,", "the last line is truncated"),
    ],
)
def test_a_file_that_makes_no_sense(refused: Command, tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "groups.csv"
    path.write_text(HEADER + rows)
    assert message in refused("simulate", "groups", "--groups", path).err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gpu", "h100"), "h100"),
        (("--policy", "zeuss"), "zeuss"),
        (("--eta-knob", "2"), "eta"),
        (("--beta-knob", "1"), "beta"),
        (("--seeds", "1:1"), "empty range"),
        (("--jobs", "0"), "at least one process"),
        (("--plot", "groups.jpeg"), ".png"),
        (("--theme", "blue"), "blue"),
    ],
)
def test_options_that_make_no_sense(
    refused: Command, groups: Path, arguments: tuple[str, str], message: str
) -> None:
    assert message in refused("simulate", "groups", "--groups", groups, *arguments).err
