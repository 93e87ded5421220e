"""`elastance simulate cluster`: what schedulers would make of the jobs of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options

if TYPE_CHECKING:
    from elastance.simulate.cluster import ClusterComparison, ClusterPolicyResult

_Workload = Annotated[
    Path, typer.Argument(help="Jobs: a cluster trace, or the workload published with EasyScale.")
]
_Cluster = Annotated[str, typer.Option(help="GPUs of each type.")]
_Policy = Annotated[
    str | None,
    typer.Option(
        help="Schedulers to compare, separated by commas: yarn-cs, fifo, fifo-backfill, srtf, tiresias, "
        "easyscale-homo, easyscale-heter, energy-elastic, or package.module:Class.",
        show_default="fifo-backfill,easyscale-homo,easyscale-heter,energy-elastic",
    ),
]
_Traces = Annotated[
    Path | None,
    typer.Option(
        help="Folder that holds step_times.json.", show_default="$ELASTANCE_TRACES, else fitted models"
    ),
]
_Profiles = Annotated[
    list[str] | None,
    typer.Option(
        help="Folder or split profile that `elastance profile` wrote: step times, draw and power limits of one "
        "application on one GPU type, instead of the assumed ones. APPLICATION=DIR says whose. May be repeated.",
        show_default="none",
    ),
]
_Interval = Annotated[float, typer.Option(help="Seconds after which the scheduler is asked at the latest.")]
_Seeds = Annotated[
    str | None,
    typer.Option(
        help="0 is the workload as it is; any other deals the jobs out anew over its submission times. "
        "Several: 0:30 (the last not included) or 0,1,2.",
        show_default="0",
    ),
]
_PowerCap = Annotated[
    str | None,
    typer.Option(
        help="What all GPUs may draw together at any instant: 12kW, or a CSV file of time_s,power_w. "
        "energy-elastic keeps it.",
        show_default="none",
    ),
]
_EtaKnob = Annotated[
    float | None,
    typer.Option(help="energy-elastic: 1 minimises energy, 0 time, between them both.", show_default="0.64"),
]
_Output = Annotated[
    Path | None, typer.Option(help="Write document, jobs, phases and timeline into this folder.")
]
_Plot = Annotated[
    Path | None, typer.Option(help="Draw comparison.png, allocation.png and gantt.png into this folder.")
]


def cluster(
    workload: _Workload,
    cluster: _Cluster = "v100=32,p100=16,t4=16",
    policy: _Policy = None,
    traces: _Traces = None,
    profiles: _Profiles = None,
    interval: _Interval = 60.0,
    seeds: _Seeds = None,
    power_cap: _PowerCap = None,
    eta_knob: _EtaKnob = None,
    compat: options.Compat = False,
    as_json: options.Json = False,
    output: _Output = None,
    plot: _Plot = None,
    theme: options.Theme = "light",
) -> None:
    """Simulate the jobs of a cluster under several schedulers: completion times, makespan, GPUs held, and energy.

    A job has a fixed number of logical workers that share however many GPUs it is given, so it can grow and shrink
    while it trains. Energy is that of all GPUs of the cluster, those that wait included, at assumed power.

    \b
    Examples:
      elastance simulate cluster jobs.csv
      elastance simulate cluster jobs.csv --cluster v100=16,t4=64 --policy fifo-backfill,srtf,easyscale-heter
      elastance simulate cluster jobs.csv --seeds 0:30 --plot pictures --output records
      elastance simulate cluster jobs.csv --policy easyscale-heter,energy-elastic --power-cap 8kW
      elastance simulate cluster jobs.csv --profiles bert=profiled/bert-v100 --profiles bert=profiled/bert-t4
      elastance simulate cluster workload.csv --traces easyscale --compat --interval 60 --json
    """  # noqa: D301
    from elastance.cli import output as out
    from elastance.figures import find_theme
    from elastance.simulate.cluster import check_directory, simulate_cluster, write_records

    find_theme(theme)
    for directory in (output, plot):
        if directory is not None:
            check_directory(directory)
    with options.user_modules(), out.counting("simulating jobs") as on_progress:
        comparison = simulate_cluster(
            workload,
            cluster,
            policies=None if policy is None else options.parse_names("--policy", policy),
            interval_s=interval,
            seeds=None if seeds is None else options.parse_seeds(None, seeds),
            traces=traces,
            compat=compat,
            power_cap=power_cap,
            eta=eta_knob,
            profiles=profiles or (),
            on_progress=on_progress,
        )
    written = () if output is None else write_records(comparison, output)
    if plot is not None:
        written += _draw(comparison, plot, theme)
    if as_json:
        out.print_json(comparison.to_json())
        return
    _print_table(comparison)
    for path in written:
        out.say(f"wrote {path}", style="dim")


def _draw(comparison: ClusterComparison, directory: Path, theme: str) -> tuple[Path, ...]:
    from elastance.figures import (
        draw_cluster_allocation,
        draw_cluster_comparison,
        draw_cluster_gantt,
        save_figure,
    )

    written: list[Path] = []
    for name, draw in (
        ("comparison", draw_cluster_comparison),
        ("allocation", draw_cluster_allocation),
        ("gantt", draw_cluster_gantt),
    ):
        path = directory / f"{name}.png"
        save_figure(draw(comparison, theme=theme), path)
        written.append(path)
    return tuple(written)


def _print_table(comparison: ClusterComparison) -> None:
    from rich.table import Table

    from elastance.cli import output

    seeds = len(comparison.policies[0].seeds)
    output.say(f"{len(comparison.workload.jobs):,} jobs on {comparison.cluster}", style="bold")
    mode = "replaying the published simulator" if comparison.compat else "event by event"
    output.say(
        f"{comparison.workload}\n{seeds} seed(s), {mode}, interval {comparison.interval_s:g} s\n"
        f"facts: {comparison.step_times}; power: assumed, by GPU type{_profiled(comparison)}\n",
        style="dim",
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "policy",
        "mean JCT",
        "p99 JCT",
        "queue",
        "makespan",
        "GPU-h",
        "training",
        "restarts",
        "energy",
    ):
        table.add_column(name, justify="left" if name == "policy" else "right", no_wrap=name == "policy")
    table.add_column("idle", justify="right")
    table.add_column("peak", justify="right")
    if comparison.cap is not None:
        table.add_column("over cap", justify="right")
    for result in comparison.policies:
        table.add_row(*_cells(result, comparison))
    output.console().print(table)
    output.say(
        "\nJCT: from submission to end. GPU-h: hours of GPUs held; training: share of them in which a logical worker"
        " trained.\n"
        "energy: all GPUs of the cluster up to the makespan; idle: the share of it drawn where nothing trained."
        + ("\n±: 95 % confidence interval over seeds." if seeds > 1 else ""),
        style="dim",
    )
    for line in comparison.workload.irregularities:
        output.say(f"{comparison.workload.path.name}: {line}", style="yellow")


def _profiled(comparison: ClusterComparison) -> str:
    """Say what was recorded instead, and where."""
    if not comparison.profiles:
        return ""
    of = (
        f"{profile.application} on {profile.gpu} ({profile.provenance}: {profile.profile.path})"
        for profile in comparison.profiles
    )
    return f"\nbut step times, power and limits from profiles: {', '.join(of)}"


def _cells(result: ClusterPolicyResult, comparison: ClusterComparison) -> tuple[str, ...]:
    from elastance.cli.output import joules, number, percent, seconds

    def mean(quantity: str, statistic: str | None = None) -> float:
        return result.spread(quantity, statistic).mean or 0.0

    ci95 = result.spread("jct_s", "mean").ci95
    jct = seconds(mean("jct_s", "mean")) + (f" ± {seconds(ci95)}" if ci95 else "")
    return (
        result.policy.rpartition(":")[2],
        jct,
        seconds(mean("jct_s", "p99")),
        seconds(mean("queue_s")),
        seconds(mean("makespan_s")),
        number(mean("allocated_gpu_hours")),
        percent(mean("useful_gpu_hours") / mean("allocated_gpu_hours")),
        number(mean("restarts"), 0),
        joules(mean("energy_j")),
        percent(mean("idle_energy_j") / mean("energy_j")),
        f"{mean('peak_power_w') / 1e3:.1f} kW",
        *(() if comparison.cap is None else (seconds(result.over_cap_s(comparison.cap).mean or 0.0),)),
    )
