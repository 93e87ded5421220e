"""The numbers a figure must show on the public traces, as tables beside the figures' code."""

from __future__ import annotations

import csv
from importlib import resources


def expected_rows(package: str, table: str) -> list[dict[str, str]]:
    """Return the rows of ``expected/<table>.csv`` in `package`, column name to text."""
    file = resources.files(package) / "expected" / f"{table}.csv"
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
