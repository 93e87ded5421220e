"""Slices against the rule in plain words; and the files a user may bring."""

import csv
import gzip
import json
import lzma
import random
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError, TraceError
from elastance.traces.text import ColumnChoice, SliceSettings, slice_text

Row = tuple[datetime, str, str]


def tweets(count: int = 400, seed: int = 1, start: datetime = datetime(2009, 4, 28, 20)) -> list[Row]:
    """Rows in no order of time, with many equal times."""
    rng = random.Random(seed)
    return [
        (start + timedelta(hours=rng.randrange(24 * 9)), rng.choice("04"), f'row {index}, “ü” "q"\n/')
        for index in range(count)
    ]


def write_sentiment140(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="latin-1", newline="", errors="xmlcharrefreplace") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        for number, (time, label, text) in enumerate(rows):
            date = time.strftime("%a %b %d %H:%M:%S PDT %Y")
            writer.writerow([label, number, date, "NO_QUERY", "somebody", text])
    return path


def read_slice(directory: Path, number: int) -> tuple[list[dict], list[dict]]:
    train, validation = (
        [json.loads(line) for line in (directory / f"{number}_{part}.json").read_text("ascii").splitlines()]
        for part in ("train", "val")
    )
    return train, validation


def as_published(rows: list[Row], window: int) -> list[list[tuple[int, str]]]:
    """(label, text) of every slice, training first, by the published rule with a stable sort."""
    ordered = sorted(rows, key=lambda row: row[0])
    day, last, slices = datetime(2009, 5, 1), ordered[-1][0], []
    while day < last:
        first = next(index for index, row in enumerate(ordered) if row[0] >= day)
        taken = ordered[first : first + window]
        if len(taken) < window:
            break
        order = np.random.default_rng(42).permutation(window)
        slices.append([(int(taken[at][1]), taken[at][2]) for at in order])
        day += timedelta(days=1)
    return slices


def test_sentiment140_is_sliced_as_published(tmp_path: Path) -> None:
    rows = [(time, label, text.replace("“ü”", "ü")) for time, label, text in tweets()]
    path = write_sentiment140(tmp_path / "s.csv", rows)
    report = slice_text(path, tmp_path / "out", SliceSettings(window=100))
    expected = as_published(rows, 100)
    assert len(report.slices) == len(expected) > 3
    for number, pairs in enumerate(expected, start=1):
        train, validation = read_slice(tmp_path / "out", number)
        assert len(train) == 85
        assert [(row["label"], row["text"]) for row in (*train, *validation)] == pairs
        assert set(train[0]) == {"date", "text", "label"}
    first = report.slices[0]
    assert (report.layout, report.encoding, report.clock) == ("sentiment140", "latin-1", "UTC-07:00")
    assert first.first_time >= "2009-05-01"
    assert report.columns.dropped == ("id", "query", "user")
    assert sum(first.train_labels.values()) == 85
    assert (
        sum(row["label"] == 4 for row in read_slice(tmp_path / "out", 1)[1]) == first.validation_labels["4"]
    )


