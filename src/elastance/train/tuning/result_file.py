"""The file by which a training script tells `elastance tune run` what came of it, in any language."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from elastance.errors import InputError
from elastance.files import replacing
from elastance.train.limit_profile import LimitProfile

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULT = "ELASTANCE_TUNE_RESULT"
"""Environment variable that names the file to write."""

CHOSEN_LIMIT = "ELASTANCE_TUNE_POWER_LIMIT_W"
"""Environment variable with the power limit that was chosen for the run and is set already, W."""


class LimitOfProfile(BaseModel):
    """One entry of a power profile: a piece of work under one limit."""

    model_config = ConfigDict(extra="forbid", strict=True)

    power_limit_w: int = Field(gt=0)
    time_s: float = Field(gt=0, allow_inf_nan=False)
    power_w: float = Field(gt=0, allow_inf_nan=False)


class ResultFile(BaseModel):
    """What the file holds.

    Attributes:
        reached: Whether the target metric was reached; may be left out where `metric` is given.
        metric: Best value of the target metric.
        epochs: Epochs trained.
        power_profile: Time and mean power (of all devices together) of the same work under several limits.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    reached: bool | None = None
    metric: float | None = Field(default=None, allow_inf_nan=False)
    epochs: int | None = Field(default=None, ge=0)
    power_profile: list[LimitOfProfile] = Field(default_factory=list[LimitOfProfile])


def report(
    reached: bool | None = None,
    *,
    metric: float | None = None,
    epochs: int | None = None,
    power_profile: LimitProfile | Sequence[tuple[float, float, float]] | None = None,
) -> bool:
    """Tell `elastance tune run` how training went; may be called after every epoch, the last call counts.

    Args:
        reached: Whether the target was reached; by default the runner compares `metric` with the target.
        metric: Value of the target metric.
        epochs: Epochs trained.
        power_profile: Of a `PowerLimitOptimizer`; or power limit (W), seconds and mean watts (of all devices
            together) of an epoch, or of any other piece of work that is the same under several limits.

    Returns:
        Whether anybody was there to be told: False outside of `elastance tune run`.

    Raises:
        InputError: A value is out of range, or neither `reached` nor `metric` is given.
    """
    if reached is None and metric is None:
        raise InputError("report() needs `reached` or `metric`")
    where = os.environ.get(RESULT)
    if isinstance(power_profile, LimitProfile):
        power_profile = [
            (at.power_limit_w, at.time_s, at.energy_j / at.time_s) for at in power_profile.windows
        ]
    profile = [
        {"power_limit_w": round(limit_w), "time_s": time_s, "power_w": power_w}
        for limit_w, time_s, power_w in power_profile or ()
    ]
    try:
        result = ResultFile.model_validate(
            {"reached": reached, "metric": metric, "epochs": epochs, "power_profile": profile}
        )
    except ValidationError as error:
        raise InputError(f"report(): {_in_words(error)}") from None
    if not where:
        return False
    with replacing(Path(where)) as temporary:
        temporary.write_text(result.model_dump_json() + "\n", encoding="utf-8")
    return True


def read_result(path: Path) -> ResultFile | None:
    """Return what a script wrote; None if it wrote nothing.

    Raises:
        InputError: What it wrote is not what the documentation asks for.
    """
    try:
        return ResultFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, json.JSONDecodeError) as error:
        raise InputError(f"the script's result file: {_in_words(error)}; see docs/tuning.md") from None


def _in_words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'document'}: {first['msg']}"
    return str(error)
