"""How the command shows numbers, tables and progress."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from rich.console import Console
    from rich.progress import Progress

_WIDE_ENOUGH = 118
"""Columns to use where the output is not a terminal."""


def console() -> Console:
    """Return a console on standard output; piped output is not squeezed into 80 columns."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDE_ENOUGH
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=False)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line, however long."""
    console().print(text, style=style, soft_wrap=True)


def progress_bar(*columns: Any) -> Progress:  # noqa: ANN401
    """Return a progress bar on standard error, where there is a terminal to see it."""
    from rich.console import Console
    from rich.progress import Progress

    on_stderr = Console(stderr=True)
    return Progress(*columns, console=on_stderr, transient=True, disable=not on_stderr.is_terminal)


@contextmanager
def counting(what: str) -> Generator[Callable[[int, int], None]]:
    """Show progress while the block runs; gives a function to call with (done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress_bar(*columns) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def show_failures_ourselves() -> None:
    """Keep warnings of the library off the screen, for a command that shows them its own way."""
    import logging

    logging.getLogger("elastance").addHandler(logging.NullHandler())


@contextmanager
def waiting(what: str) -> Generator[Callable[[str], None]]:
    """Show that something of unknown length goes on; gives a function to call with how it goes."""
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with progress_bar(*columns) as progress:
        task = progress.add_task(what, total=None)
        yield lambda how: progress.update(task, description=f"{what}: {how}")


def print_json(document: Any) -> None:  # noqa: ANN401
    """Print one JSON document."""
    print(json.dumps(document, indent=2, allow_nan=False))


def write_json(path: Path, document: Any) -> None:  # noqa: ANN401
    """Write one JSON document, whole or not at all."""
    from elastance.files import replacing

    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file, allow_nan=False)
        file.write("\n")


def write_report(document: dict[str, Any], output: Path | None, as_json: bool) -> bool:
    """Print and write the report of a job; a failure is said, and does not hide how the job ended."""
    from elastance.errors import InputError

    if as_json:
        print_json(document)
        sys.stdout.flush()
    try:
        if output is not None:
            write_json(output, document)
    except (InputError, OSError) as error:
        print(f"elastance: the report was not written: {error}", file=sys.stderr)
        return False
    return True


def joules(value: float | None) -> str:
    """Return an energy with a unit that suits it."""
    return _scaled(value, (("GJ", 1e9), ("MJ", 1e6), ("kJ", 1e3), ("J", 1.0)))


def seconds(value: float | None) -> str:
    """Return a duration with a unit that suits it."""
    return _scaled(value, (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)))


def percent(fraction: float | None) -> str:
    """Return a fraction in percent, with one decimal."""
    return "-" if fraction is None else f"{100 * fraction:.1f} %"


def number(value: float | None, digits: int = 1) -> str:
    """Return a number with `digits` decimals; fewer once it is large."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def _scaled(value: float | None, units: tuple[tuple[str, float], ...]) -> str:
    if value is None:
        return "-"
    unit, size = next((pair for pair in units if abs(value) >= pair[1]), units[-1])
    scaled = value / size
    digits = max(0, 2 - math.floor(math.log10(abs(scaled)))) if scaled else 0
    return f"{scaled:,.{digits}f} {unit}"
