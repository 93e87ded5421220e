"""Typed errors: each message says what was wrong, which value, and what would be right.

Everything elastance raises on purpose derives from `ElastanceError`; the command prints its message as one line
and leaves with `ElastanceError.exit_status`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class ElastanceError(Exception):
    """Base of every error elastance raises on purpose."""

    exit_status: ClassVar[int] = 2


class InputError(ElastanceError, ValueError):
    """A value the user gave is not usable; the message names it and what would be."""


class UnknownNameError(InputError):
    """A name that is not among the known ones.

    Args:
        kind: What was looked up, e.g. ``"GPU"``.
        name: The name that was asked for.
        known: Every name that would have been accepted.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = sorted(known)
        self.nearest = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(self.nearest)}? " if self.nearest else ""
        super().__init__(f"unknown {kind} {name!r}: {hint}known: {', '.join(self.known) or 'none'}")


class MissingExtraError(InputError):
    """A package is needed that comes with an optional extra.

    Args:
        what: What needs it, e.g. ``"reading Parquet"``.
        extra: The extra that brings it.
    """

    def __init__(self, what: str, extra: str) -> None:
        self.extra = extra
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'elastance[{extra}]'")


class DatabaseError(ElastanceError):
    """The database of recurring jobs cannot be reached, read or written."""


class TraceError(InputError):
    """A trace file that cannot be used.

    Args:
        message: What is wrong and what would be right.
        path: The file.
        row: Line number in the file, counted from 1 (the header is line 1), where one line is to blame.
        column: Column name, where one column is to blame.
    """

    def __init__(
        self, message: str, *, path: Path | str, row: int | None = None, column: str | None = None
    ) -> None:
        self.reason = message
        self.path = str(path)
        self.row = row
        self.column = column
        place = self.path
        if row is not None:
            place += f", row {row}"
        if column is not None:
            place += f", column {column}"
        super().__init__(f"{place}: {message}")


class PowerLogError(TraceError):
    """A power log that cannot be used; `row` counts its lines from 1, the header."""


class DownloadError(ElastanceError):
    """A public trace could not be fetched, or what arrived is not what was published."""


class CheckpointError(InputError):
    """A checkpoint that cannot be gone on from, or could not be written.

    Args:
        message: What is wrong and what would be right.
        path: The file.
    """

    def __init__(self, message: str, *, path: Path | str) -> None:
        self.path = str(path)
        super().__init__(f"{path}: {message}")


class WorkerError(ElastanceError):
    """A process that shared the work died."""


class PolicyError(ElastanceError):
    """A policy raised, or chose something that is not on offer."""


class MeterError(ElastanceError):
    """An energy window was begun or ended where that makes no sense."""


class CommandMissingError(InputError):
    """There is no such command; leaves with the status of a shell in that case."""

    exit_status: ClassVar[int] = 127


class CommandUnusableError(InputError):
    """The command cannot be executed; leaves with the status of a shell in that case."""

    exit_status: ClassVar[int] = 126


class InfeasibleError(InputError):
    """What is asked for cannot be had with what is there."""


class NoPlanError(ElastanceError):
    """A method has no answer that keeps the constraints, though there may be one."""

    exit_status: ClassVar[int] = 1


class NotResizedError(ElastanceError):
    """A running job ended, or somebody else resized it, before it could be resized."""

    exit_status: ClassVar[int] = 1


class ConvergenceError(ElastanceError):
    """A job could not reach its target metric."""


class RecordingError(ElastanceError):
    """What is being recorded cannot be written any longer."""


class DeviceError(ElastanceError):
    """A device could not be read or set."""


class NoDeviceError(DeviceError):
    """There is no device of the kind that was asked for."""


class NotSupportedError(DeviceError):
    """The device does not have what was asked of it."""


class DevicePermissionError(DeviceError):
    """The user lacks a right; the message names it and how to get it."""


class DeviceBusyError(DeviceError):
    """Another process is using what was asked for."""


class DeviceLostError(DeviceError):
    """The device answered before and no longer does."""


class InterruptedSweepError(ElastanceError):
    """Ctrl-C ended a sweep; the message says how to go on with it."""

    exit_status = 130
