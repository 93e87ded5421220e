"""What a job is launched with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elastance.devices import Device
    from elastance.elastic.levels import Level
    from elastance.elastic.placement import Placement


@dataclass(frozen=True)
class LaunchSettings:
    """A job to be launched.

    Attributes:
        command: The script, and how to run it.
        name: Of the job.
        placement: Which executor hosts how many logical workers at first.
        level: What is promised; None leaves it to the script.
        checkpoints: Where they are kept; None: where the script says, else in the job's own directory.
        checkpoint_every: Global steps between checkpoints; None leaves it to the script.
        max_restarts: After crashes.
        devices: Executor i has the i-th, and its energy is measured; empty: nothing is given or measured.
    """

    command: tuple[str, ...]
    name: str
    placement: Placement
    level: Level | None = None
    checkpoints: Path | None = None
    checkpoint_every: int | None = None
    max_restarts: int = 3
    devices: Sequence[Device] = ()
