import csv
import json
from pathlib import Path

import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.figures.experiments.delivery import picture_suffix, write_result
from elastance.figures.experiments.experiment import Result
from elastance.figures.experiments.registry import find_experiments
from elastance.figures.experiments.setting import Setting
from elastance.traces import BuiltinSource

(TRADEOFF,) = find_experiments(["zeus/tradeoff"])


def computed() -> Result:
    assert TRADEOFF.compute is not None
    return TRADEOFF.compute(Setting(BuiltinSource()))


def test_the_data_are_the_rows_each_with_its_provenance(tmp_path: Path) -> None:
    result = computed()
    data, findings, picture = write_result(TRADEOFF, result, tmp_path)
    assert [path.name for path in (data, findings, picture)] == [
        "zeus-tradeoff.csv", "zeus-tradeoff.json", "zeus-tradeoff.png",
    ]  # fmt: skip
    with data.open(newline="") as lines:
        table = list(csv.DictReader(lines))
    assert len(table) == len(result.rows)
    for read, row in zip(table, result.rows, strict=True):
        assert float(read["energy_j"]) == row.energy_j
        assert read["pareto_optimal"] == str(row.pareto_optimal).lower()
        assert read["provenance"] == "model"


def test_the_findings_name_facts_baseline_and_seeds(tmp_path: Path) -> None:
    _, findings, _ = write_result(TRADEOFF, computed(), tmp_path)
    document = json.loads(findings.read_text())
    assert document["figure"] == "zeus/tradeoff"
    assert document["source"]["kind"] == "builtin"
    assert len(document["source"]["sha256"]) == 64
    assert document["held"] is True
    for finding in document["findings"]:
        assert finding["verdict"] == "not judged"
        assert "model" in finding["unjudged"]
        assert finding["baseline"].startswith("default: ")
        assert finding["seeds"] == "none (exact)"


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_same_result_gives_the_same_bytes(tmp_path: Path, suffix: str, theme: str) -> None:
    written = []
    for name in ("one", "two"):
        directory = tmp_path / name
        directory.mkdir()
        files = write_result(TRADEOFF, computed(), directory, suffix=suffix, theme=theme)
        written.append([path.read_bytes() for path in files])
    assert written[0] == written[1]


def test_nothing_is_written_for_a_theme_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="theme"):
        write_result(TRADEOFF, computed(), tmp_path, theme="beige")
    assert not list(tmp_path.iterdir())


def test_formats() -> None:
    assert picture_suffix("SVG") == ".svg"
    with pytest.raises(InputError, match="picture format 'jpg': known are png, svg, pdf"):
        picture_suffix("jpg")
