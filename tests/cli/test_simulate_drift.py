import json
from pathlib import Path

import pytest


@pytest.fixture
def drift(elastance, tmp_path: Path) -> Path:
    path = tmp_path / "drift.csv"
    answer = elastance("data", "synthesize", "drift", "--output", path, "--slices", 20, "--seed", 3)
    assert answer.status == 0, answer.err
    assert answer.out == f"wrote {path}\nwrote {path}.manifest.json\n"
    return path


def test_a_synthetic_drift_from_making_it_to_its_result(elastance, drift: Path, tmp_path: Path) -> None:
    assert "drift trace, 1600 rows, 0 error(s), 0 warning(s)" in elastance("data", "validate", drift).out
    answer = elastance("simulate", "recurring", "--drift", drift, "--seeds", "0:3")
    assert answer.status == 0, answer.err
    for text in (
        "sentiment140, bert_base_uncased",
        "20 recurrences, 3 seed(s), eta 0.5, early stopping at beta 2, window 10",
        "epochs: synthetic drift over 20 slices",
        "oracle: the best configuration of each slice; its batch size: ",
        "The drift is SYNTHETIC",
        "in costs of the mean oracle recurrence",
        "zeus ends at batch size",
    ):
        assert text in answer.out, text
    plain = elastance("simulate", "recurring", "--recurrences", 3).out
    assert "drift" not in plain.lower()
    assert "window" not in plain


def test_the_document_says_what_was_used(elastance, drift: Path, tmp_path: Path) -> None:
    history = tmp_path / "history.json"
    arguments = (
        "simulate",
        "recurring",
        "--drift",
        drift,
        "--json",
        "--policy",
        "zeus",
        "--history",
        history,
    )
    document = json.loads(elastance(*arguments).out)
    assert (document["window_size"], document["recurrences"]) == (10, 20)
    assert document["drift"]["synthetic"] is True
    assert document["drift"]["provenance"] == "model"
    assert len(document["drift"]["sha256"]) == 64
    assert len(json.loads(history.read_text())[0]["history"]) >= 20
    other = json.loads(elastance(*arguments, "--window-size", 0, "--recurrences", 30).out)
    assert (other["window_size"], other["recurrences"]) == (0, 30)
    assert json.loads(elastance("simulate", "recurring", "--json", "--recurrences", 2).out)["drift"] is None


def test_the_time_and_power_of_a_directory_without_a_train_trace(
    elastance, drift: Path, tmp_path: Path
) -> None:
    assert elastance("data", "synthesize", "traces", "--output", tmp_path / "t").status == 0
    (tmp_path / "t" / "summary_train.csv").unlink()
    answer = elastance(
        "simulate", "recurring", "--drift", drift, "--traces", tmp_path / "t", "--json", "--gpu", "a40"
    )
    assert answer.status == 0, answer.err
    assert list(json.loads(answer.out)["source"]["files"]) == ["summary_power_a40.csv"]


def test_bad_input_is_one_line(refused, drift: Path, tmp_path: Path) -> None:
    def said(*arguments: object) -> str:
        return refused("simulate", "recurring", *arguments).err

    assert "no such file" in said("--drift", tmp_path / "none.csv")
    assert "give up --compat or --drift" in said("--drift", drift, "--compat")
    assert "give up --plot or --drift" in said("--drift", drift, "--plot", tmp_path / "x.png")
    assert "slice 1 of" in said("--drift", drift, "--workload", "squad")
    assert "there are 0.84" in said("--drift", drift, "--target-metric", "0.85")
    assert "window size 1" in said("--drift", drift, "--window-size", "1")
    lines = drift.read_text().splitlines()
    drift.write_text("\n".join(line for line in lines if ",4,synthetic" not in line) + "\n")
    assert "slice 4 is missing" in said("--drift", drift)
    drift.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:-12])
    assert "row 1601" in said("--drift", drift)


def test_nonsense_is_not_synthesized(refused, tmp_path: Path) -> None:
    for arguments, message in (
        (("--slices", "0"), "slices 0 is below 1"),
        (("--contrast", "0"), "contrast 0.0"),
        (("--workload", "sentiment14"), "did you mean sentiment140"),
        (("--output", tmp_path / "x.parquet"), "ends in .csv"),
        (("--output", tmp_path / "none" / "x.csv"), "there is no directory"),
    ):
        given = ("--output", tmp_path / "x.csv", *arguments)
        assert message in refused("data", "synthesize", "drift", *given).err
    assert list(tmp_path.iterdir()) == []
