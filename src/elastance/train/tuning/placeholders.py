"""Values in place of ``{name}`` in the command of a job."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from elastance.errors import InputError, UnknownNameError
from elastance.train.tuning.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def fill_command(command: Sequence[str], values: Mapping[str, object]) -> list[str]:
    """Put values in place of ``{name}`` anywhere in the words of a command; ``{{`` and ``}}`` are braces.

    Raises:
        InputError: A placeholder is malformed, unknown or has no value.
    """
    return ["".join(_parts(word, values)) for word in command]


def _parts(word: str, values: Mapping[str, object]) -> list[str]:
    try:
        parts = list(string.Formatter().parse(word))
    except ValueError as error:
        raise InputError(f"{word!r}: {error}; write {{{{ and }}}} for braces") from None
    filled: list[str] = []
    for literal, name, spec, conversion in parts:
        filled.append(literal)
        if name is None:
            continue
        if spec or conversion:
            raise InputError(f"{word!r}: a placeholder is a name only, as in {{{name}}}")
        if name not in values:
            raise UnknownNameError(f"placeholder in {word!r}:", name, values)
        if values[name] is None:
            raise InputError(f"{word!r}: the job has no learning rate; give --lr to `elastance tune init`")
        filled.append(str(values[name]))
    return filled
