"""`elastance simulate groups`: what a cluster's worth of recurring jobs would take."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elastance.simulate import GroupComparison, GroupPolicyResult

_Groups = Annotated[
    Path | None,
    typer.Option(
        help="Group trace: .csv, .csv.gz, .csv.xz or .parquet; "
        "make one with `elastance data import` or `elastance data synthesize groups`.",
        show_default="required",
    ),
]
_Seed = Annotated[
    int | None, typer.Option(help="One repetition; 0 has the published seeds.", show_default="0")
]
_Seeds = Annotated[str | None, typer.Option(help="Several: 0:20 (the last not included) or 0,1,2.")]
_History = Annotated[
    Path | None, typer.Option(help="Write every run of the first policy, by group, to this JSON file.")
]


def groups(
    groups: _Groups = None,
    gpu: options.Gpu = "v100",
    policy: options.Policy = None,
    eta_knob: options.Eta = 0.5,
    beta_knob: options.Beta = 2.0,
    seed: _Seed = None,
    seeds: _Seeds = None,
    window_size: options.Window = 0,
    traces: options.Traces = None,
    compat: options.Compat = False,
    jobs: options.Jobs = 1,
    as_json: options.Json = False,
    history: _History = None,
    plot: options.Plot = None,
    theme: options.Theme = "light",
) -> None:
    """Simulate groups of recurring jobs whose submissions overlap, as on a shared cluster.

    Each group of the trace is one recurring job: submissions start and end when the trace says so, and the policy
    learns of a result only when it is there. Energy and time, all tries included, are compared with every
    submission run at the user's own batch size and the largest power limit (default), and with Grid Search.

    \b
    Examples:
      elastance data synthesize groups --seed 1 --output groups.csv
      elastance simulate groups --groups groups.csv
      elastance simulate groups --groups groups.csv --gpu a40 --seeds 0:20 --jobs 2 --plot groups.svg
      elastance simulate groups --groups groups.csv.xz --compat --policy zeus --history runs.json --json
    """  # noqa: D301
    from elastance.cli import output
    from elastance.errors import InputError
    from elastance.figures import draw_groups
    from elastance.simulate import COMPARED_BY_DEFAULT, simulate_groups

    if groups is None:
        raise InputError(
            "--groups FILE is missing: a group trace; "
            "`elastance data synthesize groups --output groups.csv` makes one to try"
        )
    options.check_destinations(history, plot, theme)
    policies = COMPARED_BY_DEFAULT if policy is None else options.parse_names("--policy", policy)
    with options.user_modules(), output.counting("simulating submissions") as on_progress:
        comparison = simulate_groups(
            groups,
            gpu,
            policies=policies,
            eta=eta_knob,
            beta=beta_knob,
            window_size=window_size,
            seeds=options.parse_seeds(seed, seeds, default=0),
            traces=traces,
            compat=compat,
            jobs=jobs,
            on_progress=on_progress,
        )
    options.deliver(
        as_json=as_json,
        history=history,
        plot=plot,
        runs=comparison.history,
        draw=partial(draw_groups, comparison, theme=theme),
        document=comparison.to_json,
        show=partial(_print_table, comparison),
    )


def _print_table(comparison: GroupComparison) -> None:
    from rich.table import Table

    from elastance.cli import output

    problem = next(iter(comparison.tasks.values())).problem
    totals, seeds = comparison.default.totals()[0], len(comparison.policies[0].seeds)
    output.say(
        f"{totals.submissions:,} submissions in {totals.groups:,} groups on {comparison.gpu}; "
        f"{totals.overlapping:,} overlap another of their group",
        style="bold",
    )
    beta = "off" if math.isinf(problem.beta) else f"{problem.beta:g}"
    mode = "; replaying the published simulator" if next(iter(comparison.tasks.values())).published else ""
    output.say(
        f"{comparison.trace}\n{seeds} seed(s), eta {problem.cost.eta:g}, early stopping at beta {beta}{mode}\n"
        f"facts: {comparison.source}\n",
        style="dim",
    )
    grid = comparison.grid
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("workload", "jobs", "policy", "energy", "time", "energy/default", "time/default"):
        table.add_column(name, justify="left" if name in ("workload", "policy") else "right")
    if grid is not None:
        table.add_column(f"energy/{grid.policy}", justify="right")
        table.add_column(f"time/{grid.policy}", justify="right")
    for dataset in (*comparison.datasets, None):
        for row in _rows(comparison, dataset):
            table.add_row(*row, style="bold" if dataset is None else None)
    output.console().print(table)
    output.say(
        "\nenergy, time: sums over all runs, failed tries included, each scaled by its submission's runtime ratio.\n"
        "/default: relative to every submission at the user's own batch size and the largest power limit."
        + ("\n±: 95 % confidence interval over seeds." if seeds > 1 else ""),
        style="dim",
    )
    for result in comparison.policies:
        given_up = result.spread("given_up").mean
        for note in result.notes:
            output.say(f"{result.policy}: {note}", style="yellow")
        if given_up:
            output.say(f"{result.policy}: gave up {given_up:g} submissions after 20 tries", style="yellow")


def _rows(comparison: GroupComparison, dataset: str | None) -> Iterator[tuple[str, ...]]:
    """Yield the rows of one workload, or of all together; the workload is named in the first."""
    from elastance.cli.output import joules, seconds
    from elastance.policies import find_policy
    from elastance.simulate.group_comparison import workload_of

    name = "all" if dataset is None else workload_of(dataset)
    jobs = f"{comparison.default.totals(dataset)[0].submissions:,}"
    for result in comparison.policies:
        cells = [
            find_policy(result.policy).label,
            joules(result.spread("energy_j", dataset).mean),
            seconds(result.spread("time_s", dataset).mean),
            _ratio(comparison, result, comparison.default, "energy_j", dataset),
            _ratio(comparison, result, comparison.default, "time_s", dataset),
        ]
        if comparison.grid is not None:
            cells.append(_ratio(comparison, result, comparison.grid, "energy_j", dataset))
            cells.append(_ratio(comparison, result, comparison.grid, "time_s", dataset))
        yield name, jobs, *cells
        name = jobs = ""


def _ratio(
    comparison: GroupComparison,
    result: GroupPolicyResult,
    baseline: GroupPolicyResult,
    quantity: str,
    dataset: str | None,
) -> str:
    from elastance.cli.output import number

    mean, ci95 = comparison.relative(result, baseline, quantity, dataset)
    digits = 3 if (mean or 0.0) < 10 else 1
    shown = number(mean, digits)
    return f"{shown} ± {number(ci95, digits)}" if ci95 and round(ci95, digits) else shown
