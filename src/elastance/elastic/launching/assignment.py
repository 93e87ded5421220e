"""What the launcher tells a script, and what becomes of what the script says itself.

A script that is started with other executors stays as it is: `elastance.elastic.prepare` reads one environment
variable. What decides the result (logical workers, level) must not be said differently in two places.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.errors import InputError

if TYPE_CHECKING:
    from elastance.elastic.placement import Placement

_VARIABLE = "ELASTANCE_ASSIGNMENT"


@dataclass(frozen=True)
class Wishes:
    """What a script asks `prepare` for; None where it leaves that open.

    Attributes:
        workers: Logical workers.
        level: What is promised.
        placement: Which executor hosts how many.
        checkpoints: Directory for checkpoints.
        checkpoint_every: Global steps between checkpoints.
    """

    workers: int | None
    level: str | None = None
    placement: Placement | str | None = None
    checkpoints: Path | str | None = None
    checkpoint_every: int | None = None


@dataclass(frozen=True)
class Assignment:
    """What the launcher has every executor of one run do.

    Attributes:
        job: Name of the job.
        directory: Where the executors of this run tell how far they are, and are asked to leave.
        workers: Logical workers.
        placement: Which executor hosts how many.
        level: What is promised; None leaves it to the script.
        checkpoints: Directory for checkpoints.
        checkpoints_named: Whether the user chose it; else a script's own goes before.
        checkpoint_every: Global steps between checkpoints; None leaves it to the script.
    """

    job: str
    directory: str
    workers: int
    placement: str
    level: str | None
    checkpoints: str
    checkpoints_named: bool
    checkpoint_every: int | None

    def environment(self) -> dict[str, str]:
        """The variables that tell a script."""
        return {_VARIABLE: json.dumps(vars(self))}

    @classmethod
    def given(cls) -> Assignment | None:
        """What this process is assigned; None where `elastance launch` did not start it."""
        text = os.environ.get(_VARIABLE)
        return cls(**json.loads(text)) if text else None

    def settle(self, wishes: Wishes) -> Wishes:
        """Return what holds, for a script with these wishes.

        Raises:
            InputError: The script says otherwise than the launcher.
        """
        self._check("workers", wishes.workers, self.workers)
        self._check("level", wishes.level, self.level)
        if wishes.placement is not None and str(wishes.placement) != self.placement:
            raise InputError(
                f"the script has placement {str(wishes.placement)!r}, the launcher {self.placement!r}: "
                "leave placement= out of the script, for it changes with every resize"
            )
        checkpoints = wishes.checkpoints
        if checkpoints is None:
            checkpoints = self.checkpoints
        elif self.checkpoints_named and Path(checkpoints).resolve() != Path(self.checkpoints).resolve():
            raise InputError(
                f"the script keeps checkpoints in {str(checkpoints)!r}, the launcher was told --checkpoints "
                f"{self.checkpoints}: name the directory in one place"
            )
        every = wishes.checkpoint_every if self.checkpoint_every is None else self.checkpoint_every
        return replace(
            wishes,
            workers=self.workers,
            level=wishes.level if self.level is None else self.level,
            placement=self.placement,
            checkpoints=checkpoints,
            checkpoint_every=every,
        )

    def _check(self, name: str, of_script: object, of_launcher: object) -> None:
        if None not in (of_script, of_launcher) and str(of_script) != str(of_launcher):
            raise InputError(
                f"the script says {name}={of_script}, the launcher --{name} {of_launcher}: they decide the "
                f"result and must agree; launch with --{name} {of_script}"
            )
