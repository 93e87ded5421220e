"""Profiles of one GPU: time and energy of a training step by batch size and power limit, read and checked.

A profile file is what the published Zeus^2 writes, one per GPU:
``{"<local batch size>": [{"power_limit": W, "energy": J, "time": s}, ...], ...}``, time and energy being the totals
of one window of a few steps. How many is not in the file.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from elastance.errors import TraceError
from elastance.runs import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic import TypeAdapter

_FORMAT = '{"<batch size>": [{"power_limit": W, "energy": J, "time": s}, ...], ...}'

_WORST_DROP = 0.5
"""A time that falls by more than this share towards a larger batch is no measurement of the same thing."""


class ProfilePoint(NamedTuple):
    """One measured window.

    Attributes:
        batch_size: Local batch size, samples.
        power_limit_w: Power limit, W.
        time_s: Duration of the window, s.
        energy_j: Energy of the window, J.
    """

    batch_size: int
    power_limit_w: int
    time_s: float
    energy_j: float

    @property
    def power_w(self) -> float:
        """Mean power, W."""
        return self.energy_j / self.time_s

    def __str__(self) -> str:
        return f"batch size {self.batch_size} at {self.power_limit_w} W"


@dataclass(frozen=True)
class SplitProfile:
    """What one GPU takes for a step, by batch size and power limit.

    Attributes:
        name: What results call it.
        points: By batch size, then by limit, both ascending.
        window: What time and energy are the totals of, in words.
        provenance: Where the numbers come from.
        path: File or source they were read from.
        sha256: Digest of the file's bytes, hexadecimal.
    """

    name: str
    points: tuple[ProfilePoint, ...]
    window: str
    provenance: Provenance
    path: str
    sha256: str

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Measured batch sizes, ascending."""
        return tuple(sorted({point.batch_size for point in self.points}))

    @property
    def power_limits_w(self) -> tuple[int, ...]:
        """Measured power limits, ascending, W."""
        return tuple(sorted({point.power_limit_w for point in self.points}))

    @property
    def cap(self) -> int:
        """Largest measured batch size: what the GPU is known to hold."""
        return self.batch_sizes[-1]

    def at_limit(self, power_limit_w: int) -> list[ProfilePoint]:
        """Return the points under one limit, by batch size."""
        return [point for point in self.points if point.power_limit_w == power_limit_w]


def read_profile(path: Path) -> SplitProfile:
    """Read and check a profile file.

    Raises:
        TraceError: It cannot be read, is no profile, has no points, a number that is not positive, sizes that were
            measured under different limits, or times that make no sense.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise TraceError("no such file", path=path) from None
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", path=path) from None
    points = sorted(_points(path, _document(path, content)))
    digest = hashlib.sha256(content).hexdigest()
    profile = SplitProfile(
        path.name.removesuffix(".json"),
        tuple(points),
        "profiled window",
        Provenance.MODEL if _is_synthetic(path, digest) else Provenance.TRACE,
        str(path),
        digest,
    )
    _check_limits(profile)
    _check_times(profile)
    return profile


def _is_synthetic(path: Path, digest: str) -> bool:
    """Whether a manifest beside the file, such as `elastance profile` writes, says so of exactly this content."""
    try:
        manifest = json.loads((path.parent / "manifest.json").read_text("utf-8"))
        return bool(manifest["synthetic"]) and manifest["files"][path.name] == digest
    except (OSError, ValueError, KeyError, TypeError):  # none there, or one of something else
        return False


def _document(path: Path, content: bytes) -> Any:  # noqa: ANN401
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise TraceError(f"{twice!r} stands twice in one object", path=path)
        return dict(pairs)

    try:
        return json.loads(content, object_pairs_hook=once)
    except UnicodeDecodeError:
        raise TraceError("not UTF-8 text", path=path) from None
    except json.JSONDecodeError as error:
        raise TraceError(
            f"not JSON: {error.msg}; a profile is {_FORMAT}", path=path, row=error.lineno
        ) from None
    except RecursionError:
        raise TraceError(f"not a profile: nested too deep; a profile is {_FORMAT}", path=path) from None


def _points(path: Path, document: Any) -> Iterable[ProfilePoint]:  # noqa: ANN401
    from pydantic import ValidationError

    try:
        sizes = _adapter().validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise TraceError(_explained(first), path=path) from None
    if not any(sizes.values()):
        raise TraceError(f"the profile is empty; a profile is {_FORMAT}", path=path)
    for size, rows in sizes.items():
        limits = [row.power_limit for row in rows]
        if len(set(limits)) != len(limits):
            twice = next(limit for limit in limits if limits.count(limit) > 1)
            raise TraceError(f"batch size {size} has power limit {twice} W twice", path=path)
        for row in rows:
            yield ProfilePoint(size, row.power_limit, row.time, row.energy)


@cache
def _adapter() -> TypeAdapter[dict[int, list[Any]]]:
    from typing import Annotated

    from pydantic import BaseModel, Field, TypeAdapter

    class Window(BaseModel):
        power_limit: int = Field(gt=0)
        energy: float = Field(gt=0, allow_inf_nan=False, strict=True)
        time: float = Field(gt=0, allow_inf_nan=False, strict=True)

    return TypeAdapter(dict[Annotated[int, Field(gt=0)], list[Window]])


def _explained(error: Any) -> str:  # noqa: ANN401
    """Say in one line where a document is not a profile, and what would be right."""
    place: list[str | int] = [part for part in error["loc"] if part != "[key]"]
    found = repr(error["input"])
    found = found if len(found) <= 40 else f"{found[:39]}…"
    if len(place) < 3:
        where = f"batch size {place[0]!r}: " if place else ""
        return f"{where}{found} is not what a profile holds here; a profile is {_FORMAT}"
    size, row, key = place[0], int(place[1]) + 1, place[2]
    if error["type"] == "missing":
        return f"batch size {size}, entry {row}: {key} is missing; a profile is {_FORMAT}"
    wanted = "a positive whole number of watts" if key == "power_limit" else "a positive finite number"
    return f"batch size {size}, entry {row}: {key} is {found}, expected {wanted}"


def _check_limits(profile: SplitProfile) -> None:
    """Every size must have been measured under the same limits."""
    every = set(profile.power_limits_w)
    for size in profile.batch_sizes:
        missing = every - {point.power_limit_w for point in profile.points if point.batch_size == size}
        if missing:
            limits = ", ".join(map(str, sorted(missing)))
            raise TraceError(
                f"unequal power limits: batch size {size} was not measured at {limits} W, others were; "
                "measure every size under the same limits, or leave the size out",
                path=profile.path,
            )


def _check_times(profile: SplitProfile) -> None:
    """A larger batch does not take far less time."""
    for limit in profile.power_limits_w:
        longest: ProfilePoint | None = None
        for point in profile.at_limit(limit):
            if longest is not None and point.time_s < (1.0 - _WORST_DROP) * longest.time_s:
                raise TraceError(
                    f"non-monotone: {point} took {point.time_s:.4g} s, batch size {longest.batch_size} "
                    f"{longest.time_s:.4g} s; expected totals of windows of equally many steps",
                    path=profile.path,
                )
            if longest is None or point.time_s > longest.time_s:
                longest = point
