"""Groups of recurring, overlapping submissions, read from a group trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from elastance.runs import Provenance
from elastance.traces.checks import require_usable
from elastance.traces.reading import read_table
from elastance.traces.schema import GROUP, SYNTHETIC_PREFIX

if TYPE_CHECKING:
    from pathlib import Path


class Submission(NamedTuple):
    """One submission of a recurring job.

    Attributes:
        start_s, end_s: When it ran in the trace, s.
        runtime_ratio: Its run time relative to the mean of its kind; scales what a run takes.
    """

    start_s: float
    end_s: float
    runtime_ratio: float = 1.0


@dataclass(frozen=True)
class Group:
    """One recurring job.

    Attributes:
        name: What the trace calls it.
        dataset: Of the workload that stands for it.
        submissions: In order of their starts; at least one.
    """

    name: str
    dataset: str
    submissions: tuple[Submission, ...]


@dataclass(frozen=True)
class GroupTrace:
    """The groups of one file.

    Attributes:
        path: The file.
        sha256: Digest of its bytes, hexadecimal.
        provenance: ``"model"`` if any group was made up, by its name; else ``"trace"``.
        groups: In order of their first rows.
    """

    path: Path
    sha256: str
    provenance: Provenance
    groups: tuple[Group, ...]

    @property
    def submissions(self) -> int:
        """How many submissions there are in all groups."""
        return sum(len(group.submissions) for group in self.groups)

    def __str__(self) -> str:
        kind = "synthetic groups" if self.provenance is Provenance.MODEL else "groups"
        return f"{kind} in {self.path} (sha256 {self.sha256[:12]})"


def read_groups(path: Path) -> GroupTrace:
    """Read a group trace: CSV, plain or compressed, or Parquet.

    Raises:
        TraceError: The file cannot be read, or its rows are not in order, overlap negatively, mix datasets or name
            an unknown one.
    """
    table = require_usable(read_table(path, GROUP))
    columns = table.columns
    datasets: dict[str, str] = {}
    submissions: dict[str, list[Submission]] = {}
    rows = zip(*(columns[name] for name in GROUP.columns), strict=True)
    for name, start_s, end_s, dataset, ratio in rows:
        if name not in datasets:
            datasets[name], submissions[name] = dataset, []
        submissions[name].append(Submission(start_s, end_s, ratio))
    groups = tuple(Group(name, datasets[name], tuple(of_group)) for name, of_group in submissions.items())
    made_up = any(group.name.startswith(SYNTHETIC_PREFIX) for group in groups)
    return GroupTrace(path, table.sha256, Provenance.MODEL if made_up else Provenance.TRACE, groups)
