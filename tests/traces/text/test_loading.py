import json
import sys
from pathlib import Path

import pytest

from elastance.errors import InputError
from elastance.traces.text import ColumnChoice, SliceSettings, load_slice, slice_text


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    rows = [
        f"2009-05-0{1 + n // 9} 0{n % 9}:00:00,2009-05-01 00:00:0{n % 9},{n % 2},u{n}\n" for n in range(30)
    ]
    path.write_text("date,text,label,user\n" + "".join(rows))
    slice_text(path, tmp_path / "slices", SliceSettings(window=12, train_share=0.75))
    return tmp_path / "slices"


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("datasets")


@pytest.mark.usefixtures("_offline")
def test_the_hugging_face_library_reads_the_slices(slices: Path, tmp_path: Path) -> None:
    loaded = load_slice(slices, 2, cache_directory=tmp_path / "cache")
    assert {name: len(part) for name, part in loaded.items()} == {"train": 9, "validation": 3}
    for name, file in (("train", "2_train.json"), ("validation", "2_val.json")):
        assert list(loaded[name]) == [json.loads(line) for line in (slices / file).read_text().splitlines()]


@pytest.mark.usefixtures("_offline")
def test_kept_columns_are_loaded_too(slices: Path, tmp_path: Path) -> None:
    settings = SliceSettings(window=12, train_share=0.75)
    slice_text(tmp_path / "a.csv", slices, settings, columns=ColumnChoice(kept=("user",)))
    assert load_slice(slices, 1, cache_directory=tmp_path / "cache")["train"][0]["user"].startswith("u")


@pytest.mark.usefixtures("_offline")
def test_what_cannot_be_loaded(slices: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has slices 1 to 3"):
        load_slice(slices, 4)
    (slices / "2_val.json").unlink()
    with pytest.raises(InputError, match="the slice is missing"):
        load_slice(slices, 2)
    with pytest.raises(InputError, match=r"no \(or unfinished\) slices"):
        load_slice(tmp_path, 1)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="not a readable manifest"):
        load_slice(tmp_path, 1)


def test_without_the_library(slices: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match=r"pip install 'elastance\[text\]'"):
        load_slice(slices, 1)
