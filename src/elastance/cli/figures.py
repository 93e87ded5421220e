"""`elastance figures`: figures of papers, computed anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli.options import Jobs, Json, Theme, Traces, parse_names, parse_seeds
from elastance.errors import InputError

if TYPE_CHECKING:
    from elastance.figures.experiments.experiment import Experiment, Result

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Figures of papers, computed anew: which claims hold?"
)

_Names = Annotated[
    str,
    typer.Argument(metavar="NAMES", help="Figures, separated by commas; zeus/all for all of them, or all."),
]
_Output = Annotated[
    Path, typer.Option(help="Directory for data, findings and pictures; made if it is missing.")
]
_Seeds = Annotated[
    str | None,
    typer.Option(
        help="Seeds to simulate: 0:200 (the last not included) or 1,2,3.", show_default="each figure's own"
    ),
]
_Groups = Annotated[
    Path | None, typer.Option(help="File of groups for zeus/cluster.", show_default="synthetic ones")
]
_Drift = Annotated[
    Path | None, typer.Option(help="Drift trace for zeus/drift.", show_default="a synthetic one")
]
_Device = Annotated[
    str, typer.Option(help="Where figures that train do it: cpu, or cuda (larger models, one GPU).")
]
_Format = Annotated[str, typer.Option("--format", help="Format of the pictures: png, svg or pdf.")]


@app.callback()
def figures() -> None:
    """Figures of papers, computed anew: which claims hold?"""


@app.command("list", short_help="Which figures there are.")
def list_figures(as_json: Json = False) -> None:
    """List every figure: what it shows, what must hold, and on what its numbers rest.

    \b
    Examples:
      elastance figures list
      elastance figures list --json
    """  # noqa: D301
    from elastance.figures.experiments.registry import known_experiments

    known = known_experiments()
    if as_json:
        from elastance.cli.output import print_json

        print_json({"figures": [_listed(experiment) for experiment in known]})
        return

    from rich.table import Table

    from elastance.cli.output import console, say

    table = Table("figure", "paper", "kind", "what must hold", box=None, pad_edge=False, header_style="bold")
    for experiment in known:
        table.add_row(experiment.name, experiment.paper, experiment.kind.value, experiment.must_hold)
    console().print(table)
    for experiment in known:
        if experiment.impossible:
            say(f"\n{experiment.name} cannot be reproduced: {experiment.impossible}", style="dim")


def _listed(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "paper": experiment.paper,
        "title": experiment.title,
        "kind": experiment.kind.value,
        "must_hold": experiment.must_hold,
        "reproducible": not experiment.impossible,
        "reason": experiment.impossible or None,
    }


@app.command("run", short_help="Compute figures anew and judge their claims.")
def run(
    names: _Names,
    traces: Traces = None,
    output: _Output = Path("figures"),
    seeds: _Seeds = None,
    groups: _Groups = None,
    drift: _Drift = None,
    device: _Device = "cpu",
    jobs: Jobs = 1,
    theme: Theme = "light",
    form: _Format = "png",
    as_json: Json = False,
) -> None:
    """Compute figures anew: data, picture, and which claims hold by how much.

    Writes for each figure its data (CSV), its findings with the source of the facts (JSON) and a picture, and prints
    a line per claim: whether it held, what was found, and against which baseline. A claim about the public traces is
    not judged on other facts, such as the built-in models. Exit status 1 if a claim did not hold.

    \b
    Examples:
      elastance figures run zeus/potential
      elastance figures run zeus/all --traces ~/zeus/trace --output figures --jobs 2
      elastance figures run zeus/savings,zeus/regret --seeds 0:20 --theme dark --format svg
      elastance figures run zeus/cluster --groups alibaba_groups.csv.xz
      elastance figures run zeus/tradeoff --json
      elastance figures run easyscale/context-switch,easyscale/overhead
      elastance figures run cluster/energy-vs-jct --jobs 2
    """  # noqa: D301
    from elastance.cli import output as shown
    from elastance.figures import find_theme
    from elastance.figures.experiments.delivery import (
        picture_suffix,
        result_document,
        result_paths,
        write_result,
    )
    from elastance.figures.experiments.finding import Verdict
    from elastance.figures.experiments.registry import find_experiments
    from elastance.figures.experiments.setting import Setting
    from elastance.simulate.inputs import checked_seeds, opened_source
    from elastance.simulate.processes import check_jobs

    experiments = find_experiments(parse_names("NAMES", names))
    find_theme(theme)
    suffix = picture_suffix(form)
    chosen = None if seeds is None else tuple(checked_seeds(parse_seeds(None, seeds)))
    check_jobs(jobs)
    source = opened_source(traces)
    _make(output)
    for experiment in experiments:
        result_paths(experiment, output, suffix)
    documents: list[dict[str, Any]] = []
    for experiment in experiments:
        assert experiment.compute is not None, experiment.name
        with shown.counting(experiment.name) as on_progress:
            result = experiment.compute(Setting(source, chosen, jobs, on_progress, groups, drift, device))
        files = write_result(experiment, result, output, suffix=suffix, theme=theme)
        documents.append(result_document(experiment, result) | {"written": list(map(str, files))})
        if not as_json:
            _print_result(experiment, result, files)
    failed = [of["figure"] for of in documents if not of["held"]]
    if as_json:
        shown.print_json({"figures": documents, "held": not failed})
    elif failed:
        shown.say(f"{Verdict.FAILED.value}: {', '.join(failed)}", style="bold red")
    if failed:
        raise typer.Exit(1)


def _make(directory: Path) -> None:
    """Make the output directory; those above it must be there, so that a slip of the pen makes no tree."""
    try:
        directory.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise InputError(f"--output {directory}: there is no directory {directory.parent}") from None
    except OSError as error:
        raise InputError(f"--output {directory}: cannot be made: {error.strerror}") from None


def _print_result(experiment: Experiment, result: Result[Any], files: tuple[Path, ...]) -> None:
    from elastance.cli.output import say
    from elastance.figures.experiments.finding import Verdict

    styles = {Verdict.HELD: "green", Verdict.FAILED: "bold red", Verdict.NOT_JUDGED: "yellow"}
    say(f"{experiment.name}: {experiment.title} ({experiment.paper})", style="bold")
    for finding in result.findings:
        say(f"  {finding}", style=styles[finding.verdict])
    say(f"  {result.settings}", style="dim")
    say(f"  facts: {result.source}; wrote {', '.join(map(str, files))}", style="dim")
