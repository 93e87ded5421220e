import json
from pathlib import Path

import pytest


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Two rows an hour from the first to the sixth of May, but none on the fourth."""
    path = tmp_path / "text.csv"
    days = (1, 2, 3, 5, 6)
    rows = [
        f"2009-05-0{day} {hour:02}:30,said,{half},x\n"
        for day in days
        for hour in range(24)
        for half in (0, 1)
    ]
    path.write_text("date,text,label,user\n" + "".join(rows))
    return path


def test_the_slices_and_their_statistics(elastance, text: Path, tmp_path: Path) -> None:
    arguments = ("data", "capriccio", "--input", text, "--output", tmp_path / "out", "--window", 60)
    answer = elastance(*arguments)
    assert answer.status == 0, answer.err
    assert "csv, 240 rows" in answer.out
    assert "dropped: user" in answer.out
    assert "2009-05-02 00:30:00  2009-05-03 05:30:00     51           9   50.0 %   50.0 %" in answer.out
    assert "1 slice(s) equal the one before, as their day has no rows: 5" in answer.out
    assert "wrote 5 slices" in answer.out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert json.loads(elastance(*arguments, "--json").out) == manifest
    assert [of["overlap"] for of in manifest["slices"]] == [0.0, 0.2, 0.2, 0.2, 1.0]
    assert [of["equals_previous"] for of in manifest["slices"]] == [False] * 4 + [True]
    assert manifest["settings"]["window"] == 60
    assert len(manifest["sha256"]) == 64


def test_columns_can_be_named_and_kept(elastance, text: Path, tmp_path: Path) -> None:
    columns = ("--label-column", "user", "--keep-columns", "label")
    where = ("--input", text, "--output", tmp_path / "out", "--window", 60)
    assert "cannot be kept under its name" in elastance("data", "capriccio", *where, *columns).err
    text.write_text(text.read_text().replace("label", "stars"))
    columns = ("--label-column", "user", "--keep-columns", "stars")
    assert elastance("data", "capriccio", *where, *columns).status == 0
    row = json.loads((tmp_path / "out" / "1_train.json").read_text().splitlines()[0])
    assert row == {"date": row["date"], "text": "said", "stars": row["stars"], "label": "x"}


def test_bad_input_is_one_line(refused, text: Path, tmp_path: Path) -> None:
    def said(*arguments: object) -> str:
        return refused("data", "capriccio", "--output", tmp_path / "out", *arguments).err

    assert "no such file" in said("--input", tmp_path / "none.csv")
    assert "240 rows are fewer than one window of 500000" in said("--input", text)
    assert "did you mean date" in said("--input", text, "--time-column", "dates")
    assert "--keep-columns 'a,,b': expected names" in said("--input", text, "--keep-columns", "a,,b")
    assert "unknown encoding 'utf-9'" in said("--input", text, "--encoding", "utf-9")
    text.write_text(text.read_text().replace("date", "when it was"))
    assert "no time column" in said("--input", text)
    (tmp_path / "file").write_text("")
    assert (
        "cannot be written to"
        in refused(
            "data",
            "capriccio",
            "--input",
            text,
            "--output",
            tmp_path / "file",
            "--time-column",
            "when it was",
        ).err
    )
