"""`elastance simulate`: what would happen."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli import options, simulate_cluster, simulate_groups
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.catalog import Workload
    from elastance.job import Job
    from elastance.simulate import Comparison, PolicyResult

_SHOWN_RUNS = 12
"""Runs of slices with the same best batch size that are listed."""

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Try a decision on traces before touching a GPU."
)


_Workload = Annotated[
    str | None,
    typer.Option(
        help="One of the known workloads.", show_default="librispeech; that of --dataset or --drift"
    ),
]
_Dataset = Annotated[str | None, typer.Option(help="Dataset, as in the traces.")]
_Network = Annotated[str | None, typer.Option(help="Network, as in the traces.")]
_Optimizer = Annotated[str | None, typer.Option(help="Optimizer, as in the traces.")]
_Target = Annotated[float | None, typer.Option(help="Stop a run when this is reached.")]
_MaxEpochs = Annotated[int | None, typer.Option(help="Longest a run may take.")]
_DefaultSize = Annotated[int | None, typer.Option(help="Your own batch size; must be on offer.")]
_Recurrences = Annotated[
    int | None,
    typer.Option(
        help="How often the job recurs.", show_default="2 x sizes x limits; once per slice with --drift"
    ),
]
_Window = Annotated[
    int | None,
    typer.Option(
        help="How many of the last runs of a batch size count; 0 = all.", show_default="0; 10 with --drift"
    ),
]
_Drift = Annotated[
    Path | None, typer.Option(help="Train trace of each slice of a drifting data set; see docs/drift.md.")
]
_Seed = Annotated[int | None, typer.Option(help="One seed.", show_default="1")]
_Seeds = Annotated[str | None, typer.Option(help="Several seeds: 0:200 (the last not included) or 1,2,3.")]
_WarmStart = Annotated[
    str | None,
    typer.Option(
        "--warm-start-from",
        metavar="GPU",
        help="GPU type where the job recurred before; policies that can begin with what they learned there.",
    ),
]
_History = Annotated[Path | None, typer.Option(help="Write every run to this JSON file.")]


@app.callback()
def simulate() -> None:
    """Try a decision on traces before touching a GPU."""


@app.command("recurring", short_help="A job that trains again and again.")
def recurring(
    workload: _Workload = None,
    gpu: options.Gpu = "v100",
    policy: options.Policy = None,
    eta_knob: options.Eta = 0.5,
    beta_knob: options.Beta = 2.0,
    dataset: _Dataset = None,
    network: _Network = None,
    optimizer: _Optimizer = None,
    target_metric: _Target = None,
    max_epochs: _MaxEpochs = None,
    b0: _DefaultSize = None,
    recurrences: _Recurrences = None,
    seed: _Seed = None,
    seeds: _Seeds = None,
    window_size: _Window = None,
    traces: options.Traces = None,
    drift: _Drift = None,
    compat: options.Compat = False,
    warm_start: _WarmStart = None,
    jobs: options.Jobs = 1,
    as_json: options.Json = False,
    history: _History = None,
    plot: options.Plot = None,
    theme: options.Theme = "light",
) -> None:
    """Simulate a recurring job: which batch size and power limit, and what do they save?

    Compares policies on a job that trains again and again, from recorded traces or, on a fresh machine, from
    built-in models fitted to them. Savings are those of the last five recurrences against the user's own batch
    size at the largest power limit.

    \b
    Examples:
      elastance simulate recurring
      elastance simulate recurring --workload cifar100 --gpu a40 --seeds 0:200 --jobs 2
      elastance simulate recurring --eta-knob 1 --policy zeus,grid-early-stop --plot out.svg
      elastance simulate recurring --policy mypackage.mymodule:MyPolicy,zeus
      elastance simulate recurring --gpu a40 --policy knowledge-gradient,zeus --warm-start-from v100
      elastance simulate recurring --traces ~/zeus/trace --compat --history runs.json --json
      elastance simulate recurring --drift drift.csv --seeds 0:100
    """  # noqa: D301
    from elastance.cli import output
    from elastance.figures import draw_recurring
    from elastance.simulate import COMPARED_BY_DEFAULT, simulate_recurring
    from elastance.traces import read_drift

    if drift is not None and plot is not None:
        raise InputError("--plot draws jobs whose facts stay the same: give up --plot or --drift")
    options.check_destinations(history, plot, theme)
    policies = COMPARED_BY_DEFAULT if policy is None else options.parse_names("--policy", policy)
    drifting = None if drift is None else read_drift(drift)
    if drifting is not None and workload is None and dataset is None and len(drifting.datasets) == 1:
        (dataset,) = drifting.datasets
    job = _described_job(workload, dataset, network, optimizer, target_metric, max_epochs, b0)
    with options.user_modules(), output.counting("simulating") as on_progress:
        comparison = simulate_recurring(
            job,
            gpu,
            policies=policies,
            eta=eta_knob,
            beta=beta_knob,
            recurrences=recurrences,
            seeds=options.parse_seeds(seed, seeds),
            window_size=window_size,
            traces=traces,
            drift=drifting,
            compat=compat,
            warm_start_from=warm_start,
            jobs=jobs,
            on_progress=on_progress,
        )
    options.deliver(
        as_json=as_json,
        history=history,
        plot=plot,
        runs=comparison.histories,
        draw=partial(draw_recurring, comparison, theme=theme),
        document=comparison.to_json,
        show=partial(_print_table, comparison),
    )


def _described_job(
    workload: str | None,
    dataset: str | None,
    network: str | None,
    optimizer: str | None,
    target_metric: float | None,
    max_epochs: int | None,
    b0: int | None,
) -> Job | Workload:
    """Change a workload's default job by what the user gave; without --b0 its size adapts to what is on offer."""
    from elastance.catalog import WORKLOADS, Workload, find_workload
    from elastance.job import Job

    known = [of.name for of in WORKLOADS if of.dataset == dataset]
    if dataset is None or workload is not None or known:
        base = find_workload(workload or (known[0] if known else "librispeech"))
    else:
        needed = {
            "--network": network,
            "--optimizer": optimizer,
            "--target-metric": target_metric,
            "--max-epochs": max_epochs,
            "--b0": b0,
        }
        missing = [option for option, value in needed.items() if value is None]
        if missing:
            raise InputError(
                f"dataset {dataset!r} is none of the known workloads ({', '.join(of.name for of in WORKLOADS)}), "
                f"so {', '.join(missing)} must be given too"
            )
        base = Workload(dataset, dataset, "", "", "", True, 0.0, 1, 1)
    given = {
        "dataset": dataset,
        "network": network,
        "optimizer": optimizer,
        "target_metric": target_metric,
        "max_epochs": max_epochs,
        "batch_size": b0,
    }
    changed = replace(base, **{name: value for name, value in given.items() if value is not None})
    return changed if b0 is None else Job.of_workload(changed)


