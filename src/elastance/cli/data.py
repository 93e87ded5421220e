"""`elastance data`: what are the facts?"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from rich.progress import TaskID

    from elastance.traces import Issue, TraceSource

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
synthesize_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(synthesize_app, name="synthesize", short_help="Make labelled synthetic data.")

_Traces = Annotated[Path | None, typer.Option(help="Directory of trace files.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_SHOWN_ISSUES = 20
"""Warnings of one kind shown before the rest is only counted."""


@app.callback()
def data() -> None:
    """List, describe, validate, fetch and synthesize the traces that simulations run on.

    \b
    Facts are looked for in this order:
      1. --traces DIR
      2. the directory that $ELASTANCE_TRACES names
      3. the user's cache, filled by `elastance data fetch`
      4. the built-in models, fitted to the public Zeus traces
    """  # noqa: D301


@app.command("list", short_help="Jobs and GPU types there are facts about.")
def list_(traces: _Traces = None, as_json: _Json = False) -> None:
    """List the jobs and GPU types there are facts about, and where the facts come from.

    \b
    Examples:
      elastance data list
      elastance data list --traces ~/zeus/trace --json
    """  # noqa: D301
    from elastance.catalog import WORKLOADS
    from elastance.cli import output
    from elastance.traces import find_source

    source = find_source(traces)
    record = source.record(source.gpus()[0])
    cells = _cells(source)
    if as_json:
        output.print_json(
            {
                "source": {
                    "kind": record.kind.value,
                    "path": record.path,
                    "provenance": record.provenance.value,
                },
                "gpus": list(source.gpus()),
                "workloads": [
                    {
                        "workload": of.name,
                        "network": of.network,
                        "optimizer": of.optimizer,
                        "metric": of.metric,
                        "target_metric": of.target_metric,
                        "max_epochs": of.max_epochs,
                        "batch_size": of.batch_size,
                        "batch_sizes": {gpu: list(sizes) for gpu, sizes in cells[of.name].items()},
                    }
                    for of in WORKLOADS
                ],
            }
        )
        return

    from rich.table import Table

    output.say(f"facts: {record}\n", style="dim")
    table = Table("workload", "network", "target", box=None, pad_edge=False, header_style="bold")
    table.add_column("epochs", justify="right")
    table.add_column("b0", justify="right")
    for gpu in source.gpus():
        table.add_column(gpu, justify="right")
    for of in WORKLOADS:
        sizes = [_range(cells[of.name][gpu]) for gpu in source.gpus()]
        target = f"{of.target_metric:g} {of.metric.removesuffix(', %')}"
        table.add_row(of.name, of.network, target, str(of.max_epochs), str(of.batch_size), *sizes)
    output.console().print(table)
    output.say(
        "\nepochs: the most a run may take to reach its target. b0: the user's own batch size; the largest on offer "
        "below it,\n  where it is not. By GPU type: batch sizes on offer, and how many.",
        style="dim",
    )


def _range(sizes: tuple[int, ...]) -> str:
    return f"{sizes[0]}-{sizes[-1]} ({len(sizes)})" if sizes else "-"


def _cells(source: TraceSource) -> dict[str, dict[str, tuple[int, ...]]]:
    """Workload to GPU type to batch sizes on offer; none where the source lacks the rows."""
    from elastance.catalog import WORKLOADS
    from elastance.errors import InputError, TraceError
    from elastance.job import Job

    cells: dict[str, dict[str, tuple[int, ...]]] = {}
    for of in WORKLOADS:
        job = Job(of.dataset, of.network, of.optimizer, of.target_metric, of.max_epochs, of.batch_size)
        cells[of.name] = {}
        for gpu in source.gpus():
            try:
                cells[of.name][gpu] = tuple(source.job_facts(job, gpu).sizes)
            except TraceError:
                raise
            except InputError:
                cells[of.name][gpu] = ()
    return cells


@app.command(short_help="Files, checksums, grids; fit errors of models.")
def describe(
    workload: Annotated[str | None, typer.Option(help="Only this workload.")] = None,
    gpu: Annotated[str | None, typer.Option(help="Only this GPU type.")] = None,
    traces: _Traces = None,
    as_json: _Json = False,
) -> None:
    """Describe the facts: files and checksums, sizes and limits on offer, and the fit error of built-in models.

    \b
    Examples:
      elastance data describe
      elastance data describe --workload librispeech --gpu v100 --json
    """  # noqa: D301
    from elastance.catalog import WORKLOADS, find_workload
    from elastance.cli import output
    from elastance.errors import UnknownNameError
    from elastance.traces import find_source

    source = find_source(traces)
    if gpu is not None and gpu.lower() not in source.gpus():
        raise UnknownNameError("GPU", gpu, source.gpus())
    gpus = source.gpus() if gpu is None else (gpu.lower(),)
    workloads = WORKLOADS if workload is None else (find_workload(workload),)
    rows = [row for of in workloads for name in gpus if (row := _description(source, of.name, name))]
    records = [source.record(name) for name in gpus]
    files = {name: digest for record in records for name, digest in record.files.items()}
    if as_json:
        output.print_json(
            {
                "source": {
                    "kind": records[0].kind.value,
                    "path": records[0].path,
                    "provenance": records[0].provenance.value,
                    "files": files,
                },
                "fit": _overall_fit(source),
                "cells": rows,
            }
        )
        return
    output.say(f"facts: {records[0]}", style="dim")
    for name, digest in sorted(files.items()):
        output.say(f"  {digest}  {name}", style="dim")
    output.say()
    output.console().print(_description_table(rows))
    if overall := _overall_fit(source):
        output.say(
            "\nfit errors: relative error of the models against the public traces they were fitted to, "
            "median / 95th percentile;\n  excess: what the models' optimum costs above the true one when "
            "both are priced on the public traces (eta 0.5).\n"
            f"  over all rows: time {output.percent(overall['time_median'])} / "
            f"{output.percent(overall['time_p95'])}, power {output.percent(overall['power_median'])} / "
            f"{output.percent(overall['power_p95'])}",
            style="dim",
        )


def _description(source: TraceSource, workload: str, gpu: str) -> dict[str, Any] | None:
    from elastance.catalog import find_workload
    from elastance.errors import InputError, TraceError
    from elastance.job import Job
    from elastance.traces import BuiltinSource

    of = find_workload(workload)
    job = Job(of.dataset, of.network, of.optimizer, of.target_metric, of.max_epochs, of.batch_size)
    try:
        facts = source.job_facts(job, gpu)
    except TraceError:
        raise
    except InputError:
        return None
    limits = sorted({limit for size in facts.sizes.values() for limit in size.power_limits_w})
    fit = None
    if isinstance(source, BuiltinSource):
        from elastance.traces.builtin import load_models

        errors = load_models().cell(workload, gpu).errors
        fit = {
            "time_median": errors.time_median,
            "time_p95": errors.time_p95,
            "power_median": errors.power_median,
            "power_p95": errors.power_p95,
            "excess_cost": errors.excess_cost,
        }
    return {
        "workload": workload,
        "gpu": gpu,
        "batch_sizes": list(facts.sizes),
        "default_batch_size": max((size for size in facts.sizes if size <= of.batch_size), default=None),
        "power_limits_w": limits,
        "max_power_w": facts.max_power_w,
        "repeats": {str(size): len(of_size.paths) for size, of_size in facts.sizes.items()},
        "recurrences": facts.default_recurrences,
        "fit": fit,
    }


def _description_table(rows: list[dict[str, Any]]) -> Any:  # noqa: ANN401
    from rich.table import Table

    from elastance.cli.output import percent

    table = Table(box=None, pad_edge=False, header_style="bold")
    fitted = any(row["fit"] for row in rows)
    names = ("workload", "gpu", "batch sizes", "b0", "limits, W", "N")
    for name in (*names, *(("time error", "power error", "excess") if fitted else ("repeats",))):
        table.add_column(name, justify="left" if name in {"workload", "gpu"} else "right")
    for row in rows:
        limits = row["power_limits_w"]
        cells = [
            row["workload"],
            row["gpu"],
            _range(tuple(row["batch_sizes"])),
            str(row["default_batch_size"]),
            f"{limits[0]}-{limits[-1]} ({len(limits)})",
            str(row["recurrences"]),
        ]
        if fit := row["fit"]:
            cells.append(f"{percent(fit['time_median'])} / {percent(fit['time_p95'])}")
            cells.append(f"{percent(fit['power_median'])} / {percent(fit['power_p95'])}")
            cells.append(percent(fit["excess_cost"]))
        else:
            repeats = sorted(row["repeats"].values())
            cells.append(f"{repeats[0]}-{repeats[-1]}")
        table.add_row(*cells)
    return table


def _overall_fit(source: TraceSource) -> dict[str, float] | None:
    from elastance.traces import BuiltinSource

    if not isinstance(source, BuiltinSource):
        return None
    from elastance.traces.builtin import load_models

    errors = load_models().errors
    return {
        "time_median": errors.time_median,
        "time_p95": errors.time_p95,
        "power_median": errors.power_median,
        "power_p95": errors.power_p95,
    }


@app.command(short_help="Check trace files.")
def validate(
    paths: Annotated[
        list[Path], typer.Argument(help="Trace files, or directories of them.", metavar="PATH...")
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Warnings make the exit status 1.")] = False,
    as_json: _Json = False,
) -> None:
    """Check trace files: train, power or group tables; CSV (plain, .gz, .xz) or Parquet.

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
    from elastance.traces import Severity, find_issues, read_table

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
    return {
        "path": str(path),
        "kind": table.schema.kind,
        "rows": len(table),
        "errors": errors,
        "warnings": len(issues) - errors,
        "issues": [plain(issue) for issue in issues],
    }


@app.command(short_help="Download the public traces.")
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
    from elastance.cli.simulate import parse_names
    from elastance.traces.synthesize import synthesize_traces as write_traces

    files = write_traces(output_directory, parse_names("--gpu", gpu), seed=seed, repeats=repeats, noise=noise)
    for path in files:
        output.say(f"wrote {path}")
