"""How long a micro-batch takes: per application, batch size and GPU type, from a file or the built-in models."""

from __future__ import annotations

import hashlib
import json
import os
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from elastance.catalog import APPLICATIONS
from elastance.errors import InputError, TraceError, UnknownNameError
from elastance.runs import Provenance
from elastance.traces.sources import TRACES_VARIABLE, SourceKind, SourceRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

STEP_TIMES_FILE = "step_times.json"
"""Name of the file that ``--traces`` looks for."""

BUILTIN_SIZES = (1, 1_000_000)
"""The built-in models are linear in the batch size: two points say all."""


@dataclass(frozen=True)
class StepTimes:
    """Seconds per micro-batch of one logical worker.

    Attributes:
        points: Application to batch size to GPU type to s.
        source: What a result says about these facts.
    """

    points: Mapping[str, Mapping[int, Mapping[str, float]]]
    source: SourceRecord

    def step_s(self, application: str, batch_size: int, gpu: str) -> float:
        """Return the seconds of a micro-batch, linear between batch sizes and beyond the outermost two.

        Raises:
            UnknownNameError: There are no facts about the application or the GPU type.
            InputError: The line through the nearest sizes gives no positive time.
        """
        if application not in self.points:
            raise UnknownNameError("application", application, self.points)
        of_size = self.points[application]
        known = {name for times in of_size.values() for name in times}
        if gpu not in known:
            raise UnknownNameError(f"GPU of application {application}", gpu, known)
        sizes = sorted(size for size, times in of_size.items() if gpu in times)
        if batch_size in sizes or len(sizes) == 1:
            return of_size[batch_size if batch_size in sizes else sizes[0]][gpu]
        upper = min(max(bisect_left(sizes, batch_size), 1), len(sizes) - 1)
        low, high = sizes[upper - 1], sizes[upper]
        slope = (of_size[high][gpu] - of_size[low][gpu]) / (high - low)
        step_s = slope * (batch_size - low) + of_size[low][gpu]
        if step_s <= 0.0:
            raise InputError(
                f"{application}: batch size {batch_size} is too far from those with a known time on {gpu}: "
                f"{', '.join(map(str, sizes))}"
            )
        return step_s

    def __str__(self) -> str:
        if self.source.kind is SourceKind.BUILTIN:
            worst = max(APPLICATIONS, key=lambda of: of.fit_error)
            return (
                f"built-in step times (fitted to published measurements, within {100 * worst.fit_error:.1f} %; "
                f"--traces DIR names a folder with a {STEP_TIMES_FILE})"
            )
        return f"{STEP_TIMES_FILE} in {self.source}"


def find_step_times(directory: Path | None = None) -> StepTimes:
    """Return the step times of `directory`, else those in `$ELASTANCE_TRACES`, else the built-in models.

    Raises:
        TraceError: A directory was named that has no usable file, or the variable's file is not usable.
    """
    if directory is not None:
        return read_step_times(directory / STEP_TIMES_FILE)
    if named := os.environ.get(TRACES_VARIABLE):
        path = Path(named) / STEP_TIMES_FILE
        if path.exists():
            return read_step_times(path, SourceKind.ENVIRONMENT)
    return builtin_step_times()


def builtin_step_times() -> StepTimes:
    """Return the models of `elastance.catalog.APPLICATIONS`."""
    points = {
        of.name: {size: {gpu: of.step_s(size, gpu) for gpu in of.slowness} for size in BUILTIN_SIZES}
        for of in APPLICATIONS
    }
    digest = hashlib.sha256(json.dumps(points, sort_keys=True).encode()).hexdigest()
    source = SourceRecord.of_files(
        SourceKind.BUILTIN, "applications", {"applications": digest}, Provenance.MODEL
    )
    return StepTimes(points, source)


def read_step_times(path: Path, kind: SourceKind = SourceKind.DIRECTORY) -> StepTimes:
    """Read a file ``{application: {batch size: {GPU type: seconds}}}``.

    Raises:
        TraceError: The file is missing or not of that form, or a time is not positive or falls with the batch size.
    """
    from pydantic import ValidationError

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise TraceError(
            "no such file; it holds seconds per application, batch size and GPU type", path=path
        ) from None
    except OSError as error:
        raise TraceError(f"cannot be read: {error.strerror}", path=path) from None
    try:
        points = _validated(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ", ".join(map(str, first["loc"])) or "the whole file"
        raise TraceError(f"{place}: {first['msg'].lower()}", path=path) from None
    for application, of_size in points.items():
        if not of_size:
            raise TraceError(f"{application} has no batch size", path=path)
        for low, high in pairwise(sorted(of_size)):
            for gpu, time_s in of_size[low].items():
                if of_size[high].get(gpu, time_s) < time_s:
                    raise TraceError(
                        f"{application} on {gpu}: less time at batch size {high} than at {low}", path=path
                    )
    digests = {path.name: hashlib.sha256(content).hexdigest()}
    return StepTimes(points, SourceRecord.of_files(kind, str(path.parent), digests, Provenance.TRACE))


def _validated(content: bytes) -> dict[str, dict[int, dict[str, float]]]:
    from pydantic import Field, TypeAdapter

    adapter: TypeAdapter[dict[str, dict[int, dict[str, float]]]] = TypeAdapter(
        dict[
            str,
            dict[
                Annotated[int, Field(gt=0)],
                dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]],
            ],
        ]
    )
    return adapter.validate_json(content)
