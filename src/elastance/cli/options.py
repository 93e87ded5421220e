"""Options that several commands share, and what their values mean."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from matplotlib.figure import Figure

Gpu = Annotated[str, typer.Option(help="GPU type.")]
Policy = Annotated[
    str | None,
    typer.Option(
        help="Policies to compare, separated by commas; see `elastance policies`.",
        show_default="zeus,default,grid,oracle",
    ),
]
Eta = Annotated[float, typer.Option(help="1 minimises energy, 0 time, between them both.")]
Beta = Annotated[
    float, typer.Option(help="Stop a run at this multiple of the least cost so far; inf never does.")
]
Window = Annotated[int, typer.Option(help="How many of the last runs of a batch size count; 0 = all.")]
Traces = Annotated[Path | None, typer.Option(help="Directory of trace files; see `elastance data list`.")]
Compat = Annotated[bool, typer.Option("--compat", help="Replay the published simulator, defects included.")]
Jobs = Annotated[int, typer.Option(help="Worker processes.")]
Devices = Annotated[
    str | None,
    typer.Option(
        "--devices",
        help="What to measure, separated by commas: gpu, cpu, dram, all, nvidia:0, amd:0, a GPU's UUID, sim:v100x4,"
        " replay:FILE. Default: $ELASTANCE_DEVICES, else the GPUs CUDA would see, else the CPU packages.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Plot = Annotated[Path | None, typer.Option(help="Draw the result: .png, .svg or .pdf.")]
Theme = Annotated[str, typer.Option(help="Colours of the picture: light or dark.")]


def check_destinations(history: Path | None, plot: Path | None, theme: str) -> None:
    """Refuse what could not be written before anything is computed."""
    from elastance.figures import check_picture_path, find_theme
    from elastance.files import check_writable

    find_theme(theme)
    if plot is not None:
        check_picture_path(plot)
    if history is not None:
        check_writable(history)


def deliver(
    *,
    as_json: bool,
    history: Path | None,
    plot: Path | None,
    runs: Callable[[], Any],
    draw: Callable[[], Figure],
    document: Callable[[], Any],
    show: Callable[[], None],
) -> None:
    """Write the files that were asked for, then print the document or show the table; only those are computed."""
    from elastance.cli import output
    from elastance.figures import save_figure

    if history is not None:
        output.write_json(history, runs())
    if plot is not None:
        save_figure(draw(), plot)
    if as_json:
        output.print_json(document())
        return
    show()
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


def parse_batch_sizes(text: str) -> tuple[int, ...]:
    """Read ``32,64,128`` or ``32:1024:x2`` (from 32 to at most 1024, doubling).

    Raises:
        InputError: The text is neither.
    """
    try:
        if ":" not in text:
            sizes = sorted({int(part) for part in text.split(",")})
        else:
            first, last, step = text.split(":")
            size, factor, sizes = int(first), int(step.removeprefix("x")), list[int]()
            if not step.startswith("x") or factor < 2 or size < 1:
                raise ValueError  # noqa: TRY301 (told with the others)
            while size <= int(last):
                sizes.append(size)
                size *= factor
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 1:
        raise InputError(
            f"batch sizes {text!r}: expected a list such as 32,64,128 or a range such as 32:1024:x2"
        )
    return tuple(sizes)


def parse_seeds(seed: int | None, seeds: str | None, default: int = 1) -> list[int]:
    """Return the seeds that ``--seed`` or ``--seeds`` ask for; `default` if neither is given.

    Raises:
        InputError: Both are given, or the text is neither a range nor a list of whole numbers.
    """
    if seeds is None:
        return [default if seed is None else seed]
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


@contextmanager
def user_modules() -> Generator[None]:
    """Let ``module:Class`` name a module in the current directory, as with ``python -m``."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
