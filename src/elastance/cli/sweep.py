"""`elastance sweep`: many simulations at once, resumable, into one table."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options
from elastance.errors import InputError, InterruptedSweepError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.simulate.sweeps import SweepResult
    from elastance.simulate.sweeps.cells import Sweep

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_SHOWN_FAILURES = 5

_Groups = Annotated[
    str | None, typer.Option(help="Group traces, separated by commas.", show_default="required")
]
_Workloads = Annotated[str, typer.Option(help="Workloads, separated by commas.")]
_Gpus = Annotated[
    str, typer.Option(help="GPU types, separated by commas; all = those there are facts about.")
]
_Policies = Annotated[str, typer.Option(help="Policies, separated by commas; see `elastance policies`.")]
_Seeds = Annotated[str, typer.Option(help="0:200 (the last not included) or 1,2,3.")]
_Etas = Annotated[str, typer.Option("--eta", help="1 minimises energy, 0 time; several separated by commas.")]
_Betas = Annotated[
    str,
    typer.Option(
        "--beta", help="Stop a run at this multiple of the least cost so far; inf never does; several."
    ),
]
_Recurrences = Annotated[
    int | None, typer.Option(help="How often each job recurs.", show_default="2 x sizes x limits")
]
_Jobs = Annotated[int, typer.Option(help="How many parts of the work to do at once.")]
_Engine = Annotated[
    str,
    typer.Option(
        help="Who does it: processes of this machine, or ray (cluster of $RAY_ADDRESS, or a local one)."
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option(
        "--output", help="Directory for the table and for what is done; the same command goes on from there."
    ),
]
_Format = Annotated[str, typer.Option("--format", help="Of the table: csv or parquet.")]
_Restart = Annotated[bool, typer.Option("--restart", help="Drop what --output holds and begin anew.")]


@app.callback()
def sweep() -> None:
    """Simulate every combination of settings, over seeds, into one tidy table.

    A sweep with --output survives anything: the same command goes on where it was, and neither a kill, nor the
    number of workers, nor the engine changes a byte of the table.
    """


@app.command("recurring", short_help="Jobs that train again and again.")
def recurring(
    workloads: _Workloads = "all",
    gpus: _Gpus = "all",
    policies: _Policies = "zeus,default,grid,oracle",
    seeds: _Seeds = "0:10",
    eta: _Etas = "0.5",
    beta: _Betas = "2",
    recurrences: _Recurrences = None,
    window_size: options.Window = 0,
    traces: options.Traces = None,
    compat: options.Compat = False,
    jobs: _Jobs = 1,
    engine: _Engine = "processes",
    output_directory: _Output = None,
    table_format: _Format = "csv",
    restart: _Restart = False,
    as_json: options.Json = False,
) -> None:
    """Sweep recurring jobs: a row of the table per workload, GPU type, eta, beta, policy and seed.

    \b
    Examples:
      elastance sweep recurring
      elastance sweep recurring --seeds 0:200 --eta 0,0.5,1 --jobs 2 --output sweep
      elastance sweep recurring --workloads librispeech,squad --gpus v100,a40 \\
          --policies zeus,thompson+max-power --beta 1.5,2,inf --output betas --format parquet
      RAY_ADDRESS=auto elastance sweep recurring --engine ray --jobs 64 --output sweep
    """  # noqa: D301
    from elastance.simulate.sweeps import recurring_sweep

    with options.user_modules():
        described = recurring_sweep(
            _names_or_all("--workloads", workloads),
            _names_or_all("--gpus", gpus),
            policies=options.parse_names("--policies", policies),
            etas=_numbers("--eta", eta),
            betas=_numbers("--beta", beta),
            seeds=options.parse_seeds(None, seeds),
            recurrences=recurrences,
            window_size=window_size,
            traces=traces,
            compat=compat,
        )
        _run(
            described,
            output_directory,
            jobs=jobs,
            engine=engine,
            table_format=table_format,
            restart=restart,
            as_json=as_json,
        )


@app.command("groups", short_help="Recurring jobs whose submissions overlap.")
def groups(
    groups: _Groups = None,
    gpus: _Gpus = "all",
    policies: _Policies = "zeus,default,grid,oracle",
    seeds: _Seeds = "0:10",
    eta: _Etas = "0.5",
    beta: _Betas = "2",
    window_size: options.Window = 0,
    traces: options.Traces = None,
    compat: options.Compat = False,
    jobs: _Jobs = 1,
    engine: _Engine = "processes",
    output_directory: _Output = None,
    table_format: _Format = "csv",
    restart: _Restart = False,
    as_json: options.Json = False,
) -> None:
    """Sweep groups of overlapping submissions: a row per file, GPU type, eta, beta, policy, seed and workload.

    Rows whose workload is "total" sum up the others of their cell and seed. Seed 0 has the published seeds.

    \b
    Examples:
      elastance data synthesize groups --seed 1 --output groups.csv
      elastance sweep groups --groups groups.csv --gpus v100
      elastance sweep groups --groups monday.csv,tuesday.csv.xz --eta 0,0.5,1 --jobs 2 --output sweep
    """  # noqa: D301
    from elastance.simulate.sweeps import group_sweep

    if groups is None:
        raise InputError(
            "--groups FILE,... is missing: group traces; "
            "`elastance data synthesize groups --output groups.csv` makes one to try"
        )
    with options.user_modules():
        described = group_sweep(
            options.parse_names("--groups", groups),
            _names_or_all("--gpus", gpus),
            policies=options.parse_names("--policies", policies),
            etas=_numbers("--eta", eta),
            betas=_numbers("--beta", beta),
            seeds=options.parse_seeds(None, seeds),
            window_size=window_size,
            traces=traces,
            compat=compat,
        )
        _run(
            described,
            output_directory,
            jobs=jobs,
            engine=engine,
            table_format=table_format,
            restart=restart,
            as_json=as_json,
        )


def _run(
    described: Sweep,
    directory: Path | None,
    *,
    jobs: int,
    engine: str,
    table_format: str,
    restart: bool,
    as_json: bool,
) -> None:
    """Run the sweep, say what came of it, and exit with status 1 if a part of it failed."""
    from elastance.cli import output
    from elastance.simulate.sweeps import run_sweep

    if restart and directory is None:
        raise InputError("--restart needs --output: without one nothing is kept")
    total = None
    # Ray tells of its workers on standard output, which is for the result alone.
    aside = redirect_stdout(sys.stderr) if engine == "ray" else nullcontext()
    try:
        with output.counting("sweeping") as show, aside:

            def on_progress(done: int, of: int) -> None:
                nonlocal total
                total = of
                show(done, of)

            result = run_sweep(
                described,
                output=directory,
                jobs=jobs,
                engine=engine,
                table_format=table_format,
                restart=restart,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        if total is None:
            raise  # nothing was begun
        raise InterruptedSweepError(_how_to_go_on(directory, total)) from None
    if as_json:
        output.print_json(result.to_json())
    else:
        _print_result(result)
    if result.failures:
        raise typer.Exit(1)


def _how_to_go_on(directory: Path | None, total: int) -> str:
    from elastance.simulate.sweeps.store import count_kept

    if directory is None:
        return "interrupted; nothing was kept: with --output DIR a sweep can be resumed"
    return (
        f"interrupted; {count_kept(directory)} of {total} parts are kept in {directory}: "
        "the same command, without --restart, goes on from there"
    )


def _print_result(result: SweepResult) -> None:
    from rich.table import Table

    from elastance.cli import output

    parts, found = result.parts
    resumed = f"; {found} of {parts} parts of the work were done before" if found else ""
    output.say(f"{result.cells} cells, {len(result.plan['seeds'])} seed(s) each{resumed}", style="bold")
    for line in _sources(result):
        output.say(line, style="dim")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("policy", "cells", "energy saved", "time saved", "cost saved", "excess over oracle"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for of in result.summary():
        savings = (of.energy_saved, of.time_saved, of.cost_saved, of.excess_over_oracle)
        table.add_row(of.policy, str(of.cells), *map(output.percent, savings))
    output.say()
    output.console().print(table)
    output.say(
        "\nsaved: over all recurrences, exploration included, against default's expectation. excess: cost beyond\n"
        "  the oracle's expectation. Geometric means over the cells in which no policy failed, of means over seeds.",
        style="dim",
    )
    for failure in result.failures[:_SHOWN_FAILURES]:
        output.say(f"failed: {failure}", style="red")
    if len(result.failures) > _SHOWN_FAILURES:
        output.say(
            f"  and {len(result.failures) - _SHOWN_FAILURES} more cells; --json lists them all", style="red"
        )
    if result.table is not None:
        output.say(f"wrote {result.table} ({len(result.rows):,} rows)", style="dim")


def _sources(result: SweepResult) -> Sequence[str]:
    """Say where groups and facts came from, a line for each digest."""
    lines = [
        f"groups: {name}, {of['provenance']}, sha256 {of['sha256'][:12]}"
        for name, of in result.plan.get("groups", {}).items()
    ]
    by_digest: dict[str, list[str]] = {}
    for gpu, facts in result.plan["facts"].items():
        by_digest.setdefault(f"{facts['provenance']}, sha256 {facts['sha256'][:12]}", []).append(gpu)
    kind = "built-in models" if result.plan["facts_kind"] == "builtin" else result.plan["facts_kind"]
    return lines + [f"facts: {kind}, {digest} ({', '.join(gpus)})" for digest, gpus in by_digest.items()]


def _names_or_all(option: str, text: str) -> list[str] | None:
    return None if text == "all" else options.parse_names(option, text)


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} {text!r}: expected numbers separated by commas") from None
