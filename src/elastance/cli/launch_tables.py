"""What `elastance launch` says: the ranks it starts, what they took, and which of them failed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from elastance.cli.output import joules, number, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from elastance.train.launching import FinishedJob, JobOutcome, LaunchPlan, PlacedGpu

_WIDE_ENOUGH = 118


def print_start(plan: LaunchPlan, gpus: Sequence[PlacedGpu], *, keep_limits: bool) -> None:
    """Say on standard error which rank gets which GPU."""
    for rank, gpu in enumerate(gpus):
        planned, info = gpu.planned, gpu.device.info
        parts = -(-planned.batch_size // planned.micro_batch_size)
        limit = "limit kept" if keep_limits else f"{planned.power_limit_w:g} W"
        _say(
            f"rank {rank}: {info.name} ({info.id}), {planned.batch_size} of {plan.global_batch_size} samples"
            + (f" in {parts} micro-batches" if parts > 1 else "")
            + f", {limit}"
        )
    for planned in plan.gpus:
        if not planned.batch_size:
            _say(f"{planned.profile}: released, not started")


def print_outcome(outcome: JobOutcome) -> None:
    """Print the report on standard error; standard output belongs to the script."""
    from rich.console import Console

    width = None if sys.stderr.isatty() else _WIDE_ENOUGH
    console = Console(stderr=True, width=width, highlight=False, markup=False)
    console.print(_table(outcome))
    for gpu in outcome.gpus:
        remarks = [gpu.energy.problem] if gpu.energy.problem is not None else []
        for remark in (*remarks, *gpu.energy.notes):
            _say(f"{gpu.energy.device.id}: {remark}")
    for remark in outcome.remarks:
        _say(remark)
    if outcome.step_time_s is not None:
        _say(_step_line(outcome, outcome.step_time_s))
    _say(_total_line(outcome))


def describe_failure(job: FinishedJob) -> str:
    """Return which rank failed, on which GPU, and how, in one line."""
    failure = job.failure
    assert failure is not None
    info = job.gpus[failure.rank].device.info
    how = (
        f"ended with exit status {failure.exit_status}"
        if failure.signal is None
        else f"was killed by {failure.signal}"
    )
    words = "" if failure.last_words is None else f": {failure.last_words}"
    return f"rank {failure.rank} on {info.name} ({info.id}) {how}; all ranks were ended{words}"


def _table(outcome: JobOutcome) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in (
        "rank",
        "gpu",
        "samples",
        "limit",
        "computes",
        "waits",
        "per step",
        "mean power",
        "energy",
        "from",
    ):
        table.add_column(name, justify="left" if name in ("gpu", "from") else "right", no_wrap=name != "gpu")
    for rank, gpu in enumerate(outcome.gpus):
        planned, step = gpu.gpu.planned, gpu.measured
        limit = f"{planned.power_limit_w:g} W" if outcome.job.limits_set else "kept"
        power = gpu.energy.mean_power_w
        table.add_row(
            str(rank),
            gpu.energy.device.name,
            f"{planned.batch_size:,}",
            limit,
            seconds(None if step is None else step.computes_s),
            seconds(None if step is None else step.waits_s),
            joules(None if step is None else step.energy_j),
            "-" if power is None else f"{number(power)} W",
            "no reading" if gpu.energy.energy_j is None else joules(gpu.energy.energy_j),
            gpu.energy.provenance.source.value,
        )
        if gpu.predicted is not None:
            told = gpu.predicted
            cells = seconds(told.computes_s), seconds(told.waits_s), joules(told.energy_j)
            table.add_row("", "  plan", "", "", *cells, style="dim")
    return table


def _step_line(outcome: JobOutcome, time_s: float) -> str:
    energy_j = outcome.step_energy_j
    measured = f"a step took {seconds(time_s)} and {joules(energy_j)}"
    if outcome.predicted_time_s is None or outcome.predicted_energy_j is None:
        return measured
    ratios = f"{_ratio(time_s, outcome.predicted_time_s)} the time"
    if energy_j is not None:
        ratios += f", {_ratio(energy_j, outcome.predicted_energy_j)} the energy"
    predicted = f"{seconds(outcome.predicted_time_s)} and {joules(outcome.predicted_energy_j)}"
    return f"{measured}; the plan had {predicted} ({ratios})"


def _total_line(outcome: JobOutcome) -> str:
    measurement = outcome.job.measurement
    ended = ""
    if outcome.job.interrupted_by is not None:
        ended = "interrupted; all ranks were ended; "
    took = "no reading" if measurement.energy_j is None else joules(measurement.energy_j)
    back = "; power limits are what they were" if outcome.job.limits_set else ""
    return f"{ended}in all {took} in {measurement.time_s:.3f} s, {outcome.steps} steps{back}"


def _ratio(measured: float, predicted: float) -> str:
    return "-" if predicted <= 0.0 else f"{measured / predicted:.3g} x"


def _say(line: str) -> None:
    print(f"elastance: {line}", file=sys.stderr)
