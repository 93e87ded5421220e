"""Which column of a text holds the time, the text and the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.errors import TraceError, UnknownNameError
from elastance.traces.text.timestamps import CTIME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SENTIMENT140 = ("sentiment", "id", "date", "query", "user", "text")
"""The columns of Sentiment140's files, which have no header."""

_USUAL = {
    "time": ("date", "time", "timestamp", "datetime", "created_at", "published_at"),
    "text": ("text", "tweet", "sentence", "content", "body", "review", "message"),
    "label": ("label", "sentiment", "class", "target", "polarity", "category", "rating"),
}
"""Names a column goes by, the likeliest first."""


@dataclass(frozen=True)
class TextColumns:
    """What each column of a text is for; the rest is dropped.

    Attributes:
        time, text, label: Names of the columns.
        kept: Further columns to keep, under their own names.
        dropped: All others.
    """

    time: str
    text: str
    label: str
    kept: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the columns to read: time, text, label, then those kept."""
        return (self.time, self.text, self.label, *self.kept)


@dataclass(frozen=True)
class ColumnChoice:
    """The columns a user names; None: the usual names are looked for.

    Attributes:
        time, text, label: Names of the columns.
        kept: Further columns to keep.
    """

    time: str | None = None
    text: str | None = None
    label: str | None = None
    kept: tuple[str, ...] = ()

    def among(self, names: Sequence[str], path: Path) -> TextColumns:
        """Return which of the columns `names` is which.

        Raises:
            UnknownNameError: A named column is not there.
            TraceError: No column goes by a usual name, or one is used twice.
        """
        time = self._find("time", self.time, names, path)
        text = self._find("text", self.text, names, path)
        label = self._find("label", self.label, names, path)
        for name in self.kept:
            _require(name, names, path)
        used = [time, text, label, *self.kept]
        for name in used:
            if used.count(name) > 1:
                raise TraceError("column is to serve twice; name different ones", path=path, column=name)
        taken = {"date", "text", "label"}.intersection(self.kept)
        if taken:
            raise TraceError(
                "column cannot be kept under its name: slices have date, text and label of their own",
                path=path,
                column=taken.pop(),
            )
        dropped = tuple(name for name in names if name not in used)
        return TextColumns(time, text, label, self.kept, dropped)

    def _find(self, role: str, named: str | None, names: Sequence[str], path: Path) -> str:
        if named is not None:
            return _require(named, names, path)
        by_lower = {name.lower(): name for name in reversed(names)}
        for usual in _USUAL[role]:
            if usual in by_lower:
                return by_lower[usual]
        raise TraceError(
            f"no {role} column: none of {', '.join(names)} is called {', '.join(_USUAL[role])}; "
            f"name it with --{role}-column",
            path=path,
        )


def _require(name: str, names: Sequence[str], path: Path) -> str:
    if name not in names:
        raise UnknownNameError(f"column of {path}", name, names)
    return name


def is_sentiment140(first_row: Sequence[str]) -> bool:
    """Whether a file without a header that begins with `first_row` has Sentiment140's layout."""
    return (
        len(first_row) == len(SENTIMENT140)
        and first_row[0] in {"0", "2", "4"}
        and CTIME.fullmatch(first_row[2]) is not None
    )
