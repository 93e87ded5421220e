"""The directory of a sweep: its plan, and a journal of the parts that are done.

The journal is one file to which a line per part is appended and flushed to the disk, so that a kill at any moment
loses at most the parts in flight. Thousands of parts then need neither thousands of files nor a directory scan to
resume, and the lock on the one file keeps a second sweep out; the kernel drops it however the first one ends. A line
that was cut off by a kill is dropped, and its part done again.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from elastance.errors import InputError
from elastance.files import replacing

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from elastance.simulate.sweeps.cells import Part, Row

PLAN = "sweep.json"
JOURNAL = "parts.jsonl"

_Key: TypeAlias = str
"""Which part: its cell and seeds as JSON, which tells infinity and every float from all others."""


class SweepStore:
    """The parts that are done, in memory and, with a journal, on the disk.

    Args:
        journal: Open for appending; None keeps nothing.
        plan: What the sweep was begun with.
        done: Key of a part to its rows.
    """

    def __init__(
        self, plan: dict[str, Any], journal: BinaryIO | None = None, done: dict[_Key, list[Row]] | None = None
    ) -> None:
        self.plan = plan
        self._journal = journal
        self._done = {} if done is None else done

    def __contains__(self, part: Part) -> bool:
        return _key(part) in self._done

    def rows(self, part: Part) -> list[Row]:
        """Return the rows of a part that is done."""
        return self._done[_key(part)]

    def add(self, part: Part, rows: list[Row]) -> None:
        """Keep the rows of a part; once this returns, no kill loses them."""
        key = _key(part)
        if self._journal is not None:
            self._journal.write(f'{{"part": {key}, "rows": {json.dumps(rows)}}}\n'.encode())
            self._journal.flush()
            os.fsync(self._journal.fileno())
        self._done[key] = rows


@contextmanager
def opened_store(directory: Path | None, plan: dict[str, Any], *, restart: bool) -> Generator[SweepStore]:
    """Open the store in `directory`, or begin one, for as long as the block runs; without one, in memory.

    Args:
        directory: Is created where it does not exist; its parent must.
        plan: What decides the result; a store begun with another is refused.
        restart: Drop what is there.

    Raises:
        InputError: The directory cannot be used, another sweep is at work in it, or it holds another sweep.
    """
    if directory is None:
        yield SweepStore(plan)
        return
    plan = json.loads(json.dumps(plan))
    _make_directory(directory)
    with _opened(directory / JOURNAL) as journal:
        if restart:
            journal.truncate(0)
            (directory / PLAN).unlink(missing_ok=True)
        stored = _stored_plan(directory, plan)
        yield SweepStore(stored, journal, _stored_parts(directory / JOURNAL, journal))


def count_kept(directory: Path) -> int:
    """Return how many parts are kept in `directory`."""
    return (directory / JOURNAL).read_bytes().count(b"\n")


def _make_directory(directory: Path) -> None:
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory}: is a file; --output names a directory")
    if not directory.parent.is_dir():
        raise InputError(f"{directory}: there is no directory {directory.parent}; create it first")
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be created: {error.strerror}") from None


@contextmanager
def _opened(path: Path) -> Generator[BinaryIO]:
    """Open the journal and lock it."""
    try:
        journal = path.open("a+b")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    with journal:
        try:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{path.parent}: another sweep is at work here") from None
        yield journal


def _stored_plan(directory: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of the sweep in `directory`, which must be `plan`; it becomes that where there is none."""
    path = directory / PLAN
    try:
        stored = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if (directory / JOURNAL).stat().st_size:
            raise InputError(f"{directory}: holds {JOURNAL} but no {PLAN}; --restart drops it") from None
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(plan, indent=1) + "\n", "utf-8")
        return plan
    except ValueError as error:
        raise InputError(f"{path}: not a sweep's plan: {error}; --restart begins anew") from None
    # How the facts were found may change between resumptions, as long as they are the same facts.
    difference = _difference(stored, plan | {"facts_kind": stored.get("facts_kind")}, "")
    if difference:
        raise InputError(
            f"{directory}: holds another sweep: {difference}; "
            "give the same arguments, another --output, or --restart to drop it"
        )
    return stored


def _difference(stored: Any, given: Any, path: str) -> str | None:  # noqa: ANN401
    """Say in words where two plans differ first."""
    if isinstance(stored, dict) and isinstance(given, dict):
        there, here = cast("dict[str, Any]", stored), cast("dict[str, Any]", given)
        for name in [*here, *there]:
            found = _difference(there.get(name), here.get(name), f"{path} {name}")
            if found:
                return found
        return None
    return None if stored == given else f"{path.strip()} was {_short(stored)}, is now {_short(given)}"


def _short(value: Any) -> str:  # noqa: ANN401
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:40]}...{text[-15:]}"


def _stored_parts(path: Path, journal: BinaryIO) -> dict[_Key, list[Row]]:
    """Read the journal, and cut off a line that a kill left unfinished."""
    journal.seek(0)
    content = journal.read()
    whole = content.rfind(b"\n") + 1
    journal.truncate(whole)
    done: dict[_Key, list[Row]] = {}
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            entry = json.loads(line)
            done[json.dumps(entry["part"])] = [tuple(row) for row in entry["rows"]]
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path}, line {number}: damaged; delete the line to have its part done again, or give --restart"
            ) from None
    return done


def _key(part: Part) -> _Key:
    cell: Sequence[Any] = part.cell
    return json.dumps([*cell, list(part.seeds)])
