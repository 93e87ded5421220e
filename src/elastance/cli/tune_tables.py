"""What `elastance tune` says: how a run ended, what a job has learned, which jobs there are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from elastance.cli.output import console, joules, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.train.tuning.recurrence import MadeRun


def tell_run(name: str, made: MadeRun) -> None:
    """Say on standard error how one run of a job ended."""
    run, result = made
    rate = f"batch size {run.batch_size}" + (f" at {run.power_limit_w} W" if run.power_limit_w else "")
    stopped = ", stopped at its cost threshold" if result.stopped else ""
    print(
        f"elastance: {name}, recurrence {run.recurrence + 1}, run {run.number + 1}: {rate}:"
        f" {result.status.value}, {joules(result.energy_j)}{stopped}",
        file=sys.stderr,
    )


def print_jobs(documents: Sequence[dict[str, Any]]) -> None:
    """Print a line per job."""
    rows = [
        (
            of["job"]["name"], of["job"]["target"], str(of["recurrences"]["reached"]), joules(of["energy_j"]),
            joules(of["saved_j"]),
        )
        for of in documents
    ]  # fmt: skip
    _print_table(("job", "target", "recurrences", "energy", "saved"), rows)


def print_status(document: dict[str, Any]) -> None:
    """Print what a job has learned, cost and saved."""
    _print_arms(document["arms"])
    for note in document["notes"]:
        say(note)
    counts = ", ".join(f"{count} {what}" for what, count in document["runs"].items() if count)
    reached = document["recurrences"]["reached"]
    say(f"recurrences: {reached}; runs: {counts or 'none yet'}; {joules(document['energy_j'])} in all")
    default, saved_j = document["default"], document["saved_j"]
    if default is not None:
        error_j = document["saved_error_j"]
        doubt = "" if error_j is None else f" +- {joules(error_j)}"
        word = "saved against" if saved_j >= 0 else "spent more than"
        say(
            f"{word} always batch size {document['job']['default_batch_size']}: {joules(abs(saved_j))}{doubt}"
            f" ({default['runs']} run{'' if default['runs'] == 1 else 's'} there, {joules(default['energy_j'])} each)"
        )
        if reached:
            said = (
                f"{what} {'not yet' if (at := document[key]) is None else f'from recurrence {at} on'}"
                for what, key in (("energy", "break_even_energy"), ("cost", "break_even_cost"))
            )
            say(f"breaks even: {', '.join(said)}")
    made_up = {"model", "replay"} & set(document["sources"])
    if made_up:
        say(f"not measured on hardware ({', '.join(sorted(made_up))})")


def _print_arms(arms: Sequence[dict[str, Any]]) -> None:
    headings = (
        "batch size",
        "runs",
        "reached",
        "mean cost",
        "mean energy",
        "believed cost",
        "in the running",
    )
    rows: list[tuple[str, ...]] = []
    for arm in arms:
        belief = arm["belief"]
        believed = "-" if belief is None else f"{joules(belief['mean_j'])} +- {joules(belief['deviation_j'])}"
        running = {None: "-", True: "yes", False: "no"}[arm["in_the_running"]]
        counts = (str(arm[key]) for key in ("batch_size", "runs", "reached"))
        rows.append((*counts, joules(arm["mean_cost_j"]), joules(arm["mean_energy_j"]), believed, running))
    _print_table(headings, rows)


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console().print(table)