@given(
    st.lists(st.tuples(st.integers(0, 30), st.text(max_size=5)), min_size=1, max_size=40),
    st.integers(2, 12),
    st.sampled_from(["6h", "1d"]),
)
def test_a_slices_rows_are_exactly_those_of_its_window(tmp_path_factory, rows, window, stride) -> None:
    directory = tmp_path_factory.mktemp("slices")
    path = directory / "text.jsonl"
    records = [{"time": 3600 * hour, "text": text, "label": n} for n, (hour, text) in enumerate(rows)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    settings = SliceSettings(window=window, stride=stride, train_share=0.6)
    if len(rows) < window:
        with pytest.raises(InputError, match="fewer than one window"):
            slice_text(path, directory / "out", settings)
        return
    report = slice_text(path, directory / "out", settings)
    ordered = sorted(records, key=lambda record: record["time"])
    before: set[int] = set()
    for of in report.slices:
        train, validation = read_slice(directory / "out", of.number)
        numbers = [row["label"] for row in (*train, *validation)]
        expected = ordered[of.first_row : of.end_row]
        assert sorted(numbers) == sorted(record["label"] for record in expected)
        assert len(set(numbers)) == len(numbers) == window
        for row in (*train, *validation):
            assert row["text"] == records[row["label"]]["text"]
            assert row["date"] == 1000 * records[row["label"]]["time"]
        assert of.overlap == len(before.intersection(numbers)) / window
        before = set(numbers)


def test_the_same_rows_in_any_format_give_the_same_bytes(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    rows = tweets(60)
    columns = {
        "when": [time.isoformat() for time, _, _ in rows],
        "tweet": [text for _, _, text in rows],
        "stars": [int(label) for _, label, _ in rows],
        "by": ["x"] * len(rows),
    }
    frame = polars.DataFrame(columns)
    frame.write_csv(tmp_path / "a.csv")
    frame.write_csv(tmp_path / "a.tsv", separator="\t")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.with_columns(polars.col("when").str.to_datetime()).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    (tmp_path / "a.jsonl.xz").write_bytes(lzma.compress((tmp_path / "a.jsonl").read_bytes()))
    choice = ColumnChoice("when", "tweet", "stars", ("by",))
    cut = set()
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz", "a.jsonl.xz"):
        directory = tmp_path / f"of-{name}"
        slice_text(tmp_path / name, directory, SliceSettings(window=20, max_slices=2), columns=choice)
        cut.add(
            tuple((directory / f"{i}_{part}.json").read_bytes() for i in (1, 2) for part in ("train", "val"))
        )
    assert len(cut) == 1
    assert json.loads(cut.pop()[0].splitlines()[0])["by"] == "x"


def test_labels_of_a_csv_are_text_unless_all_are_whole_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for labels, expected in (
        (("1", "-2"), {1, -2}),
        (("1", "good"), {"1", "good"}),
        (("01", "2"), {"01", "2"}),
    ):
        path.write_text("date,text,label\n" + "".join(f"2009-05-01,t,{label}\n" for label in labels))
        slice_text(path, tmp_path / "out", SliceSettings(window=2, train_share=0.5))
        train, validation = read_slice(tmp_path / "out", 1)
        assert {row["label"] for row in (*train, *validation)} == expected


def test_rows_of_several_zones_are_put_on_one_clock(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "date,text,label\n2009-05-01T23:00:00-05:00,last,1\n2009-05-01T23:00:00+02:00,first,0\n2009-05-02T01:00:00+00:00,mid,0\n"
    )
    report = slice_text(path, tmp_path / "out", SliceSettings(window=3, train_share=0.5))
    train, validation = read_slice(tmp_path / "out", 1)
    assert report.clock == "UTC"
    assert [row["text"] for row in sorted((*train, *validation), key=lambda row: row["date"])] == [
        "first",
        "mid",
        "last",
    ]
    assert report.slices[0].first_time == "2009-05-01 21:00:00"


def test_a_later_run_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = write_sentiment140(tmp_path / "s.csv", tweets())
    out = tmp_path / "out"
    (tmp_path / "out").mkdir()
    (out / "notes.txt").write_text("mine")
    many = slice_text(path, out, SliceSettings(window=50))
    contents = {file.name: file.read_bytes() for file in out.iterdir()}
    few = slice_text(path, out, SliceSettings(window=50, max_slices=2))
    assert len(many.slices) > len(few.slices) == 2
    assert {file.name for file in out.iterdir()} == {
        "1_train.json", "1_val.json", "2_train.json", "2_val.json", "manifest.json", "notes.txt",
    }  # fmt: skip
    assert slice_text(path, out, SliceSettings(window=50)) == many
    assert {file.name: file.read_bytes() for file in out.iterdir()} == contents


def test_an_interruption_leaves_whole_files_and_no_manifest(tmp_path: Path) -> None:
    path = write_sentiment140(tmp_path / "s.csv", tweets())
    out, settings = tmp_path / "out", SliceSettings(window=50)
    slice_text(path, out, settings)
    whole = {file.name: file.read_bytes() for file in out.iterdir()}

    def interrupt(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("slicing", 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        slice_text(path, out, settings, on_progress=interrupt)
    left = {file.name: file.read_bytes() for file in out.iterdir()}
    assert left == {name: content for name, content in whole.items() if name != "manifest.json"}
    slice_text(path, out, settings)
    assert {file.name: file.read_bytes() for file in out.iterdir()} == whole


def test_a_manifest_about_something_else_is_left_alone(tmp_path: Path) -> None:
    path = write_sentiment140(tmp_path / "s.csv", tweets())
    (tmp_path / "manifest.json").write_text('{"synthetic": true}')
    with pytest.raises(InputError, match="is about something else than slices"):
        slice_text(path, tmp_path, SliceSettings(window=50))
    assert (tmp_path / "manifest.json").read_text() == '{"synthetic": true}'


def test_a_disk_without_room_is_known_beforehand(tmp_path: Path, monkeypatch) -> None:
    path = write_sentiment140(tmp_path / "s.csv", tweets())
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(InputError, match="slices take 0.0 GB, but 0.0 GB are free"):
        slice_text(path, tmp_path / "out", SliceSettings(window=50))
    assert list((tmp_path / "out").iterdir()) == []


HEAD = "date,text,label\n"
BAD = {
    "no time": ("a.csv", b"text,label\nhello,1\n", "no time column: none of text, label is called date"),
    "no label": ("a.jsonl", b'{"date": 1, "text": "x"}\n', "no label column"),
    "twice": ("a.csv", b"date,text,text,label\n", "row 1, column text: column stands twice"),
    "empty": ("a.csv", b"", "the file is empty"),
    "empty lines": ("a.jsonl", b"\n\n", "the file is empty"),
    "no rows": ("a.csv", HEAD.encode(), "the file has no rows"),
    "not a time": ("a.csv", (HEAD + "yesterday,x,1\n").encode(), "row 2, column date: 'yesterday', expected a time"),
    "empty time": ("a.csv", (HEAD + "2009-05-01,x,1\n,x,1\n").encode(), "row 3, column date: empty cell"),
    "mixed zones": (
        "a.csv",
        (HEAD + "2009-05-01T00:00Z,x,1\n2009-05-01,x,1\n").encode(),
        "row 3, column date: '2009-05-01', expected a time zone",
    ),
    "no text": ("a.jsonl", b'{"date": 1, "text": null, "label": 1}\n', "column text: empty cell, expected text"),
    "empty label": ("a.csv", (HEAD + "2009-05-01,x,\n").encode(), "column label: empty cell, expected a label"),
    "odd label": ("a.jsonl", b'{"date": 1, "text": "x", "label": [1]}\n', "[1], expected a label"),
    "nan label": ("a.jsonl", b'{"date": 1, "text": "x", "label": NaN}\n', "nan, expected a label"),
    "key missing": ("a.jsonl", b'{"date": 1, "text": "x", "label": 1}\n{"date": 1}\n', "row 2, column text: not in"),
    "not JSON": ("a.jsonl", b'{"date": 1, "text": "x", "label": 1}\n{"da', "row 2: not a JSON object on one line"),
    "a list": ("a.jsonl", b"[1]\n", "row 1: not a JSON object"),
    "cells": ("a.csv", (HEAD + "2009-05-01,x\n").encode(), "row 2: 2 cells where 3 are expected"),
    "open quote": ("a.csv", (HEAD + '2009-05-01,"x,1\n').encode(), "not a CSV file"),
    "encoding": ("a.csv", (HEAD + "2009-05-01,ü,1\n").encode("latin-1"), "not UTF-8 text; name its encoding"),
    "cut gz": ("a.csv.gz", gzip.compress(HEAD.encode() * 9)[:-12], "compressed file is truncated"),
    "cut xz": ("a.csv.xz", lzma.compress((HEAD + "2009-05-01,x,1\n" * 999).encode())[:-30], "truncated"),
    "no xz": ("a.csv.xz", b"date,text,label\n", "cannot be decompressed"),
    "no gz": ("a.csv.gz", b"date,text,label\n", "cannot be read: Not a gzipped file"),
    "parquet": ("a.parquet", b"PAR1 not", "not a readable Parquet file"),
    "suffix": ("a.txt", b"x", "cannot tell what it is from its name"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path: Path, case: str) -> None:
    name, content, message = BAD[case]
    if name.endswith(".parquet"):
        pytest.importorskip("polars")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        slice_text(tmp_path / name, tmp_path / "out", SliceSettings(window=2))
    assert message in str(error.value)
    assert name in str(error.value)
    assert not list((tmp_path / "out").glob("*"))


def test_too_many_labels_are_a_wrong_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "".join(f"2009-05-01,x,{number}\n" for number in range(10_001)))
    with pytest.raises(TraceError, match="more than 10000 different labels"):
        slice_text(path, tmp_path / "out", SliceSettings(window=2))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (ColumnChoice(time="dat"), "did you mean date"),
        (ColumnChoice(kept=("usr",)), "did you mean user"),
        (ColumnChoice(text="date"), "is to serve twice"),
        (ColumnChoice(text="user", kept=("text",)), "cannot be kept under its name"),
    ],
)
def test_columns_that_cannot_be_used(tmp_path: Path, choice: ColumnChoice, message: str) -> None:
    path = write_sentiment140(tmp_path / "s.csv", tweets(10))
    with pytest.raises(InputError, match=message):
        slice_text(path, tmp_path / "out", columns=choice)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SliceSettings(start="soon"), "start 'soon'"),
        (SliceSettings(start="2009-05-01T00:00Z"), "on the text's own clock"),
        (SliceSettings(stride="1y"), "stride '1y'"),
        (SliceSettings(window=0), "window of 0 rows"),
        (SliceSettings(max_slices=0), "at most 0"),
        (SliceSettings(start="2011-01-01", window=2), "0 rows from 2011-01-01 00:00:00 on"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, settings: SliceSettings, message: str) -> None:
    path = write_sentiment140(tmp_path / "s.csv", tweets(10))
    with pytest.raises(InputError, match=message):
        slice_text(path, tmp_path / "out", settings)
