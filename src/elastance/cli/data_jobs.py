"""`elastance data import`, the verbs that make cluster traces of public job logs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elastance.cli.data_groups import import_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.traces.job_logs import ClusterImport


class _Pick(StrEnum):
    """As `elastance.traces.job_logs.Pick`, which would take NumPy to import."""

    FIRST = "first"
    RANDOM = "random"


class _Larger(StrEnum):
    """As `elastance.traces.job_logs.Larger`."""

    DROP = "drop"
    CAP = "cap"


_File = Annotated[Path, typer.Argument(help="Your copy: .csv, .csv.gz or .csv.xz.", metavar="FILE")]
_Trace = Annotated[Path, typer.Argument(help="Your copy of the trace.", metavar="FILE")]
_Output = Annotated[Path, typer.Option("--output", help="File to write: .csv, .csv.gz or .csv.xz.")]
_From = Annotated[
    float,
    typer.Option("--from", help="Leave out what is submitted earlier, in days after the first submission."),
]
_To = Annotated[
    float | None,
    typer.Option("--to", help="Leave out what is submitted then or later.", show_default="the end"),
]
_Jobs = Annotated[int | None, typer.Option(help="How many jobs at most.", show_default="all")]
_PickOption = Annotated[_Pick, typer.Option(help="Which then: those submitted first, or a random sample.")]
_Scale = Annotated[
    float,
    typer.Option(help="Factor on the times between submissions, not on run times: 0.5 doubles the load."),
]
_MaxWorkers = Annotated[
    int | None, typer.Option(help="Most GPUs (logical workers) of a job.", show_default="no bound")
]
_LargerOption = Annotated[
    _Larger, typer.Option(help="Jobs with more: leave them out, or do their work on that many.")
]
_Preferred = Annotated[
    str, typer.Option(help="GPU type jobs are written for, or several with weights: v100=3,t4=1.")
]
_Traces = Annotated[
    Path | None,
    typer.Option(
        help="Folder that holds step_times.json.", show_default="$ELASTANCE_TRACES, else fitted models"
    ),
]
_Seed = Annotated[int, typer.Option(help="Of what is drawn; same seed, same bytes.")]
_GpuHours = Annotated[
    str | None,
    typer.Option(help="GPU hours of a job by class.", show_default="small=0.3,medium=3,large=30,xlarge=130"),
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_VERBS = {
    "philly": (
        "Jobs of Microsoft's Philly cluster.",
        """Make jobs of a cluster of Microsoft's Philly trace, as Sia flattened it: timestamp, duration, num_gpus.""",
        """elastance data import philly jobs.csv.xz --output philly.csv --from 20 --to 21
      elastance data import philly jobs.csv.xz --output small.csv --jobs 500 --pick random --max-workers 32""",
    ),
    "helios": (
        "Jobs of SenseTime's Helios clusters.",
        """Make jobs of a cluster of a Helios log: cluster_log.csv with job_id, gpu_num, submit_time, duration.""",
        """elastance data import helios Venus/cluster_log.csv --output venus.csv --from 30 --to 37
      elastance data import helios Earth/cluster_log.csv --output earth.csv.xz --max-workers 64 --larger cap""",
    ),
    "tiresias": (
        "Job lists of the Tiresias simulator.",
        """Make jobs of a cluster of a job list of Tiresias: job_id, num_gpu, submit_time, model_name, duration.""",
        """elastance data import tiresias 60_job.csv --output tiresias.csv
      elastance simulate cluster tiresias.csv --policy fifo,tiresias""",
    ),
    "openb": (
        "Pods of Alibaba's gpu-v2023.",
        """Make jobs of a cluster of Alibaba's pods (gpu-v2023): name, num_gpu, gpu_milli, creation, deletion and
    scheduled time. A pod that asked for a share of a GPU gets a whole one; one that never ran is left out.""",
        """elastance data import openb pods.csv --output openb.csv --from 140
      elastance data import openb pods.csv --output openb.csv --preferred v100=2,p100=1,t4=4""",
    ),
    "gavel": (
        "Gavel's traces, with step times of their own.",
        """Make jobs of a cluster of a trace of Gavel. Each job type is an application of its own, with measured step
    times on K80, P100 and V100: make those first, and name their folder, here and in the simulation.""",
        """elastance data import gavel-throughputs throughputs.csv --output gavel/step_times.json
      elastance data import gavel small_test.trace --traces gavel --output gavel/small.csv
      elastance simulate cluster gavel/small.csv --traces gavel --cluster k80=4,p100=4,v100=4""",
    ),
}  # fmt: skip

_COMMON = """What the log lacks is filled in, and said: in the report, in the manifest beside the file, and by every
    simulation of it."""


def _verb(name: str) -> Callable[..., None]:
    def verb(
        file: _Trace,
        output_file: _Output,
        from_days: _From = 0.0,
        to_days: _To = None,
        jobs: _Jobs = None,
        pick: _PickOption = _Pick.FIRST,
        scale_time: _Scale = 1.0,
        max_workers: _MaxWorkers = None,
        larger: _LargerOption = _Larger.DROP,
        preferred: _Preferred = "v100",
        traces: _Traces = None,
        seed: _Seed = 0,
        as_json: _Json = False,
    ) -> None:
        _import(
            name, file, output_file, from_days, to_days, jobs, pick, scale_time, max_workers, larger, preferred,
            traces, seed, as_json=as_json,
        )  # fmt: skip

    _, what, examples = _VERBS[name]
    verb.__doc__ = f"{what}\n\n    {_COMMON}\n\n    \b\n    Examples:\n      {examples}\n    "
    return verb


