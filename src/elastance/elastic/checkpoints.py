"""The checkpoints of a job: a directory that always holds one that was read back."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.elastic import checkpoint_file
from elastance.elastic.identity import explain_difference
from elastance.errors import CheckpointError, InputError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Checkpoints:
    """Where checkpoints of one job are kept, and when they are made.

    Attributes:
        directory: An existing directory of this job alone.
        identity: The job.
        every: Global steps between periodic ones; None for those on demand and the last only.
    """

    directory: Path
    identity: dict[str, Any]
    every: int | None = None

    def __post_init__(self) -> None:
        if not self.directory.is_dir():
            raise InputError(
                f"checkpoints={str(self.directory)!r}: there is no such directory; create it first"
            )
        # Found out now rather than at the first checkpoint; and one that cannot be listed would look empty.
        if not os.access(self.directory, os.R_OK | os.W_OK | os.X_OK):
            raise InputError(
                f"checkpoints={str(self.directory)!r}: no permission to read and write there; name another"
            )
        if self.every is not None and self.every < 1:
            raise InputError(f"checkpoint_every={self.every}: expected at least 1 global step")

    def due(self, step: int) -> bool:
        """Whether one is to be made after `step` global steps."""
        return self.every is not None and step % self.every == 0

    def newest(self) -> Path | None:
        """The newest checkpoint; None if there is none."""
        found = self._found()
        return found[-1] if found else None

    def read(self, path: Path) -> dict[str, Any]:
        """Read a checkpoint of this job.

        Raises:
            CheckpointError: It is truncated, damaged, or belongs to another job, level or version.
        """
        difference = explain_difference(checkpoint_file.read_header(path).identity, self.identity)
        if difference is not None:
            raise CheckpointError(f"belongs to another job: {difference}", path=path)
        return checkpoint_file.read(path)

    def write(self, step: int, content: dict[str, Any]) -> Path:
        """Write the state after `step` global steps; earlier ones go once it was read back.

        Raises:
            CheckpointError: What was written cannot be read; earlier ones are kept.
            InputError: The file cannot be written; earlier ones are kept.
        """
        path = self.directory / f"step-{step:010d}.checkpoint"
        earlier = [other for other in self._found() if other != path]
        try:
            checkpoint_file.write(path, step, self.identity, content)
        except CheckpointError:
            path.unlink(missing_ok=True)
            raise
        for other in earlier:
            other.unlink(missing_ok=True)
        return path

    def _found(self) -> list[Path]:
        return sorted(self.directory.glob("step-*.checkpoint"))
