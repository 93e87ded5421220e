"""What an experiment leaves behind: its data, its findings and its picture."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError
from elastance.figures.experiments.canvas import draw_experiment
from elastance.figures.experiments.finding import Verdict
from elastance.figures.style import SUFFIXES, check_picture_path, find_theme, save_figure
from elastance.files import check_writable, replacing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elastance.figures.experiments.experiment import Experiment, Result


def result_paths(experiment: Experiment, directory: Path, suffix: str) -> tuple[Path, Path, Path]:
    """Return where the data (CSV), the findings (JSON) and the picture of `experiment` go.

    Raises:
        InputError: They cannot be written there.
    """
    data, findings, picture = (directory / (experiment.stem + end) for end in (".csv", ".json", suffix))
    check_writable(data)
    check_writable(findings)
    check_picture_path(picture)
    return data, findings, picture


def picture_suffix(form: str) -> str:
    """Return the file name ending of a picture format.

    Raises:
        InputError: There is no such format.
    """
    suffix = f".{form.lower()}"
    if suffix not in SUFFIXES:
        known = ", ".join(known.removeprefix(".") for known in SUFFIXES)
        raise InputError(f"picture format {form!r}: known are {known}")
    return suffix


def write_result(
    experiment: Experiment,
    result: Result[Any],
    directory: Path,
    *,
    suffix: str = ".png",
    theme: str = "light",
) -> tuple[Path, Path, Path]:
    """Write data, findings and picture; same result, same bytes.

    Returns:
        The three files.

    Raises:
        InputError: There is no such theme or format, or a file cannot be written.
    """
    find_theme(theme)
    data, findings, picture = result_paths(experiment, directory, suffix)
    _write_rows(data, result)
    with replacing(findings) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        json.dump(result_document(experiment, result), file, indent=2, allow_nan=False)
        file.write("\n")
    save_figure(draw_experiment(experiment, result, theme=theme), picture)
    return data, findings, picture


def result_document(experiment: Experiment, result: Result[Any]) -> dict[str, Any]:
    """Return the findings of `result`, and where its facts came from, as plain values."""
    return {
        "figure": experiment.name,
        "paper": experiment.paper,
        "title": experiment.title,
        "kind": experiment.kind.value,
        "settings": result.settings,
        "notes": list(result.notes),
        "provenance": result.provenance.value,
        "source": result.source.to_json(),
        "held": not any(finding.verdict is Verdict.FAILED for finding in result.findings),
        "findings": [finding.to_json() for finding in result.findings],
    }


def _write_rows(path: Path, result: Result[Any]) -> None:
    """Write one line per row; the last column says where its numbers come from, unless rows say so themselves."""
    rows: Sequence[Any] = result.rows
    own = "provenance" in rows[0]._fields
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        provenance = () if own else (result.provenance.value,)
        writer.writerow([*rows[0]._fields, *(() if own else ("provenance",))])
        writer.writerows([*map(_cell, row), *provenance] for row in rows)


def _cell(value: object) -> object:
    """Truth values as in JSON."""
    return str(value).lower() if isinstance(value, bool) else value
