"""What `elastance certify` asks of a script that calls `prepare`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from elastance.elastic.levels import Level
from elastance.elastic.placement import Placement
from elastance.errors import InputError

_VARIABLE = "ELASTANCE_TRIAL"


@dataclass(frozen=True)
class Trial:
    """One run of a script: how to run, how long, and where to write what came out.

    Attributes:
        directory: Where executor i writes ``executor-i.jsonl``, one line per global step.
        placement: Which executor hosts how many logical workers.
        level: The level to run at, whatever the script says.
        steps: Global steps at most.
        reference: Train with DDP, one process per logical worker, instead.
        scan_step: Step, from 0, whose operators the first executor notes; None for none.
        keep: Steps, from 0, and names of tensors whose values are kept, to see by how much they differ.
    """

    directory: str
    placement: str
    level: str
    steps: int
    reference: bool = False
    scan_step: int | None = None
    keep: tuple[tuple[int, str], ...] = ()

    def environment(self) -> dict[str, str]:
        """The variables that tell a script."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def asked(cls) -> Trial | None:
        """What is asked of this process; None outside of a trial."""
        text = os.environ.get(_VARIABLE)
        if not text:
            return None
        told = json.loads(text)
        return cls(**told | {"keep": tuple((step, name) for step, name in told["keep"])})

    def checked(self, workers: int | None) -> tuple[Placement, Level]:
        """Return placement and level, for a script with so many logical workers; None: as many as are asked for.

        Raises:
            InputError: The script has another number of logical workers.
        """
        placement = Placement.parse(self.placement)
        if workers in (None, placement.workers):
            return placement, Level(self.level)
        if not self.reference and workers == placement.executors:
            raise InputError(
                f"on {workers} executors the script has {workers} logical workers, not {placement.workers}: give "
                "prepare(workers=...) a number that does not follow the number of processes"
            )
        raise InputError(
            f"the script has {workers} logical workers, but the trial's placement {placement} has "
            f"{placement.workers}: certify with --workers {workers}"
        )


class TrialOver(SystemExit):
    """The steps of a trial are done; what the script does after its last step is left out."""
