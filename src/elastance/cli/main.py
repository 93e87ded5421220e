"""The command: its groups of verbs, and how every error becomes one clear line and an exit status."""

from __future__ import annotations

import os
import sys

import click
import typer

import elastance
from elastance.cli import data, policies, simulate
from elastance.errors import ElastanceError

app = typer.Typer(
    name="elastance",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(simulate.app, name="simulate")
app.add_typer(data.app, name="data")
app.command("policies")(policies.policies)


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
      elastance simulate recurring                         which batch size and power limit should a
                                                           nightly job use, and what will it save?
      elastance simulate recurring --workload cifar100 --gpu a40 --seeds 0:20 --plot out.png
      elastance data list                                  the jobs and GPUs there are facts about
      elastance policies                                   what can decide

    Every verb takes --help (with examples), and --json where a machine may read the answer.
    Exit status: 0 done, 1 the answer is no, 2 bad input.
    """  # noqa: D301


def main() -> None:
    """Run the command; the entry point of the console script."""
    try:
        sys.exit(app(standalone_mode=False))
    except ElastanceError as error:
        _fail(str(error), error.exit_status)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        sys.exit(2)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "elastance"
        _fail(f"{error.format_message()} (see `{where} --help`)", 2)
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted; nothing was left half-written", 130)
    except BrokenPipeError:
        # The reader went away, as in `elastance ... | head`; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _fail(message: str, status: int) -> None:
    print(f"elastance: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)
