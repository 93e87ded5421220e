"""What a method answers: a plan, and what is known about how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elastance.splitting.problem import Plan


@dataclass(frozen=True)
class Published:
    """What a published method says about its own answer; it lies outside what was measured.

    Attributes:
        cost_j: Its published objective, J.
        times_s: Fitted time of each GPU, s.
        powers_w: Fitted mean power of each GPU, W.
    """

    cost_j: float
    times_s: tuple[float, ...]
    powers_w: tuple[float, ...]


@dataclass(frozen=True)
class Solution:
    """A plan, and its certificate if it has one.

    Attributes:
        plan: The plan, priced on the measured curves.
        optimal: Whether no plan is better, proven.
        lower_bound: No plan costs less (J; s for the goal TIME); None if the method knows no bound.
        runner_up: The best other plan that was seen; the second best there is where `runner_up_exact`.
        runner_up_exact: Whether the runner-up is proven to be the second best plan.
        searched: How many partial problems were solved to prove it; 0 if every plan was looked at.
        published: The published answer, for a published method.
    """

    plan: Plan
    optimal: bool = False
    lower_bound: float | None = None
    runner_up: Plan | None = None
    runner_up_exact: bool = False
    searched: int = 0
    published: Published | None = None
