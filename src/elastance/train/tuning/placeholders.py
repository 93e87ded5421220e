"""What a job puts in place of the placeholders of its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.train.placeholders import fill_command
from elastance.train.tuning.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.train.tuning.job import TuningJob
    from elastance.train.tuning.results import Dispatch


def command_for(job: TuningJob, command: Sequence[str], run: Dispatch) -> list[str]:
    """Return the command of one run.

    Raises:
        InputError: A placeholder is malformed, unknown or has no value.
    """
    rate = job.scaled_learning_rate(run.batch_size)
    return fill_command(
        command,
        {
            "batch_size": run.batch_size,
            "bs": run.batch_size,
            "lr": rate,
            "learning_rate": rate,
            "seed": job.seed + run.number,
            "epoch": job.max_epochs,
            "epochs": job.max_epochs,
            "max_epochs": job.max_epochs,
            "slice_number": run.recurrence + 1,
            "target_metric": Target.parse(job.target).value,
        },
    )
