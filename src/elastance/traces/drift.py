"""What is known of a job whose data set drifts: a train trace for each of its slices.

No such trace was ever published; `elastance.traces.drift_model` makes synthetic ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import TraceError
from elastance.runs import Provenance
from elastance.traces.checks import require_usable
from elastance.traces.reading import Table, read_table
from elastance.traces.schema import DRIFT
from elastance.traces.tables import JobFacts, PowerTrace, TrainTrace, join

if TYPE_CHECKING:
    from elastance.job import Job

SYNTHETIC = "synthetic"
"""What the column ``origin`` says of rows that were made up."""

MANIFEST_SUFFIX = ".manifest.json"
"""Added to a drift trace's file name, this names the file that says how it was made."""


@dataclass(frozen=True)
class DriftTrace:
    """The train traces of the slices of one file.

    Attributes:
        path: The file.
        sha256: Digest of its bytes, hexadecimal.
        provenance: ``"model"`` if it is synthetic, by its column ``origin`` or its manifest; else ``"trace"``.
        slices: In order, the first being slice 1. A job may have fewer than the others.
    """

    path: Path
    sha256: str
    provenance: Provenance
    slices: tuple[TrainTrace, ...]

    @property
    def synthetic(self) -> bool:
        """Whether it was made up."""
        return self.provenance is Provenance.MODEL

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets it knows, in alphabetical order."""
        return tuple(sorted(set(self.slices[0].dataset)))

    def job_facts(self, power: PowerTrace, job: Job, provenance: Provenance) -> tuple[JobFacts, ...]:
        """Return the facts of `job` on each slice; only the training paths differ between them.

        Args:
            power: Time and power of one GPU type, whatever the slice.
            job: The job.
            provenance: Of the power trace; the facts are a model's if either is.

        Raises:
            InputError: A trace lacks rows of the job, or has none at its target metric.
        """
        identity = (job.dataset, job.network, job.optimizer)
        both = provenance if self.provenance is Provenance.TRACE else self.provenance
        facts = [join(self.slices[0], power, job, provenance=both)]
        for train in self.slices[1:]:
            if identity not in zip(train.dataset, train.network, train.optimizer, strict=True):
                break  # slices have no gaps: the job has no further ones
            facts.append(join(train, power, job, provenance=both))
        return tuple(facts)

    def to_json(self) -> dict[str, Any]:
        """Return what a result says about it, as plain values."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "slices": len(self.slices),
            "provenance": self.provenance.value,
            "synthetic": self.synthetic,
        }

    def __str__(self) -> str:
        kind = "synthetic drift" if self.synthetic else "drift"
        return f"{kind} over {len(self.slices)} slices, in {self.path} (sha256 {self.sha256[:12]})"


def read_drift(path: Path | str) -> DriftTrace:
    """Read a drift trace: CSV, plain or compressed, or Parquet.

    Raises:
        TraceError: The file cannot be read, a slice is missing, or slices offer different batch sizes.
    """
    path = Path(path)
    table = require_usable(read_table(path, DRIFT))
    made_up = SYNTHETIC in table.columns.get("origin", ()) or _said_to_be_synthetic(path)
    return DriftTrace(path, table.sha256, Provenance.MODEL if made_up else Provenance.TRACE, _slices(table))


def _slices(table: Table) -> tuple[TrainTrace, ...]:
    names = [field.name for field in fields(TrainTrace) if field.name != "name"]
    rows: dict[int, list[int]] = {}
    for row, number in enumerate(table.columns["slice"]):
        rows.setdefault(number, []).append(row)
    return tuple(
        TrainTrace(
            f"slice {number} of {table.path}",
            **{name: [table.columns[name][row] for row in rows[number]] for name in names},
        )
        for number in sorted(rows)
    )


def _said_to_be_synthetic(path: Path) -> bool:
    manifest = path.with_name(path.name + MANIFEST_SUFFIX)
    try:
        return bool(json.loads(manifest.read_text("utf-8"))["synthetic"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TraceError(f"not a readable manifest: {error}", path=manifest) from None
