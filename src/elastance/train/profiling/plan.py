"""What `elastance profile` and the training script it starts tell each other, as files: plan, progress, results.

The plan is named by an environment variable. The script writes a result once a power limit is measured, whole, and
says in between how far it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from elastance.errors import InputError
from elastance.files import replacing
from elastance.runs import Provenance  # noqa: TC001 (pydantic needs it at run time)
from elastance.train.profiling.windows import spread_of

if TYPE_CHECKING:
    from pathlib import Path

PLAN_VARIABLE = "ELASTANCE_PROFILE"
"""Environment variable that names the plan of a script that runs under `elastance profile`."""

_Model = TypeVar("_Model", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Plan(_Strict):
    """What a script is to measure.

    Attributes:
        version: Of this format.
        devices: Specification of the GPUs, as `elastance.find_devices` takes it; None for the default.
        batch_size: What the script was started with.
        limits_w: Power limits to measure, W, in this order.
        sets_limits: Whether they are to be set; otherwise there is one, which is there already.
        spread, most_window_s: See `WindowRules`.
        results: Directory for the results.
        progress: File for the progress.
    """

    version: Literal[1] = 1
    devices: str | None
    batch_size: int
    limits_w: tuple[int, ...]
    sets_limits: bool
    spread: float
    most_window_s: float
    results: str
    progress: str


class Progress(_Strict):
    """How far a script is.

    Attributes:
        power_limit_w: The limit that is being measured, W; None once all are.
        trials: Trials of it so far.
        window_steps: Steps of a trial, or of the warm-up.
        spread: How far apart the trials are; None before there are two.
        problem: Why measuring ended; None if it did not.
    """

    power_limit_w: int | None
    trials: int = 0
    window_steps: int = 0
    spread: float | None = None
    problem: str | None = None


class Trial(_Strict):
    """Time and energy of a trial, all GPUs together."""

    time_s: float = Field(gt=0)
    energy_j: float = Field(gt=0)


class Cell(_Strict):
    """What was measured with one batch size under one power limit.

    Attributes:
        format, version: Of this file.
        batch_size: Samples per step.
        power_limit_w: Limit of each GPU, W.
        steps: Steps of each trial.
        warmup_steps: Steps under this limit before the trials.
        trials: The trials that count.
        settled: Whether they agree within the wanted spread.
        spans_epochs: Whether trials go on over the ends of epochs.
        gpus: How many GPUs were measured.
        epoch_steps: Steps of a whole epoch; None if that is not known.
        energy_source: Where the energies come from.
        energy_method: How they were found, for simulated and replayed GPUs too.
        uncertainty_j: Bound on the error of the energy of one trial, the largest; None if nothing can be said.
    """

    format: Literal["elastance profile cell"] = "elastance profile cell"
    version: Literal[1] = 1
    batch_size: int = Field(gt=0)
    power_limit_w: int = Field(gt=0)
    steps: int = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    trials: tuple[Trial, ...] = Field(min_length=1)
    settled: bool
    spans_epochs: bool
    gpus: int = Field(gt=0)
    epoch_steps: int | None = Field(gt=0)
    energy_source: Provenance
    energy_method: Provenance
    uncertainty_j: float | None

    @property
    def measured_steps(self) -> int:
        """Steps of all trials together."""
        return self.steps * len(self.trials)

    @property
    def step_time_s(self) -> float:
        """Mean duration of a step, s."""
        return math.fsum(one.time_s for one in self.trials) / self.measured_steps

    @property
    def step_energy_j(self) -> float:
        """Mean energy of a step, all GPUs together, J."""
        return math.fsum(one.energy_j for one in self.trials) / self.measured_steps

    @property
    def spread_time(self) -> float:
        """Distance of the longest and the shortest trial, as a share of their mean."""
        return spread_of([one.time_s for one in self.trials])

    @property
    def spread_energy(self) -> float:
        """Distance of the trials with most and least energy, as a share of their mean."""
        return spread_of([one.energy_j for one in self.trials])

    @property
    def file_name(self) -> str:
        """Name of its file."""
        return f"bs{self.batch_size}-{self.power_limit_w}W.json"


def write_model(path: Path, model: BaseModel) -> None:
    """Write a plan, a progress or a cell, whole or not at all.

    Raises:
        InputError: It cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(model.model_dump_json(indent=2) + "\n", "utf-8")


def read_model(path: Path, kind: type[_Model]) -> _Model:
    """Read what `write_model` wrote.

    Raises:
        InputError: The file is missing or something else.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise InputError(
            f"{path}: {where}: {first['msg']}; delete the file to have it measured anew"
        ) from None