def _print_table(comparison: Comparison) -> None:
    from rich.table import Table

    from elastance.cli import output

    task, problem = comparison.task, comparison.task.problem
    output.say(f"{problem.job} on {comparison.gpu}", style="bold")
    beta = "off" if math.isinf(problem.beta) else f"{problem.beta:g}"
    seeds = len(comparison.policies[0].histories)
    mode = "; replaying the published simulator" if task.published else ""
    window = f", window {problem.window_size}" if problem.window_size or comparison.drift else ""
    output.say(
        f"{task.recurrences} recurrences, {seeds} seed(s), eta {problem.cost.eta:g}, early stopping at beta {beta}"
        f"{window}{mode}\nfacts: {comparison.source}"
        + ("" if comparison.drift is None else f"\nepochs: {comparison.drift}"),
        style="dim",
    )
    if comparison.drift is not None:
        _print_drift(comparison)
    output.say()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "policy",
        "final b, W",
        "energy saved",
        "time saved",
        "total energy",
        "total time",
        "regret",
        "pays back",
    ):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for result in comparison.policies:
        table.add_row(*_table_row(result))
    output.console().print(table)
    output.say()
    default, yardstick = task.default, task.yardstick
    oracle = "an" if comparison.drift is None else "the mean"
    output.say(
        f"saved: in the last five recurrences, against default: batch size {default.batch_size} at "
        f"{default.power_limit_w} W, expected to take\n  {output.joules(yardstick.last_default_j)} and "
        f"{output.seconds(yardstick.last_default_s)} per recurrence. total, regret: over all recurrences, in costs "
        f"of {oracle} oracle recurrence.\n  pays back: first recurrence from which on the accumulated cost stays "
        "below default's." + ("\n  ±: 95 % confidence interval over seeds." if seeds > 1 else ""),
        style="dim",
    )
    for result in comparison.policies:
        for note in result.notes:
            output.say(f"{result.policy}: {note}", style="yellow")
    _print_answer(comparison)


