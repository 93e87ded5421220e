"""Power-limit profiles on disk: one JSON file for each thing that was measured, replaced whole.

A profile is used again only for what it was measured for: same job, batch size, GPUs, limits and steps.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from elastance.errors import InputError
from elastance.files import replacing
from elastance.train.limit_profile import LimitProfile, LimitWindow

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class ProfileKey:
    """What a profile was measured for.

    Attributes:
        job: Name of the training job, the user's choice.
        batch_size: Its batch size, samples per optimizer step over all ranks.
        rank_gpus: Product names of the GPUs of each rank.
        limits_w: The limits that were measured, W.
        warmup_steps, measure_steps: Steps before and in each window.
    """

    job: str
    batch_size: int
    rank_gpus: tuple[tuple[str, ...], ...]
    limits_w: tuple[float, ...]
    warmup_steps: int
    measure_steps: int


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Window(_Strict):
    power_limit_w: float
    energy_j: float
    time_s: float


class _Key(_Strict):
    job: str
    batch_size: int
    rank_gpus: tuple[tuple[str, ...], ...]
    limits_w: tuple[float, ...]
    warmup_steps: int
    measure_steps: int


class _File(_Strict):
    format: Literal["elastance power-limit profile"]
    version: Literal[1]
    measured_for: _Key
    max_power_w: float
    windows: tuple[_Window, ...]


class ProfileCache:
    """The profiles in one directory.

    Args:
        directory: Where they are; made when the first is saved.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, key: ProfileKey) -> Path:
        """Return where the profile of `key` is, or would be."""
        digest = hashlib.sha256(json.dumps(asdict(key)).encode()).hexdigest()[:16]
        word = "".join(letter if letter.isalnum() else "-" for letter in key.job)[:40]
        return self._directory / f"{word}-bs{key.batch_size}-{digest}.json"

    def load(self, key: ProfileKey) -> LimitProfile | None:
        """Return the profile of `key`; None if there is none.

        Raises:
            InputError: The file is there but is no such profile.
        """
        path = self.path(key)
        try:
            read = _File.model_validate_json(path.read_bytes())
            profile = LimitProfile(
                tuple(LimitWindow(at.power_limit_w, at.energy_j, at.time_s) for at in read.windows),
                read.max_power_w,
                read.measured_for.measure_steps,
            )
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "file"
            raise _unusable(path, f"{where}: {first['msg']}") from None
        except InputError as error:
            raise _unusable(path, str(error)) from None
        if ProfileKey(**read.measured_for.model_dump()) != key:
            raise _unusable(path, "it was measured for something else")
        if tuple(window.power_limit_w for window in profile.windows) != key.limits_w:
            raise _unusable(path, "its windows are not those of the limits it is for")
        return profile

    def save(self, key: ProfileKey, profile: LimitProfile) -> Path:
        """Write a profile and return where to; a reader sees all of it or what was there before.

        Raises:
            InputError: It cannot be written.
        """
        path = self.path(key)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._directory}: cannot be made: {error.strerror}") from None
        content = {
            "format": "elastance power-limit profile",
            "version": 1,
            "measured_for": asdict(key),
            "max_power_w": profile.max_power_w,
            "windows": [window._asdict() for window in profile.windows],
        }
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(content, indent=2) + "\n")
        return path


def _unusable(path: Path, why: str) -> InputError:
    return InputError(f"{path}: no usable power-limit profile: {why}; delete it to have it measured anew")
