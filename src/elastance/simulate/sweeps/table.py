"""The one tidy table of a sweep, as CSV or Parquet: the same rows give the same bytes."""

from __future__ import annotations

import csv
import importlib.util
from enum import StrEnum
from typing import TYPE_CHECKING

from elastance.errors import MissingExtraError, UnknownNameError
from elastance.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from elastance.simulate.sweeps.cells import Row


class TableFormat(StrEnum):
    """How a table is written; the value is the suffix of its file."""

    CSV = "csv"
    """Text; an empty field where there is no value."""
    PARQUET = "parquet"
    """Typed columns; needs the extra ``parquet``."""


def find_format(name: str) -> TableFormat:
    """Return the format called `name`, if it can be written here.

    Raises:
        UnknownNameError: No such format.
        MissingExtraError: It needs an extra that is not installed.
    """
    if name not in set(TableFormat):
        raise UnknownNameError("table format", name, TableFormat)
    if name == TableFormat.PARQUET and importlib.util.find_spec("polars") is None:
        raise MissingExtraError("writing Parquet", "parquet")
    return TableFormat(name)


def write_table(
    path: Path, table_format: TableFormat, columns: Mapping[str, type], rows: Sequence[Row]
) -> None:
    """Write `rows` to `path`, whole or not at all.

    Raises:
        InputError: The file cannot be written.
    """
    with replacing(path) as temporary:
        if table_format is TableFormat.CSV:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(rows)
        else:
            import polars

            types = {int: polars.Int64, float: polars.Float64, str: polars.String}
            schema = {name: types[of] for name, of in columns.items()}
            polars.DataFrame(rows, schema=schema, orient="row").write_parquet(temporary)
