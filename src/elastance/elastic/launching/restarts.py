"""Whether a job that crashed is worth another try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.train.launching import RankFailure


@dataclass(frozen=True)
class Crash:
    """An executor that ended otherwise than it should.

    Attributes:
        failure: Which, and how.
        step: Global steps done by then; None if the executors had not met yet.
    """

    failure: RankFailure
    step: int | None

    @property
    def describes(self) -> str:
        """Which executor crashed, how and when, in one line."""
        failure = self.failure
        how = (
            f"ended with exit status {failure.exit_status}"
            if failure.signal is None
            else f"was killed by {failure.signal}"
        )
        when = "before the first step" if self.step is None else f"after global step {self.step}"
        words = f": {failure.last_words}" if failure.signal is None and failure.last_words else ""
        return f"executor {failure.rank} {how} {when}{words}"


def reason_to_give_up(crashes: Sequence[Crash], most: int) -> str | None:
    """Return why a job is not started once more after its last crash; None if it is.

    Processes that are killed may live next time. A script that fails by itself does so again if it failed at the same
    step before, or before it came to train.

    Args:
        crashes: All of the job, in order.
        most: Restarts allowed.
    """
    last = crashes[-1]
    if last.failure.signal is None:
        if last.step is None:
            return "the script fails before it trains"
        if any(other.failure.signal is None and other.step == last.step for other in crashes[:-1]):
            return "the script fails at this step again"
    if len(crashes) > most:
        return f"it was restarted {most} times (--max-restarts)"
    return None
