"""`elastance simulate`: what would happen."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from elastance.catalog import Workload
    from elastance.job import Job
    from elastance.simulate import Comparison, PolicyResult

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Try a decision on traces before touching a GPU."
)


_Workload = Annotated[
    str | None, typer.Option(help="One of the known workloads; librispeech unless --dataset is given.")
]
_Gpu = Annotated[str, typer.Option(help="GPU type.")]
_Policy = Annotated[
    str | None,
    typer.Option(
        help="Policies to compare, separated by commas; see `elastance policies`.",
        show_default="zeus,default,grid,oracle",
    ),
]
_Eta = Annotated[float, typer.Option(help="1 minimises energy, 0 time, between them both.")]
_Beta = Annotated[
    float, typer.Option(help="Stop a run at this multiple of the least cost so far; inf never does.")
]
_Dataset = Annotated[str | None, typer.Option(help="Dataset, as in the traces.")]
_Network = Annotated[str | None, typer.Option(help="Network, as in the traces.")]
_Optimizer = Annotated[str | None, typer.Option(help="Optimizer, as in the traces.")]
_Target = Annotated[float | None, typer.Option(help="Stop a run when this is reached.")]
_MaxEpochs = Annotated[int | None, typer.Option(help="Longest a run may take.")]
_DefaultSize = Annotated[int | None, typer.Option(help="Your own batch size; must be on offer.")]
_Recurrences = Annotated[
    int | None, typer.Option(help="How often the job recurs.", show_default="2 x sizes x limits")
]
_Seed = Annotated[int | None, typer.Option(help="One seed.", show_default="1")]
_Seeds = Annotated[str | None, typer.Option(help="Several seeds: 0:200 (the last not included) or 1,2,3.")]
_Window = Annotated[int, typer.Option(help="How many of the last runs of a batch size count; 0 = all.")]
_Traces = Annotated[Path | None, typer.Option(help="Directory of trace files; see `elastance data list`.")]
_Compat = Annotated[bool, typer.Option("--compat", help="Replay the published simulator, defects included.")]
_Jobs = Annotated[int, typer.Option(help="Worker processes.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_History = Annotated[Path | None, typer.Option(help="Write every run to this JSON file.")]
_Plot = Annotated[Path | None, typer.Option(help="Draw the result: .png, .svg or .pdf.")]
_Theme = Annotated[str, typer.Option(help="Colours of the picture: light or dark.")]


@app.callback()
def simulate() -> None:
    """Try a decision on traces before touching a GPU."""


@app.command("recurring", short_help="A job that trains again and again.")
def recurring(
    workload: _Workload = None,
    gpu: _Gpu = "v100",
    policy: _Policy = None,
    eta_knob: _Eta = 0.5,
    beta_knob: _Beta = 2.0,
    dataset: _Dataset = None,
    network: _Network = None,
    optimizer: _Optimizer = None,
    target_metric: _Target = None,
    max_epochs: _MaxEpochs = None,
    b0: _DefaultSize = None,
    recurrences: _Recurrences = None,
    seed: _Seed = None,
    seeds: _Seeds = None,
    window_size: _Window = 0,
    traces: _Traces = None,
    compat: _Compat = False,
    jobs: _Jobs = 1,
    as_json: _Json = False,
    history: _History = None,
    plot: _Plot = None,
    theme: _Theme = "light",
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
      elastance simulate recurring --traces ~/zeus/trace --compat --history runs.json --json
    """  # noqa: D301
    from elastance.cli import output
    from elastance.simulate import COMPARED_BY_DEFAULT, simulate_recurring

    _check_destinations(history, plot, theme)
    policies = COMPARED_BY_DEFAULT if policy is None else parse_names("--policy", policy)
    job = _described_job(workload, dataset, network, optimizer, target_metric, max_epochs, b0)
    with _user_modules(), output.counting("simulating") as on_progress:
        comparison = simulate_recurring(
            job,
            gpu,
            policies=policies,
            eta=eta_knob,
            beta=beta_knob,
            recurrences=recurrences,
            seeds=parse_seeds(seed, seeds),
            window_size=window_size,
            traces=traces,
            compat=compat,
            jobs=jobs,
            on_progress=on_progress,
        )
    _deliver(comparison, as_json=as_json, history=history, plot=plot, theme=theme)


