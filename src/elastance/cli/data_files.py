"""`elastance data`, the verbs that read and write trace files: validate, fetch, synthesize."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from rich.progress import TaskID

    from elastance.traces import Issue, Table

synthesize_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_SHOWN_ISSUES = 20
"""Issues of one kind shown before the rest is only counted."""


def validate(
    paths: Annotated[
        list[Path], typer.Argument(help="Trace files, or directories of them.", metavar="PATH...")
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings make the exit status 1.")] = False,
    as_json: _Json = False,
) -> None:
    """Check trace files: train, drift, power or group tables; CSV (plain, .gz, .xz) or Parquet.

    Each complaint names file, row (the header is row 1) and column. Exit status 2 if a file cannot be used.

    \b
    Examples:
      elastance data validate summary_train.csv summary_power_v100.csv
      elastance data validate ~/zeus/trace --strict
    """  # noqa: D301
    from elastance.cli import output

    reports = [_validated(path) for path in _trace_files(paths)]
    errors = sum(report["errors"] for report in reports)
    warnings = sum(report["warnings"] for report in reports)
    if as_json:
        output.print_json({"valid": not errors, "files": reports})
    else:
        for report in reports:
            kind = f"{report['kind']} trace, {report['rows']} rows, " if report["kind"] else ""
            kind += _groups_line(report["groups"]) if "groups" in report else ""
            output.say(
                f"{report['path']}: {kind}{report['errors']} error(s), {report['warnings']} warning(s)"
            )
            for severity in ("error", "warning"):
                of_kind = [issue for issue in report["issues"] if issue["severity"] == severity]
                for issue in of_kind[:_SHOWN_ISSUES]:
                    output.say(f"  {_issue_line(issue)}", style="red" if severity == "error" else "yellow")
                if len(of_kind) > _SHOWN_ISSUES:
                    output.say(f"  and {len(of_kind) - _SHOWN_ISSUES} more; --json lists them all")
    if errors:
        raise typer.Exit(2)
    if warnings and strict:
        raise typer.Exit(1)


def _issue_line(issue: dict[str, Any]) -> str:
    place = "" if issue["row"] is None else f"row {issue['row']}, "
    place += "" if issue["column"] is None else f"column {issue['column']}, "
    return f"{issue['severity']}: {place}{issue['message']}"


def _groups_line(groups: dict[str, Any]) -> str:
    kind = "synthetic groups" if groups["synthetic"] else "groups"
    return f"{groups['groups']} {kind}, {groups['overlapping_rows']} rows overlap an earlier one, "


def _trace_files(paths: list[Path]) -> Iterator[Path]:
    from elastance.errors import InputError
    from elastance.traces.reading import SUFFIXES

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(
            file
            for stem in ("summary_*", "*groups*")
            for file in path.glob(stem)
            if file.name.endswith(SUFFIXES)
        )
        if not found:
            raise InputError(f"{path}: holds no trace file (summary_train, summary_power_<gpu> or groups)")
        yield from found


def _validated(path: Path) -> dict[str, Any]:
    from elastance.errors import TraceError
    from elastance.traces import GROUP, Severity, find_issues, read_table

    def plain(issue: Issue) -> dict[str, Any]:
        return {
            "severity": issue.severity.value,
            "row": issue.row,
            "column": issue.column,
            "message": issue.message,
        }

    try:
        table = read_table(path)
    except TraceError as error:
        issue = {"severity": "error", "row": error.row, "column": error.column, "message": error.reason}
        return {"path": str(path), "kind": None, "rows": 0, "errors": 1, "warnings": 0, "issues": [issue]}
    issues = list(find_issues(table))
    errors = sum(issue.severity is Severity.ERROR for issue in issues)
    groups = {"groups": _groups_summary(table)} if table.schema is GROUP and not errors else {}
    return {
        "path": str(path),
        "kind": table.schema.kind,
        "rows": len(table),
        **groups,
        "errors": errors,
        "warnings": len(issues) - errors,
        "issues": [plain(issue) for issue in issues],
    }


def _groups_summary(table: Table) -> dict[str, Any]:
    """Count the groups of a group trace and the rows that start while another of their group is running."""
    import numpy as np

    from elastance.traces.group_table import find_overlapping
    from elastance.traces.schema import SYNTHETIC_PREFIX

    columns = table.columns
    numbers: dict[str, int] = {}
    group = np.array([numbers.setdefault(name, len(numbers)) for name in columns["group"]])
    start, end = np.array(columns["start_time"]), np.array(columns["end_time"])
    order = np.lexsort((start, group))
    overlapping = find_overlapping(group[order], start[order], end[order])
    return {
        "groups": len(numbers),
        "overlapping_rows": int(overlapping.sum()),
        "synthetic": any(name.startswith(SYNTHETIC_PREFIX) for name in numbers),
    }


def fetch(
    output_directory: Annotated[
        Path | None, typer.Option("--output", help="Where to; the user's cache by default.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Fetch from a mirror of the published directory.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what is already there.")] = False,
    as_json: _Json = False,
) -> None:
    """Download the public Zeus traces (300 kB), check them, and use them from then on.

    An interrupted download is resumed the next time. Without --output the files go to the user's cache, where every
    command finds them.

    \b
    Examples:
      elastance data fetch
      elastance data fetch --output traces && elastance simulate recurring --traces traces
    """  # noqa: D301
    from elastance.cli import output
    from elastance.traces.fetch import PUBLIC_URL
    from elastance.traces.fetch import fetch as fetch_files

    with _downloading() as on_progress:
        report = fetch_files(
            output_directory, base_url=url or PUBLIC_URL, force=force, on_progress=on_progress
        )
    if as_json:
        output.print_json(
            {
                "directory": str(report.directory),
                "downloaded": list(report.downloaded),
                "present": list(report.present),
                "bytes": report.bytes_transferred,
            }
        )
        return
    for name in report.downloaded:
        output.say(f"fetched  {name}")
    for name in report.present:
        output.say(f"present  {name}")
    output.say(f"{report.bytes_transferred:,} bytes to {report.directory}, checksums right", style="dim")


@contextmanager
def _downloading() -> Generator[Callable[[str, int, int], None]]:
    """Show a bar per file while the block runs; gives a function to call with (name, done, total)."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn

    from elastance.cli.output import progress_bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with progress_bar(*columns) as progress:
        tasks: dict[str, TaskID] = {}

        def on_progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, total=total)

        yield on_progress


@synthesize_app.callback()
def synthesize() -> None:
    """Make synthetic data in the published layouts, labelled as synthetic."""


@synthesize_app.command("traces", short_help="Train and power traces.")
def synthesize_traces(
    output_directory: Annotated[Path, typer.Option("--output", help="Directory to write to.")],
    gpu: Annotated[str, typer.Option(help="GPU types, separated by commas.")] = "v100,a40,rtx6000,p100",
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    repeats: Annotated[int, typer.Option(help="Runs per batch size.")] = 5,
    noise: Annotated[float, typer.Option(help="Log-normal noise on time and power.")] = 0.02,
) -> None:
    """Write a train trace and power traces drawn from the built-in models.

    A manifest beside them says that they are synthetic; so does every result computed from them.

    \b
    Examples:
      elastance data synthesize traces --output made-up --seed 7
      elastance simulate recurring --traces made-up
    """  # noqa: D301
    from elastance.cli import output
    from elastance.cli.options import parse_names
    from elastance.traces.synthesize import synthesize_traces as write_traces

    files = write_traces(output_directory, parse_names("--gpu", gpu), seed=seed, repeats=repeats, noise=noise)
    for path in files:
        output.say(f"wrote {path}")
