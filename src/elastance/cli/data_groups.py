"""`elastance data`, the verbs that make group files: import alibaba-2020, synthesize groups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.errors import InputError

if TYPE_CHECKING:
    from elastance.traces.alibaba import AlibabaImport
    from elastance.traces.group_table import GroupTable, WrittenGroups

import_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_Output = Annotated[Path, typer.Option("--output", help="File to write: .csv, .csv.gz, .csv.xz or .parquet.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@import_app.callback()
def import_() -> None:
    """Make facts of public cluster traces that you have downloaded."""


@import_app.command("alibaba-2020", short_help="Recurring groups of Alibaba's GPU trace.")
def alibaba_2020(
    directory: Annotated[Path, typer.Argument(help="Your copy of the trace's tables.", metavar="DIR")],
    output_file: _Output,
    workloads: Annotated[
        str, typer.Option(help="Workloads the groups are to stand for, separated by commas, or all.")
    ] = "all",
    gpu: Annotated[str, typer.Option(help="GPU type whose run times put the workloads in order.")] = "v100",
    traces: Annotated[Path | None, typer.Option(help="Directory of trace files to take them from.")] = None,
    as_json: _Json = False,
) -> None:
    """Make a group file of Alibaba's GPU trace of 2020 (cluster-trace-gpu-v2020).

    DIR holds pai_job_table, pai_task_table and pai_group_tag_table: .csv, .csv.gz, .csv.xz, or .tar.gz as
    downloaded. Jobs with the same group tag are one recurring job. Groups are clustered by mean run time (exact
    k-means of its logarithm) into as many classes as there are workloads, and matched with them in order of run
    time. What is dropped, and why, is printed and kept in the manifest beside the file.

    Needs the extra: pip install 'elastance[parquet]'

    \b
    Examples:
      elastance data import alibaba-2020 ~/clusterdata/cluster-trace-gpu-v2020/data --output groups.csv.xz
      elastance data import alibaba-2020 tables --output groups.csv --workloads cifar100,squad --json
    """  # noqa: D301
    from elastance.cli import output
    from elastance.simulate.run_times import default_run_times_s
    from elastance.traces import find_source
    from elastance.traces.alibaba import import_alibaba

    source = find_source(traces)
    run_times_s = default_run_times_s(source, gpu, dict.fromkeys(_workloads(workloads)))
    with output.counting("rows") as on_progress:
        made = import_alibaba(directory, output_file, run_times_s, on_progress)
    record = source.record(gpu)
    if as_json:
        facts = {"kind": record.kind.value, "path": record.path, "gpu": gpu.lower()}
        output.print_json(made.to_json() | {"ordered_by": facts})
        return
    _say_written(made.written)
    output.say(f"of {made.jobs:,} jobs in the trace:")
    for reason, count in made.dropped.items():
        output.say(f"  {count:>9,} dropped: {reason}")
    output.say(f"  {len(made.written.table):>9,} kept\n")
    _say_classes(made)
    output.say(f"\ndefault job: its expected run time on {gpu.lower()}; facts: {record}", style="dim")


def synthesize_groups(
    output_file: _Output,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    groups: Annotated[int, typer.Option(help="Number of groups.")] = 60,
    rows: Annotated[str, typer.Option(help="Submissions of a group: fewest:most, or a number.")] = "10:200",
    mean_gap: Annotated[
        str, typer.Option(help="Mean seconds between starts, separated by commas; each group draws one.")
    ] = "50,400,2000",
    runtime_median: Annotated[float, typer.Option(help="Median run time, s.")] = 300.0,
    runtime_sigma: Annotated[float, typer.Option(help="Spread of run times: log-normal sigma.")] = 0.8,
    workloads: Annotated[
        str, typer.Option(help="Dealt out to the groups in turn; one named twice gets a double share.")
    ] = "all",
    as_json: _Json = False,
) -> None:
    """Make groups of recurring, overlapping submissions.

    Starts within a group are a Poisson process, run times log-normal. The shorter a group's gaps against its run
    times, the more its submissions overlap. The name of every group begins with "synthetic-", and a manifest beside
    the file says how it was made.

    \b
    Examples:
      elastance data synthesize groups --output groups.csv --seed 7
      elastance data synthesize groups --output busy.csv.xz --mean-gap 20 --runtime-sigma 1.2
      elastance data synthesize groups --output big.csv.gz --groups 12000 --rows 100 --workloads squad,squad,imagenet
    """  # noqa: D301
    from elastance.cli import output
    from elastance.traces.synthesize_groups import GroupParameters
    from elastance.traces.synthesize_groups import synthesize_groups as write_groups

    parameters = GroupParameters(
        groups, _range(rows), _seconds(mean_gap), runtime_median, runtime_sigma, tuple(_workloads(workloads))
    )
    with output.counting("rows") as on_progress:
        written = write_groups(output_file, parameters, seed=seed, on_progress=on_progress)
    if as_json:
        output.print_json({"synthetic": True, "seed": seed} | written.to_json())
        return
    _say_written(written, "synthetic ")
    _say_shares(written.table)


def _workloads(text: str) -> list[str]:
    from elastance.catalog import WORKLOADS, find_workload
    from elastance.cli.options import parse_names

    if text == "all":
        return [workload.name for workload in WORKLOADS]
    return [find_workload(name).name for name in parse_names("--workloads", text)]


def _range(text: str) -> tuple[int, int]:
    try:
        fewest, *most = (int(part) for part in text.split(":"))
        (last,) = most or (fewest,)
    except ValueError:
        raise InputError(
            f"--rows {text!r}: expected a range such as 10:200 or a number such as 100"
        ) from None
    return fewest, last


def _seconds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"--mean-gap {text!r}: expected seconds separated by commas, such as 50,400"
        ) from None


def _say_written(written: WrittenGroups, kind: str = "") -> None:
    from elastance.cli import output

    output.say(
        f"wrote {written.path}: {len(written.table.names):,} {kind}groups, {len(written.table):,} rows"
    )
    output.say(f"  sha256 {written.sha256}, manifest {written.manifest.name}\n", style="dim")


def _say_shares(table: GroupTable) -> None:
    from rich.table import Table

    from elastance.cli import output

    shown = Table("workload", box=None, pad_edge=False, header_style="bold")
    for name in ("groups", "rows", "overlapping", "mean run time"):
        shown.add_column(name, justify="right")
    for of in table.shares:
        shown.add_row(
            of.dataset,
            f"{of.groups:,}",
            f"{of.rows:,}",
            output.percent(of.overlapping / of.rows),
            output.seconds(of.mean_runtime_s),
        )
    output.console().print(shown)
    output.say("\noverlapping: rows that start while another of their group is running", style="dim")


def _say_classes(made: AlibabaImport) -> None:
    from rich.table import Table

    from elastance.cli import output

    shown = Table("workload", box=None, pad_edge=False, header_style="bold")
    for name in ("default job", "class centre", "group means", "groups", "rows", "overlapping"):
        shown.add_column(name, justify="right")
    shares = {share.dataset: share for share in made.written.table.shares}
    for of in made.classes:
        share = shares[of.workload]
        shown.add_row(
            of.workload,
            output.seconds(of.default_run_time_s),
            output.seconds(of.centre_s),
            f"{output.seconds(of.shortest_s)} - {output.seconds(of.longest_s)}",
            f"{share.groups:,}",
            f"{share.rows:,}",
            output.percent(share.overlapping / share.rows),
        )
    output.console().print(shown)
