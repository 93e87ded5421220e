"""`elastance data synthesize drift`: a made-up data set that drifts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def drift(
    path: Annotated[Path, typer.Option("--output", help="CSV file to write.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 1,
    slices: Annotated[int, typer.Option(help="How many slices.")] = 38,
    workload: Annotated[str, typer.Option(help="Whose batch sizes and target metric.")] = "sentiment140",
    repeats: Annotated[int, typer.Option(help="Runs per batch size and slice.")] = 10,
    noise: Annotated[float, typer.Option(help="Log-normal noise on the epochs of a run.")] = 0.1,
    swing: Annotated[
        float | None,
        typer.Option(
            help="How far the best batch size wanders, octaves.", show_default="3/4 of what is on offer"
        ),
    ] = None,
    period: Annotated[
        float | None, typer.Option(help="Slices until it is back.", show_default="all of them")
    ] = None,
    contrast: Annotated[
        float, typer.Option(help="Epochs of the worst batch size, in those of the best.")
    ] = 2.5,
) -> None:
    """Write a drift trace: epochs per slice around a smooth curve whose best batch size wanders.

    No per-slice train trace was ever published; this one is made up. Every row says so, as do a manifest beside it
    and every result computed from it.

    \b
    Examples:
      elastance data synthesize drift --output drift.csv --seed 7
      elastance simulate recurring --drift drift.csv --seeds 0:100
      elastance simulate recurring --drift drift.csv --seeds 0:100 --window-size 0
    """  # noqa: D301
    from elastance.cli import output
    from elastance.traces.drift_model import DriftSettings, synthesize_drift

    settings = DriftSettings(workload, slices, seed, repeats, noise, swing, period, contrast)
    for written in synthesize_drift(path, settings):
        output.say(f"wrote {written}")
