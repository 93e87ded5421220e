"""`elastance data capriccio`: a text becomes the overlapping slices of a drifting data set."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.progress import TaskID

    from elastance.traces.text import Slice, SliceReport

_Column = Annotated[str | None, typer.Option(show_default="looked for")]
_SHOWN_LABELS = 4
"""Labels whose shares the table shows."""


def capriccio(
    path: Annotated[
        Path, typer.Option("--input", help="The text: CSV, JSON lines (plain, .gz, .xz) or Parquet.")
    ],
    directory: Annotated[Path, typer.Option("--output", help="Directory to write the slices to.")],
    window: Annotated[int, typer.Option(help="Rows of a slice.")] = 500_000,
    stride: Annotated[str, typer.Option(help="From one slice to the next: 1d, 12h, 30min, 1w.")] = "1d",
    start: Annotated[
        str | None,
        typer.Option(
            help="Day or time the first slice starts at, or the first row after it.",
            show_default="the first row; 2009-05-01 in Sentiment140",
        ),
    ] = None,
    train_share: Annotated[float, typer.Option(help="Share of a slice that is for training.")] = 0.85,
    seed: Annotated[int, typer.Option(help="Of the permutation within each slice.")] = 42,
    max_slices: Annotated[
        int | None, typer.Option(help="Stop after so many.", show_default="all there are")
    ] = None,
    time_column: _Column = None,
    text_column: _Column = None,
    label_column: _Column = None,
    keep_columns: Annotated[
        str | None, typer.Option(help="Further columns to keep, separated by commas.", show_default="none")
    ] = None,
    encoding: Annotated[str | None, typer.Option(show_default="utf-8; latin-1 for Sentiment140")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest.")] = False,
) -> None:
    """Slice timestamped, labelled text into overlapping windows, as Zeus's Capriccio does.

    With the published defaults and Sentiment140's file (whose layout is recognised) this cuts the published 38
    slices: windows of 500,000 tweets, one starting every day from 2009-05-01, each permuted and split 85/15 into
    {i}_train.json and {i}_val.json. Any other text with a time, a text and a label in each row can be sliced too.
    A manifest, written last, says what was cut from what. The files hold date (ms since 1970 on the text's own
    clock), text and label.

    \b
    Examples:
      elastance data capriccio --input training.1600000.processed.noemoticon.csv --output slices
      elastance data capriccio --input reviews.jsonl.gz --output slices --window 20000 --stride 1w
      elastance data capriccio --input log.parquet --output slices --window 1000 --label-column stars
    """  # noqa: D301
    from elastance.cli import output
    from elastance.cli.options import parse_names
    from elastance.traces.text import ColumnChoice, SliceSettings, slice_text

    kept = tuple(parse_names("--keep-columns", keep_columns)) if keep_columns is not None else ()
    with _slicing() as on_progress:
        report = slice_text(
            path,
            directory,
            SliceSettings(window, stride, start, train_share, seed, max_slices),
            columns=ColumnChoice(time_column, text_column, label_column, kept),
            encoding=encoding,
            on_progress=on_progress,
        )
    if as_json:
        output.print_json(report.to_json())
        return
    _print_report(report, directory)


@contextmanager
def _slicing() -> Generator[Callable[[str, int, int], None]]:
    """Show a bar per stage while the block runs; gives a function to call with (stage, done, total)."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from elastance.cli.output import progress_bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with progress_bar(*columns) as progress:
        stages: dict[str, TaskID] = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                for earlier in stages.values():
                    progress.stop_task(earlier)
                stages[stage] = progress.add_task(stage, total=total)
            progress.update(stages[stage], completed=done)

        yield on_progress


def _print_report(report: SliceReport, directory: Path) -> None:
    from rich.table import Table

    from elastance.cli import output

    columns = report.columns
    output.say(
        f"{report.source}: {report.layout}, {report.rows:,} rows, sha256 {report.sha256[:12]}; "
        f"times {'as written' if report.clock == 'as written' else f'in {report.clock}'}\n"
        f"time in {columns.time}, text in {columns.text}, label in {columns.label}; "
        f"dropped: {', '.join(columns.dropped) or 'nothing'}\n",
        style="dim",
    )
    table = Table("slice", box=None, pad_edge=False, header_style="bold")
    table.columns[0].justify = "right"
    for name in ("first row", "last row"):
        table.add_column(name)
    shown = list(report.slices[0].train_labels)[:_SHOWN_LABELS]
    for name in ("train", "validation", *(f"label {label}" for label in shown), "characters", "overlap"):
        table.add_column(name, justify="right")
    for of in report.slices:
        table.add_row(*_table_row(of, shown))
    output.console().print(table)
    output.say(
        "\nlabel: share of the slice's rows. characters: mean length of a text. overlap: rows that the slice before "
        "has too.",
        style="dim",
    )
    equal = [str(of.number) for of in report.slices if of.equals_previous]
    if equal:
        output.say(
            f"{len(equal)} slice(s) equal the one before, as their day has no rows: {', '.join(equal)}",
            style="yellow",
        )
    output.say(f"wrote {len(report.slices)} slices and their manifest to {directory}", style="dim")


def _table_row(of: Slice, labels: list[str]) -> list[str]:
    from elastance.cli.output import percent

    shares = of.label_shares()
    return [
        str(of.number),
        of.first_time[:19],
        of.last_time[:19],
        f"{of.train_rows:,}",
        f"{of.validation_rows:,}",
        *(percent(shares[label]) for label in labels),
        f"{of.mean_characters:.1f}",
        "-" if of.number == 1 else percent(of.overlap),
    ]
