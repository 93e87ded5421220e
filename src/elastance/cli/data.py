"""`elastance data`: what are the facts?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import data_cluster, data_drift, data_files, data_groups, data_jobs, data_text

if TYPE_CHECKING:
    from elastance.traces import TraceSource

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_Traces = Annotated[Path | None, typer.Option(help="Directory of trace files.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback()
def data() -> None:
    """List, describe, validate, fetch, import and synthesize the traces that simulations run on; slice text.

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
        job = Job.of_workload(of)
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
    job = Job.of_workload(of)
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


app.command(short_help="Check trace files.")(data_files.validate)
app.command(short_help="Download the public traces.")(data_files.fetch)
app.add_typer(data_jobs.import_app, name="import", short_help="Use public cluster traces you have.")
data_files.synthesize_app.command("groups", short_help="Groups of overlapping submissions.")(
    data_groups.synthesize_groups
)
app.command(short_help="Slice text into a drifting data set.")(data_text.capriccio)
data_files.synthesize_app.command("cluster", short_help="Jobs of a cluster.")(data_cluster.synthesize_cluster)
data_files.synthesize_app.command("drift", short_help="Per-slice train traces of a drifting data set.")(
    data_drift.drift
)
app.add_typer(data_files.synthesize_app, name="synthesize", short_help="Make labelled synthetic data.")