def _check_destinations(history: Path | None, plot: Path | None, theme: str) -> None:
    """Refuse what could not be written before anything is computed."""
    from elastance.figures import check_picture_path, find_theme
    from elastance.files import check_writable

    find_theme(theme)
    if plot is not None:
        check_picture_path(plot)
    if history is not None:
        check_writable(history)


def _deliver(
    comparison: Comparison, *, as_json: bool, history: Path | None, plot: Path | None, theme: str
) -> None:
    """Write the files that were asked for, then print the document or the table."""
    from elastance.cli import output
    from elastance.figures import draw_recurring, save_figure

    if history is not None:
        output.write_json(history, comparison.histories())
    if plot is not None:
        save_figure(draw_recurring(comparison, theme=theme), plot)
    if as_json:
        output.print_json(comparison.to_json())
        return
    _print_table(comparison)
    for path in (history, plot):
        if path is not None:
            output.say(f"wrote {path}", style="dim")


def parse_names(option: str, text: str) -> list[str]:
    """Split a comma-separated list.

    Raises:
        InputError: A name is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise InputError(f"{option} {text!r}: expected names separated by commas")
    return names


def parse_seeds(seed: int | None, seeds: str | None) -> list[int]:
    """Return the seeds that ``--seed`` or ``--seeds`` ask for; 1 if neither is given.

    Raises:
        InputError: Both are given, or the text is neither a range nor a list of whole numbers.
    """
    if seeds is None:
        return [1 if seed is None else seed]
    if seed is not None:
        raise InputError("give --seed or --seeds, not both")
    try:
        if ":" in seeds:
            first, end = (int(part) for part in seeds.split(":"))
            chosen = list(range(first, end))
        else:
            chosen = [int(part) for part in seeds.split(",")]
    except ValueError:
        raise InputError(
            f"--seeds {seeds!r}: expected a range such as 0:200 or a list such as 1,2,3"
        ) from None
    if not chosen:
        raise InputError(f"--seeds {seeds!r} is an empty range: 0:200 means 0 to 199")
    if len(set(chosen)) != len(chosen):
        raise InputError(f"--seeds {seeds!r} names a seed twice")
    return chosen


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


@contextmanager
def _user_modules() -> Generator[None]:
    """Let ``module:Class`` name a module in the current directory, as with ``python -m``."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _print_table(comparison: Comparison) -> None:
    from rich.table import Table

    from elastance.cli import output

    task, problem = comparison.task, comparison.task.problem
    output.say(f"{problem.job} on {comparison.gpu}", style="bold")
    beta = "off" if math.isinf(problem.beta) else f"{problem.beta:g}"
    seeds = len(comparison.policies[0].histories)
    mode = "; replaying the published simulator" if task.published else ""
    output.say(
        f"{task.recurrences} recurrences, {seeds} seed(s), eta {problem.cost.eta:g}, early stopping at beta {beta}"
        f"{mode}\nfacts: {comparison.source}\n",
        style="dim",
    )
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
    default = task.default
    output.say(
        f"saved: in the last five recurrences, against default: batch size {default.batch_size} at "
        f"{default.power_limit_w} W, expected to take\n  {output.joules(default.energy_j)} and "
        f"{output.seconds(default.time_s)} per recurrence. total, regret: over all recurrences, in costs of an "
        "oracle recurrence.\n  pays back: first recurrence from which on the accumulated cost stays below default's."
        + ("\n  ±: 95 % confidence interval over seeds." if seeds > 1 else ""),
        style="dim",
    )
    for result in comparison.policies:
        for note in result.notes:
            output.say(f"{result.policy}: {note}", style="yellow")
    _print_answer(comparison)


def _table_row(result: PolicyResult) -> tuple[str, ...]:
    from elastance.cli.output import joules, number, percent, seconds
    from elastance.policies import find_policy

    def with_interval(quantity: str, show: Callable[[float | None], str]) -> str:
        mean, ci95 = result.spread(quantity)
        return show(mean) if not ci95 else f"{show(mean)} ± {show(ci95)}"

    def percentage(quantity: str) -> str:
        mean, ci95 = result.spread(quantity)
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
    output.say(
        f"\n{result.policy} settles on batch size {size} at {limit} W: "
        f"{output.percent(abs(energy))} {'less' if energy >= 0 else 'more'} energy and "
        f"{output.percent(abs(time))} {'less' if time >= 0 else 'more'} time per recurrence than default.",
        style="bold",
    )
