"""What each knob is worth on its own: the best batch size, the best power limit, and the best of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from elastance.simulate.expectation import Expectation
    from elastance.simulate.histories import Task


class Knobs(NamedTuple):
    """The cheapest configurations that turning one knob, or both, can reach from the default.

    Attributes:
        batch_size: Best batch size at the default's limit, the largest.
        power_limit: Best limit at the default batch size.
        both: Best of all configurations: the oracle.
    """

    batch_size: Expectation
    power_limit: Expectation
    both: Expectation


def best_by_knob(task: Task) -> Knobs:
    """Return what each knob can reach, by expected cost (Zeus, NSDI'23, section 2.2, figure 1).

    Raises:
        ConvergenceError: The default configuration never reaches the target.
    """
    default, table = task.default, task.table.values()
    return Knobs(
        min((at for at in table if at.power_limit_w == default.power_limit_w), key=_cost),
        min((at for at in table if at.batch_size == default.batch_size), key=_cost),
        task.oracle,
    )


def _cost(at: Expectation) -> float:
    return at.cost_j
