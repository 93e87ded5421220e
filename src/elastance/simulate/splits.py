"""What plans for unlike GPUs amount to: methods side by side on measured curves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.catalog import ASSUMED_IDLE_POWER_W
from elastance.errors import InputError, NoPlanError
from elastance.splitting import (
    DEFAULT_METHOD,
    Gpu,
    MethodInfo,
    ParetoFront,
    Plan,
    Solution,
    SplitProblem,
    find_method,
    solve,
)
from elastance.traces import profile_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.traces import SplitProfile

_ASSUMED_IDLE_SHARE = 0.1
"""Share of its largest limit that a GPU of an unknown type is taken to draw while it waits."""


@dataclass(frozen=True)
class GpuGroup:
    """Identical GPUs.

    Attributes:
        profile: What one of them takes.
        count: How many there are.
        idle_power_w: What one draws while it waits, W; None to assume it.
        memory_cap: Most samples one holds at once; None for the largest in the profile.
    """

    profile: SplitProfile
    count: int = 1
    idle_power_w: float | None = None
    memory_cap: int | None = None

    @property
    def idle_w(self) -> float:
        """What one draws while it waits, given or assumed, W."""
        return assumed_idle_power_w(self.profile) if self.idle_power_w is None else self.idle_power_w


@dataclass(frozen=True)
class SplitResult:
    """What one method makes of a problem.

    Attributes:
        method: The method.
        solution: Its answer; None if it has none.
        refusal: Why it has none.
        slack: Share by which its plan is worse than the best, in what is minimised; None if there is no plan.
    """

    method: MethodInfo
    solution: Solution | None
    refusal: str = ""
    slack: float | None = None


@dataclass(frozen=True)
class SplitComparison:
    """Methods side by side on one problem.

    Attributes:
        groups: The GPUs.
        problem: The task.
        steps: Optimizer steps in a profiled window; all quantities are then those of one step. None if unknown.
        results: One per method; the first is the one that was asked for.
        front: The Pareto front of time and energy, if it was asked for.
    """

    groups: tuple[GpuGroup, ...]
    problem: SplitProblem
    steps: int | None
    results: tuple[SplitResult, ...]
    front: ParetoFront | None = None

    @property
    def chosen(self) -> Solution:
        """The answer of the method that was asked for."""
        solution = self.results[0].solution
        assert solution is not None
        return solution

    @property
    def per(self) -> str:
        """What times and energies are the totals of."""
        return "step" if self.steps is not None else self.groups[0].profile.window

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the profiles."""
        return tuple(line for group in self.groups for line in profile_warnings(group.profile, group.idle_w))

    def to_json(self) -> dict[str, Any]:
        """Return the answer, and all others if there are any, as plain values."""
        from elastance.simulate.split_documents import comparison_document

        return comparison_document(self)


def assumed_idle_power_w(profile: SplitProfile) -> float:
    """Return what a GPU is taken to draw while it waits, W: known by the type its profile's name has, or a tenth."""
    words = re.split(r"[^a-z0-9]+", profile.name.lower())
    known = [ASSUMED_IDLE_POWER_W[word] for word in words if word in ASSUMED_IDLE_POWER_W]
    return known[-1] if known else _ASSUMED_IDLE_SHARE * profile.power_limits_w[-1]


def split_problem(
    groups: Sequence[GpuGroup],
    global_batch_size: int,
    *,
    steps: int | None = None,
    extrapolate: bool = False,
    **settings: Any,  # noqa: ANN401
) -> SplitProblem:
    """Pose the problem of splitting a batch over GPUs with given profiles.

    Args:
        groups: The GPUs.
        global_batch_size: Samples of a step over all of them.
        steps: Optimizer steps in a profiled window, to express everything per step.
        extrapolate: Go on beyond the measured sizes instead of computing micro-batches.
        settings: What `SplitProblem` takes besides.

    Raises:
        InputError: A number is out of range, or the batch does not fit.
    """
    if not groups:
        raise InputError("no GPU to split over: give at least one profile")
    windows = {group.profile.window for group in groups}
    if len(windows) > 1:
        raise InputError(f"profiles of a {' and of an '.join(sorted(windows))} cannot be compared")
    if steps is not None and steps < 1:
        raise InputError(f"{steps} steps in a profiled window: 1 or more are expected")
    if steps is not None and windows == {"epoch"}:
        raise InputError("--steps is for profile files; what comes from traces is for one epoch")
    gpus: list[Gpu] = []
    for group in groups:
        if group.count < 1:
            raise InputError(f"{group.profile.name}: {group.count} GPUs; 1 or more are expected")
        per = 1.0 / (steps or 1)
        points = [(*point[:2], point.time_s * per, point.energy_j * per) for point in group.profile.points]
        gpu = Gpu.of_points(
            group.profile.name,
            points,
            idle_power_w=group.idle_w,
            memory_cap=group.memory_cap,
            extrapolate=extrapolate,
        )
        gpus += [gpu] * group.count
    return SplitProblem(tuple(gpus), global_batch_size, **settings)


def compare_splits(
    groups: Sequence[GpuGroup],
    problem: SplitProblem,
    methods: Sequence[str] = (DEFAULT_METHOD,),
    *,
    steps: int | None = None,
    on_progress: Callable[[float, float], None] | None = None,
) -> SplitComparison:
    """Let methods split the batch; the first must have an answer.

    Args:
        groups: The GPUs the problem was posed for.
        problem: The task.
        methods: Names of the methods, the one that is asked for first.
        steps: As given to `split_problem`.
        on_progress: Told how the exact search goes.

    Raises:
        UnknownNameError: There is no such method.
        NoPlanError: The first method has no plan that keeps the constraints.
        InfeasibleError: The batch does not fit.
    """
    infos = [find_method(name) for name in dict.fromkeys(methods)]
    answers: list[tuple[MethodInfo, Solution | None, str]] = []
    for info in infos:
        try:
            answers.append((info, solve(info, problem, on_progress), ""))
        except NoPlanError as error:
            if not answers:
                raise
            answers.append((info, None, str(error)))
    if len(infos) == 1:
        best = None
    else:
        exact = next((found for info, found, _ in answers if info.name == DEFAULT_METHOD), None)
        best = (exact or solve(find_method(DEFAULT_METHOD), problem, on_progress)).plan
    results = tuple(
        SplitResult(info, found, refusal, _slack(problem, found, best)) for info, found, refusal in answers
    )
    return SplitComparison(tuple(groups), problem, steps, results)


def _slack(problem: SplitProblem, solution: Solution | None, best: Plan | None) -> float | None:
    if solution is None or best is None:
        return None
    return problem.order(solution.plan)[0] / problem.order(best)[0] - 1.0
