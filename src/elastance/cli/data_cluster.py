"""`elastance data synthesize cluster`: made-up jobs of a cluster."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class _Arrivals(StrEnum):
    """As `elastance.traces.synthesize_cluster.Arrivals`, which would take NumPy to import."""

    POISSON = "poisson"
    DIURNAL = "diurnal"
    BURST = "burst"


def synthesize_cluster(
    output_file: Annotated[Path, typer.Option("--output", help="File to write; ends in .csv.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 0,
    jobs: Annotated[int, typer.Option(help="How many.")] = 60,
    arrivals: Annotated[
        _Arrivals, typer.Option(help="At a constant rate, swinging over a day, or several at once.")
    ] = _Arrivals.POISSON,
    mean_gap: Annotated[float, typer.Option(help="Mean time between submissions, s.")] = 75.0,
    runtime_median: Annotated[
        float, typer.Option(help="Median time a job takes alone, with a GPU per logical worker, s.")
    ] = 60.0,
    runtime_sigma: Annotated[float, typer.Option(help="Spread of that time: sigma of its logarithm.")] = 1.1,
    burst: Annotated[int, typer.Option(help="Jobs of a burst.")] = 10,
    period: Annotated[float, typer.Option(help="Length of a day, s.")] = 86400.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make jobs of a cluster: the applications, logical workers and GPU types of the published workload, drawn anew.

    \b
    Examples:
      elastance data synthesize cluster --output jobs.csv --seed 7
      elastance data synthesize cluster --output burst.csv --arrivals burst --jobs 200 --burst 20
      elastance data synthesize cluster --output days.csv --arrivals diurnal --jobs 3000 --mean-gap 90
    """  # noqa: D301
    from elastance.cli import output
    from elastance.traces.synthesize_cluster import Arrivals, ClusterParameters
    from elastance.traces.synthesize_cluster import synthesize_cluster as write_jobs

    parameters = ClusterParameters(
        jobs=jobs,
        arrivals=Arrivals(arrivals.value),
        mean_gap_s=mean_gap,
        runtime_median_s=runtime_median,
        runtime_sigma=runtime_sigma,
        burst=burst,
        period_s=period,
    )
    with output.waiting("drawing jobs"):
        manifest = write_jobs(output_file, parameters, seed=seed)
    if as_json:
        output.print_json({"path": str(output_file)} | manifest)
        return
    output.say(f"wrote {output_file}: {jobs:,} synthetic jobs")
    output.say(f"  sha256 {manifest['sha256']}, manifest {output_file.name}.manifest.json", style="dim")
