"""Run a sweep to its end, from wherever it was left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from elastance.simulate.engines import Engine, distributed, find_engine
from elastance.simulate.processes import check_jobs
from elastance.simulate.sweeps.cells import Cell
from elastance.simulate.sweeps.store import SweepStore, opened_store
from elastance.simulate.sweeps.summary import PolicySummary, summarised
from elastance.simulate.sweeps.table import TableFormat, find_format, write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from elastance.simulate.sweeps.cells import Part, Row, Sweep, Value

TABLE = "results"
"""Name of the table in the directory of a sweep, without suffix."""


class Failure(NamedTuple):
    """What went wrong in a cell.

    Attributes:
        cell: The cell.
        seeds: Under which of its seeds.
        reason: What was said under the first of them.
    """

    cell: Cell
    seeds: tuple[int, ...]
    reason: str

    def __str__(self) -> str:
        return f"{self.cell}: {self.reason} ({len(self.seeds)} seed(s), the first is {self.seeds[0]})"


@dataclass(frozen=True)
class SweepResult:
    """A sweep that was run to its end.

    Attributes:
        plan: What was swept, as plain values.
        columns: Columns of the table and their types.
        rows: The table, in the order of the plan.
        cells: How many cells there are.
        failures: What went wrong, by cell.
        parts: How many parts the work had, and how many of them were found done.
        table: Where the table was written, if it was.
    """

    plan: Mapping[str, Any]
    columns: Mapping[str, type]
    rows: tuple[Row, ...]
    cells: int
    failures: tuple[Failure, ...]
    parts: tuple[int, int]
    table: Path | None

    def records(self) -> Iterator[dict[str, Value]]:
        """Yield the rows by column name."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def summary(self) -> list[PolicySummary]:
        """Return what each policy comes to over all cells that no policy failed in."""
        return summarised(self.records())

    def to_json(self) -> dict[str, Any]:
        """Return plan, summary and failures as plain values, as ``--json`` prints them."""
        return {
            "plan": dict(self.plan),
            "cells": self.cells,
            "rows": len(self.rows),
            "table": None if self.table is None else str(self.table),
            "summary": [of.to_json() for of in self.summary()],
            "failures": [
                {
                    "cell": dict(zip(list(self.columns)[:5], map(_finite, of.cell), strict=True)),
                    "seeds": list(of.seeds),
                    "error": of.reason,
                }
                for of in self.failures
            ],
        }


def run_sweep(
    sweep: Sweep,
    *,
    output: Path | None = None,
    jobs: int = 1,
    engine: Engine | str = Engine.PROCESSES,
    table_format: TableFormat | str = TableFormat.CSV,
    restart: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> SweepResult:
    """Run a sweep, or what is left of it, and write its table.

    The table does not depend on the number of workers, on the engine, or on how often the sweep was killed.

    Args:
        sweep: As `recurring_sweep` or `group_sweep` describe it.
        output: Directory that keeps every finished part, so that the same call goes on after a kill; in the end
            it holds the table. None keeps and writes nothing.
        jobs: How many parts are worked on at once. With more than one, a script needs the usual
            ``if __name__ == "__main__":``.
        engine: Who does the work.
        table_format: How the table is written.
        restart: Drop what `output` holds instead of going on with it.
        on_progress: Called with how many parts, of how many, are done.

    Raises:
        InputError: Something is wrong with the arguments, or `output` holds another sweep.
        WorkerError: A worker died; what was finished is kept.
    """
    check_jobs(jobs)
    engine, table_format = find_engine(engine), find_format(table_format)
    plan, parts = sweep.plan(), sweep.parts()
    with opened_store(output, plan, restart=restart) as store:
        if output is not None and restart:
            for of in TableFormat:
                (output / f"{TABLE}.{of.value}").unlink(missing_ok=True)
        left = [part for part in parts if part not in store]
        found = done = len(parts) - len(left)
        if on_progress is not None:
            on_progress(done, len(parts))
        for number, rows in distributed(engine, _run_part, left, jobs):
            store.add(left[number], rows)
            done += 1
            if on_progress is not None:
                on_progress(done, len(parts))
        table = None if output is None else output / f"{TABLE}.{table_format.value}"
        rows = tuple(row for part in parts for row in _whole(part, store.rows(part), store.plan))
        if table is not None:
            write_table(table, table_format, sweep.columns, rows)
    return SweepResult(
        store.plan,
        sweep.columns,
        rows,
        len({part.cell for part in parts}),
        tuple(_failures(parts, store, sweep.columns)),
        (len(parts), found),
        table,
    )


def _run_part(part: Part) -> list[Row]:
    return part.run()


def _whole(part: Part, rows: list[Row], plan: Mapping[str, Any]) -> Iterator[Row]:
    """Complete rows by the columns of the cell and those of the facts."""
    facts = plan["facts"][part.cell.gpu]
    for row in rows:
        yield (*part.cell, *row, plan["facts_kind"], facts["provenance"], facts["sha256"])


def _failures(parts: list[Part], store: SweepStore, columns: Mapping[str, type]) -> Iterator[Failure]:
    error = list(columns).index("error") - len(Cell._fields)
    failed: dict[Cell, dict[int, str]] = {}
    for part in parts:
        for row in store.rows(part):
            seed, reason = row[0], row[error]
            if isinstance(reason, str) and isinstance(seed, int):
                failed.setdefault(part.cell, {})[seed] = reason
    for cell, reasons in failed.items():
        yield Failure(cell, tuple(reasons), next(iter(reasons.values())))


def _finite(value: Value) -> Value:
    """JSON has no infinity."""
    return str(value) if value == math.inf else value
