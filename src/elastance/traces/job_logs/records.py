"""What a public job log says of each job, whatever its columns are called, and why rows are left out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Dropped(StrEnum):
    """Why a row of a log became no job; the first reason that holds counts."""

    NO_GPU = "ran on no GPU"
    NEVER_RAN = "never ran"
    NO_RUN_TIME = "ran for no time, or a negative one"
    NEGATIVE_TIME = "submitted at a negative time"
    OUTSIDE = "submitted outside the window"
    TOO_LARGE = "on more GPUs than --max-workers"
    NOT_PICKED = "beyond --jobs"


class JobRecord(NamedTuple):
    """One job of a log.

    Attributes:
        row: Its line in the file, from 1.
        name: Unique.
        submit_s: When it was submitted, s from any origin.
        gpus: How many it ran on.
        run_s: How long it ran on them, s; None where the log does not say.
        application: What it trained, in the log's own words; None where the log does not say.
        batch_size: Samples per micro-batch of one GPU; None where the log does not say.
        samples: Samples it trained on; None where the log does not say.
        gpu: The GPU type it was written for; None where the log does not say.
    """

    row: int
    name: str
    submit_s: float
    gpus: int
    run_s: float | None = None
    application: str | None = None
    batch_size: int | None = None
    samples: float | None = None
    gpu: str | None = None


@dataclass(frozen=True)
class JobLog:
    """The usable jobs of one file.

    Attributes:
        path: The file.
        sha256: Digest of its bytes, hexadecimal.
        rows: How many it has, without header and blank lines.
        records: In file order.
        dropped: Rows that are no usable job, by reason.
        notes: What was read differently from how it stands there, a line each.
    """

    path: Path
    sha256: str
    rows: int
    records: tuple[JobRecord, ...]
    dropped: Mapping[Dropped, int]
    notes: tuple[str, ...] = ()
