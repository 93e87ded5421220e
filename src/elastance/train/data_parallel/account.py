"""What a rank tells whoever launched it: how far it is, and how long its steps take.

One small file per rank, replaced as a whole when an epoch has warmed up and when it ends, so that nothing is written
within a step that is measured.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from elastance.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

    from elastance.train.data_parallel.step_clock import StepClock

VARIABLE = "ELASTANCE_ACCOUNTS"
"""Environment variable that names the directory of the files."""


@dataclass(frozen=True)
class Account:
    """How far one rank is.

    Attributes:
        rank: Which rank.
        steps: Steps it has done.
        samples: Samples it has computed, not counting those of weight 0.
        epochs: Passes over the data set that it has ended.
        steps_per_epoch: Steps of a whole pass.
        in_steady_steps: Whether it is within an epoch, its first step done.
        timed_steps: Full steps but the first of each epoch; they are what is timed.
        timed_s: Their duration, s.
        computed_s: What of this it computed gradients, s; None if that was not seen.
    """

    rank: int
    steps: int = 0
    samples: int = 0
    epochs: int = 0
    steps_per_epoch: int = 0
    in_steady_steps: bool = False
    timed_steps: int = 0
    timed_s: float = 0.0
    computed_s: float | None = None


def account_path(directory: Path, rank: int) -> Path:
    """Return the file of a rank."""
    return directory / f"rank-{rank}.json"


def read_account(directory: Path, rank: int) -> Account | None:
    """Return the account of a rank; None if it has given none yet."""
    try:
        document: dict[str, Any] = json.loads(account_path(directory, rank).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Account(**document)


class AccountKeeper:
    """Keeps the account of this rank.

    Args:
        rank: Which rank.
        clock: Times the steps.
        directory: Where to write it; None keeps it in memory only.
    """

    def __init__(self, rank: int, clock: StepClock, directory: Path | None) -> None:
        self._rank = rank
        self._clock = clock
        self._directory = directory
        self._steps = self._samples = self._epochs = self._steps_per_epoch = 0
        self._is_steady = False

    def begin_epoch(self, steps: int) -> None:
        """Say that a pass begins, and how many steps it will have."""
        self._steps_per_epoch = steps
        self._is_steady = False

    def begin_step(self, is_full: bool) -> None:
        """Say that a step begins; an incomplete one, the last of its epoch, is not timed."""
        if not is_full:
            self._pause()

    def end_step(self, samples: int, is_full: bool) -> None:
        """Count a step; timing begins at the end of the first of an epoch, in which much warms up."""
        self._steps += 1
        self._samples += samples
        if self._is_steady:
            self._clock.lap()
        elif is_full:
            self._is_steady = True
            self._clock.start()
            self._write()

    def end_epoch(self, is_whole: bool) -> None:
        """Say that a pass has ended, all of it or left between two steps."""
        self._epochs += is_whole
        self._clock.stop()
        self._is_steady = False
        self._write()

    def _pause(self) -> None:
        self._clock.stop()
        if self._is_steady:
            self._is_steady = False
            self._write()

    @property
    def account(self) -> Account:
        """The account so far."""
        clock = self._clock
        return Account(
            self._rank,
            self._steps,
            self._samples,
            self._epochs,
            self._steps_per_epoch,
            self._is_steady,
            clock.laps,
            clock.timed_s,
            clock.computed_s,
        )

    def _write(self) -> None:
        if self._directory is None or not self._directory.is_dir():  # the launcher was killed
            return
        with replacing(account_path(self._directory, self._rank)) as temporary:
            temporary.write_text(json.dumps(asdict(self.account)), "utf-8")


def accounts_directory() -> Path | None:
    """Return where whoever launched this process wants its account; None if nobody does."""
    from pathlib import Path

    named = os.environ.get(VARIABLE)
    return Path(named) if named else None
