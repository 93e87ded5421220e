"""The table of `elastance profile`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elastance.train.profiling.runner import ProfileResult


def print_profile(result: ProfileResult, eta: float) -> None:
    """Print every measurement, and mark the best limit of each batch size."""
    from rich.table import Table

    from elastance.cli.output import console, joules, percent, say
    from elastance.train.profiling.products import best_limit

    if not result.cells:
        say("nothing was measured")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = ("batch size", "limit", "time/step", "energy/step", "energy/sample", "mean power", "spread")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for size, of_size in groupby(result.cells, key=lambda cell: cell.batch_size):
        cells = sorted(of_size, key=lambda cell: -cell.power_limit_w)
        best = best_limit(cells, eta)
        for cell in cells:
            mark = "best" if cell is best and len(cells) > 1 else ""
            table.add_row(
                str(size),
                f"{cell.power_limit_w} W",
                _milliseconds(cell.step_time_s),
                joules(cell.step_energy_j),
                f"{1e3 * cell.step_energy_j / size:,.4g} mJ",
                f"{cell.step_energy_j / cell.step_time_s:.1f} W",
                percent(max(cell.spread_time, cell.spread_energy)) + ("" if cell.settled else " !"),
                mark,
            )
    gpu, first = result.manifest["gpu"], result.cells[0]
    count = f"{gpu['count']} x " if gpu["count"] > 1 else ""
    say(
        f"{count}{gpu['name']}; energy: {first.energy_source.value}; spread of {len(first.trials)} trials:"
        f" (max - min) / mean; best: least cost at eta {eta:g}",
        style="dim",
    )
    console().print(table)


def _milliseconds(time_s: float) -> str:
    return f"{1e3 * time_s:,.4g} ms"