def _print_drift(comparison: Comparison) -> None:
    """Say which batch size is best on each slice, and that it is made up where it is."""
    from itertools import groupby

    from elastance.cli import output

    best: list[str] = []
    first = 1
    for size, run in groupby(of.oracle.batch_size for of in comparison.task.baselines):
        last = first + len(list(run)) - 1
        best.append(f"{size} on {first}" if first == last else f"{size} on {first}-{last}")
        first = last + 1
    shown = (
        best
        if len(best) <= _SHOWN_RUNS
        else [*best[:_SHOWN_RUNS], f"and {len(best) - _SHOWN_RUNS} more changes"]
    )
    output.say(
        f"oracle: the best configuration of each slice; its batch size: {', '.join(shown)}", style="dim"
    )
    if comparison.drift is not None and comparison.drift.synthetic:
        output.say(
            "The drift is SYNTHETIC: it shows how policies follow a change, not what they save.",
            style="yellow",
        )


def _table_row(result: PolicyResult) -> tuple[str, ...]:
    from elastance.cli.output import joules, number, percent, seconds
    from elastance.policies import find_policy

    def spread(quantity: str) -> tuple[float | None, float | None]:
        """Mean and interval; none where seeds differ by nothing but the rounding of their mean."""
        mean, ci95 = result.spread(quantity)
        return mean, ci95 if ci95 and ci95 > 1e-12 * abs(mean or 0.0) else None

    def with_interval(quantity: str, show: Callable[[float | None], str]) -> str:
        mean, ci95 = spread(quantity)
        return show(mean) if not ci95 else f"{show(mean)} ± {show(ci95)}"

    def percentage(quantity: str) -> str:
        mean, ci95 = spread(quantity)
        return percent(mean) if not ci95 else f"{100 * (mean or 0):.1f} ± {100 * ci95:.1f} %"

    share = result.break_even_share
    pays_back = number(result.spread("break_even_recurrence").mean, 0) if share else "never"
    final = "-" if result.final is None else f"{result.final[0]}, {result.final[1]}"
    return (
        find_policy(result.policy).label,
        final if result.final_share in (None, 1.0) else f"{final} ({result.final_share:.0%})",
        percentage("energy_saving"),
        percentage("time_saving"),
        joules(result.spread("energy_j").mean),
        seconds(result.spread("time_s").mean),
        with_interval("regret_oracle_jobs", number),
        pays_back if share in (0.0, 1.0) else f"{pays_back} ({share:.0%})",
    )


def _print_answer(comparison: Comparison) -> None:
    """Answer the question in a sentence, for the first policy that decides anything."""
    from elastance.cli import output
    from elastance.policies import PolicyKind, find_policy

    deciding = [r for r in comparison.policies if find_policy(r.policy).kind is not PolicyKind.BASELINE]
    if not deciding or deciding[0].final is None:
        return
    result = deciding[0]
    size, limit = result.final or (0, 0)
    energy, time = result.spread("energy_saving").mean or 0.0, result.spread("time_saving").mean or 0.0
    verb = "settles on" if comparison.drift is None else "ends at"
    output.say(
        f"\n{result.policy} {verb} batch size {size} at {limit} W: "
        f"{output.percent(abs(energy))} {'less' if energy >= 0 else 'more'} energy and "
        f"{output.percent(abs(time))} {'less' if time >= 0 else 'more'} time per recurrence than default.",
        style="bold",
    )


app.command("groups", short_help="Many recurring jobs that overlap, as on a cluster.")(simulate_groups.groups)
app.command("cluster", short_help="Elastic jobs that share a cluster of several GPU types.")(
    simulate_cluster.cluster
)
