import json
import lzma
from pathlib import Path

import pytest

from made_up_alibaba import make_miniature


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return make_miniature().write(tmp_path / "tables")


def test_import_says_what_it_made_and_what_it_dropped(elastance, tables: Path, tmp_path: Path) -> None:
    target = tmp_path / "groups.csv.xz"
    answer = elastance("data", "import", "alibaba-2020", tables, "--output", target)
    assert answer.status == 0, answer.err
    for text in (
        f"wrote {target}: 18 groups, 107 rows",
        "of 323 jobs in the trace:",
        "18 dropped: alone in its group",
        "54 dropped: no start or no end time",
        "107 kept",
        "class centre",
        "on v100; facts: built-in models",
    ):
        assert text in answer.out
    workloads = ["movielens-1m", "cifar100", "squad", "sentiment140", "librispeech", "imagenet"]
    rows = [line.split()[0] for line in answer.out.splitlines() if line.split()[:1] and "%" in line]
    assert rows == workloads
    checked = elastance("data", "validate", target)
    assert "group trace, 107 rows, 18 groups, " in checked.out
    simulated = json.loads(elastance("simulate", "groups", "--groups", target, "--json").out)
    assert simulated["groups"]["provenance"] == "trace"
    assert simulated["groups"]["submissions"] == 107


def test_import_as_json(elastance, tables: Path, tmp_path: Path) -> None:
    command = ("data", "import", "alibaba-2020", tables, "--output", tmp_path / "g.csv", "--json")
    document = json.loads(elastance(*command, "--workloads", "squad,cifar100", "--gpu", "A40").out)
    assert document["jobs"] == 323
    assert sum(document["dropped"].values()) + document["rows"] == 323
    assert [of["workload"] for of in document["classes"]] == ["cifar100", "squad"]
    assert document["ordered_by"] == {"kind": "builtin", "path": "builtin_models.json", "gpu": "a40"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--output", "groups.zip"), "the name must end in .csv, .csv.gz, .csv.xz or .parquet"),
        (("--output", "no/such/groups.csv"), "there is no directory"),
        (("--output", "g.csv", "--workloads", "squat"), "did you mean squad"),
        (("--output", "g.csv", "--gpu", "h100"), "unknown GPU 'h100'"),
        (("--output", "g.csv", "--traces", "nowhere"), "no such directory"),
        ((), "Missing option '--output'"),
    ],
)
def test_import_refuses_nonsense(refused, tables: Path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tables.parent)
    assert message in refused("data", "import", "alibaba-2020", tables, *arguments).err
    assert [path.name for path in tables.parent.iterdir()] == ["tables"]


def test_import_of_broken_tables_is_one_line(refused, tables: Path, tmp_path: Path) -> None:
    job_table = tables / "pai_job_table.csv"
    (tables / "pai_job_table.csv.xz").write_bytes(lzma.compress(job_table.read_bytes())[:-50])
    job_table.unlink()
    command = ("data", "import", "alibaba-2020", tables, "--output", tmp_path / "g.csv")
    assert "pai_job_table.csv.xz: the compressed file is truncated" in refused(*command).err
    (tables / "pai_job_table.csv.xz").unlink()
    assert "no pai_job_table here" in refused(*command).err


def test_synthetic_groups_are_valid_reproducible_and_labelled(elastance, tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("same", 7), ("other", 8)):
        target = tmp_path / f"{name}_groups.csv.gz"
        command = ("data", "synthesize", "groups", "--output", target, "--seed", seed)
        answer = elastance(*command, "--groups", 12, "--rows", "5:9", "--mean-gap", "100")
        assert answer.status == 0, answer.err
        assert "12 synthetic groups" in answer.out
        assert "overlapping" in answer.out
    files = [(tmp_path / f"{name}_groups.csv.gz").read_bytes() for name in ("one", "same", "other")]
    assert files[0] == files[1]
    assert files[0] != files[2]
    checked = json.loads(elastance("data", "validate", tmp_path, "--json").out)
    assert checked["valid"]
    assert len(checked["files"]) == 3
    summary = checked["files"][0]["groups"]
    assert summary["synthetic"] is True
    assert summary["groups"] == 12
    assert "12 synthetic groups" in elastance("data", "validate", tmp_path / "one_groups.csv.gz").out


def test_synthetic_groups_report_what_the_simulator_counts(elastance, tmp_path: Path) -> None:
    target = tmp_path / "groups.csv"
    made = elastance(
        "data", "synthesize", "groups", "--output", target, "--groups", 6, "--rows", 15, "--json"
    )
    document = json.loads(made.out)
    assert document["synthetic"] is True
    assert document["rows"] == 90
    simulated = json.loads(
        elastance("simulate", "groups", "--groups", target, "--policy", "default", "--json").out
    )
    assert simulated["groups"]["provenance"] == "model"
    assert simulated["groups"]["sha256"] == document["sha256"]
    overlapping = sum(of["overlapping_rows"] for of in document["workloads"])
    assert simulated["groups"]["overlapping"] == overlapping > 0
    checked = json.loads(elastance("data", "validate", target, "--json").out)
    assert checked["files"][0]["groups"]["overlapping_rows"] == overlapping


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rows", "9:5"), "rows 9:5: expected a range such as 10:200"),
        (("--rows", "many"), "--rows 'many': expected a range such as 10:200 or a number such as 100"),
        (("--rows", "1:2:3"), "--rows '1:2:3'"),
        (("--mean-gap", "50;400"), "--mean-gap '50;400': expected seconds separated by commas"),
        (("--mean-gap", "-1"), "mean gap -1 s"),
        (("--groups", "0"), "0 groups"),
        (("--runtime-sigma", "9"), "run-time sigma 9"),
        (("--runtime-median", "0"), "median run time 0 s"),
        (("--seed", "-1"), "seed -1 is negative"),
        (("--workloads", "squad,,cifar100"), "--workloads 'squad,,cifar100'"),
        (("--output", "groups.json"), "the name must end in"),
    ],
)
def test_synthesize_groups_refuses_nonsense(refused, tmp_path, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(tmp_path)
    output = () if "--output" in arguments else ("--output", "groups.csv")
    assert message in refused("data", "synthesize", "groups", *output, *arguments).err
    assert list(tmp_path.iterdir()) == []


def test_validate_groups_that_are_cut_off_or_wrong(elastance, tmp_path: Path) -> None:
    target = tmp_path / "groups.csv.xz"
    elastance("data", "synthesize", "groups", "--output", target, "--groups", 3)
    target.write_bytes(target.read_bytes()[:-100])
    answer = elastance("data", "validate", target)
    assert answer.status == 2
    assert "the compressed file is truncated" in answer.out
    unsorted = tmp_path / "groups.csv"
    unsorted.write_text("group,start_time,end_time,dataset,runtime_ratio\na,9,10,squad,1\na,2,3,squad,1\n")
    answer = elastance("data", "validate", unsorted)
    assert answer.status == 2
    assert "row 3, column start_time, group a is not sorted" in answer.out
    assert "groups, " not in answer.out
