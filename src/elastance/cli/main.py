"""The command: its groups of verbs, and how every error becomes one clear line and an exit status."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import Any, NoReturn

import typer

import elastance
from elastance.cli import (
    certify,
    data,
    doctor,
    energy,
    export,
    figures,
    launch,
    limit,
    measure,
    policies,
    profile,
    record,
    resize,
    simulate,
    split,
    sweep,
    top,
    tune,
)
from elastance.errors import ElastanceError

_INTERRUPTED = 130
"""Exit status after Ctrl-C: what Typer returns, and what shells expect."""

_READER_GONE = 141
"""Exit status when the reader of standard output went away."""

# Typer hides the class of its usage errors, but not what is derived from it.
UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="elastance",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(simulate.app, name="simulate", short_help="What would happen? Try a decision on traces.")
app.add_typer(data.app, name="data", short_help="What are the facts? Traces and built-in models.")
app.add_typer(sweep.app, name="sweep", short_help="Every combination of settings, into one table.")
app.add_typer(figures.app, name="figures", short_help="What do the papers claim, and does it hold?")
app.command(
    "measure",
    short_help="Run a command and say what energy it took.",
    context_settings={"allow_interspersed_args": False},
)(measure.measure)
app.command("record", short_help="Write down the power that devices draw.")(record.record)
app.command("energy", short_help="Energy and mean power in power logs.")(energy.energy)
app.command("top", short_help="Watch power, temperature and joules.")(top.top)
app.command("export", short_help="Joules and watts for Prometheus.")(export.export)
app.command("doctor", short_help="What can be measured here, and can it be trusted?")(doctor.doctor)
app.add_typer(limit.app, name="limit", short_help="Power limits, put back safely.")
app.command(
    "profile",
    short_help="What do a script's steps take, by batch size and limit?",
    context_settings={"allow_interspersed_args": False},
)(profile.profile)
app.command("split", short_help="How should unlike GPUs share a batch?")(split.split)
app.command(
    "launch",
    short_help="Train: by a plan of `split`, or elastically.",
    context_settings={"allow_interspersed_args": False},
)(launch.launch)
app.command("resize", short_help="Other executors for a running elastic job.")(resize.resize)
app.add_typer(tune.app, name="tune", short_help="Let each run of a recurring job teach the next.")
app.command(
    "certify",
    short_help="Does a script give the bits of DDP, on any executors?",
    context_settings={"allow_interspersed_args": False},
)(certify.certify)
app.command("policies", short_help="What can decide?")(policies.policies)


def _print_version(value: bool) -> None:
    if value:
        print(f"elastance {elastance.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Train deep networks for less energy, on whatever GPUs are there, without changing the result.

    \b
    Start here:
      elastance simulate recurring    which batch size and power limit should a
                                      nightly job use, and what will it save?
      elastance simulate cluster      jobs that share GPUs of several types
      elastance doctor                what can be measured on this machine
      elastance measure -- COMMAND    what energy does a command take?
      elastance tune init             let a job that recurs find its batch size
      elastance split                 how should unlike GPUs share a batch?
      elastance data list             the jobs and GPUs there are facts about
      elastance figures list          figures of papers that can be computed anew

    \b
    Every verb takes --help, with examples; most take --json, for machines.
    Exit status: 0 done, 1 the answer is no, 2 bad input.
    """  # noqa: D301


def main() -> None:
    """Run the command; the entry point of the console script."""
    try:
        status = app(prog_name="elastance", standalone_mode=False)
    except ElastanceError as error:
        _fail(str(error), error.exit_status)
    except UsageError as error:
        _explain_usage(error)
    except BrokenPipeError:
        status = _READER_GONE
    except OSError as error:
        _fail(f"{error.filename or 'the output'}: {error.strerror}", 2)
    if status == _INTERRUPTED:
        _fail("interrupted; nothing was left half-written", status)
    if status == _READER_GONE:
        # As in `elastance ... | head`; keep Python from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _explain_usage(error: Any) -> NoReturn:  # noqa: ANN401
    message: str = error.format_message()
    if message.startswith("Usage:"):  # a group without a verb: its help
        print(message)
        sys.exit(2)
    options: list[str] = getattr(getattr(error, "param", None), "opts", [])
    given = [value for option, value in pairwise(sys.argv) if option in options]
    got = f", got {given[-1]!r}" if given and given[-1] not in message else ""
    where = error.ctx.command_path if error.ctx else "elastance"
    _fail(f"{message.rstrip('.')}{got} (see `{where} --help`)", 2)


def _fail(message: str, status: int) -> NoReturn:
    print(f"elastance: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)