for _name, (_short, _, _) in _VERBS.items():
    import_app.command(_name, short_help=_short)(_verb(_name))


@import_app.command("sia", short_help="Workloads of Sia and Pollux.")
def sia(
    file: _File,
    output_file: _Output,
    gpu_hours: _GpuHours = None,
    from_days: _From = 0.0,
    to_days: _To = None,
    jobs: _Jobs = None,
    pick: _PickOption = _Pick.FIRST,
    scale_time: _Scale = 1.0,
    max_workers: _MaxWorkers = None,
    larger: _LargerOption = _Larger.DROP,
    preferred: _Preferred = "v100",
    traces: _Traces = None,
    seed: _Seed = 0,
    as_json: _Json = False,
) -> None:
    """Make jobs of a cluster of a workload of Sia or Pollux: name, time, application, num_replicas, batch_size.

    They say what a job trains, but not for how long: that goes by the application's class (--gpu-hours). What is
    filled in is said in the report, in the manifest beside the file, and by every simulation of it.

    \b
    Examples:
      elastance data import sia philly-1.csv --output sia.csv
      elastance data import sia saturn-1.csv --output sia.csv --gpu-hours xlarge=300 --scale-time 0.5
    """  # noqa: D301
    _import(
        "sia", file, output_file, from_days, to_days, jobs, pick, scale_time, max_workers, larger, preferred,
        traces, seed, gpu_hours, as_json=as_json,
    )  # fmt: skip


@import_app.command("gavel-throughputs", short_help="Step times of Gavel's job types.")
def gavel_throughputs(
    file: _File,
    output_file: Annotated[
        Path,
        typer.Option("--output", help="File to write; simulations look for step_times.json in a folder."),
    ],
    as_json: _Json = False,
) -> None:
    """Make step times of Gavel's measured throughputs: job_type, gpus, gpu_type, steps_per_s, one row each.

    A micro-batch of a logical worker takes what a step takes on one GPU. Rows of several GPUs only say, in the
    manifest, how far that is from the truth where workers communicate.

    \b
    Examples:
      elastance data import gavel-throughputs throughputs.csv --output gavel/step_times.json
    """  # noqa: D301
    from elastance.cli import output
    from elastance.traces.job_logs import import_gavel_throughputs

    made = import_gavel_throughputs(file, output_file)
    if as_json:
        output.print_json({"path": str(made.path), "manifest": str(made.manifest), **made.document})
        return
    found = made.document
    output.say(f"wrote {made.path}: {found['applications']} job types on {', '.join(found['gpus'])}")
    output.say(f"  sha256 {made.sha256}, manifest {made.manifest.name}", style="dim")
    left_out = ", ".join(f"{count} {reason}" for reason, count in found["left_out"].items())
    output.say(f"of {found['rows']} rows, left out: {left_out}")
    for gpu, by_count in found["scaling"].items():
        shares = ", ".join(f"{output.percent(share)} on {gpus}" for gpus, share in by_count.items())
        output.say(
            f"  {gpu}: several GPUs reach {shares} of as many times one (median); simulations take 100 %"
        )


def _import(
    name: str,
    file: Path,
    output_file: Path,
    from_days: float,
    to_days: float | None,
    jobs: int | None,
    pick: _Pick,
    scale_time: float,
    max_workers: int | None,
    larger: _Larger,
    preferred: str,
    traces: Path | None,
    seed: int,
    gpu_hours: str | None = None,
    *,
    as_json: bool,
) -> None:
    from elastance.cli import output
    from elastance.traces import find_step_times
    from elastance.traces.job_logs import Larger, Pick, Selection, import_jobs, parse_gpu_hours

    selection = Selection(
        from_days=from_days,
        to_days=float("inf") if to_days is None else to_days,
        jobs=jobs,
        pick=Pick(pick.value),
        scale_time=scale_time,
        max_workers=max_workers,
        larger=Larger(larger.value),
    )
    hours = None if gpu_hours is None else parse_gpu_hours(gpu_hours)
    times = find_step_times(traces)
    with output.waiting(f"importing {file.name}"):
        made = import_jobs(
            name,
            file,
            output_file,
            times,
            selection=selection,
            preferred=preferred,
            gpu_hours=hours,
            seed=seed,
        )
    if as_json:
        output.print_json(made.to_json())
        return
    _say(made)
    output.say(f"facts: {times}", style="dim")


def _say(made: ClusterImport) -> None:
    from rich.table import Table

    from elastance.cli import output

    output.say(f"wrote {made.path}: {len(made.jobs):,} jobs over {output.seconds(made.span_s)}")
    output.say(f"  sha256 {made.sha256}, manifest {made.manifest.name}", style="dim")
    output.say(f"of {made.rows:,} rows in {made.document['source']['file']}:")
    for reason, count in made.dropped.items():
        output.say(f"  {count:>9,} dropped: {reason}")
    output.say(f"  {len(made.jobs):>9,} kept\n")
    table = Table("application", box=None, pad_edge=False, header_style="bold")
    for heading in ("jobs", "GPU hours", "may mix types"):
        table.add_column(heading, justify="right")
    for of in made.shares:
        answer = "yes" if of.may_mix_types else "no"
        table.add_row(of.application, f"{of.jobs:,}", output.number(of.gpu_hours), answer)
    table.add_row("all", f"{len(made.jobs):,}", output.number(made.gpu_hours), "")
    output.console().print(table)
    output.say(f"\nlargest job: {made.document['largest']} GPUs; what was assumed:")
    for note in made.notes:
        output.say(f"  {note}", style="yellow")
