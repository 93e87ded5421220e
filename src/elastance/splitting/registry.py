"""Split methods by name: our own, entry points of other packages, and ``package.module:function``.

A method is a function of a `SplitProblem` that returns one (samples, power limit) per GPU, or a `Solution`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias, cast

from elastance.errors import ElastanceError, NoPlanError, PolicyError, UnknownNameError
from elastance.splitting.baselines import even, even_best_limits, heuristic, proportional, time_balanced
from elastance.splitting.enumeration import TIE
from elastance.splitting.exact import exact
from elastance.splitting.problem import Goal, Plan, Share, SplitProblem
from elastance.splitting.published import zeus2_brute_force, zeus2_even, zeus2_heuristic
from elastance.splitting.solution import Solution

DEFAULT_METHOD = "exact"
"""What `elastance split` uses unless told otherwise."""

ENTRY_POINTS = "elastance.split_policies"
"""Entry-point group in which other packages offer methods."""

SplitMethod: TypeAlias = Callable[[SplitProblem], Solution | Sequence[Share]]
"""Splits a batch."""


class MethodKind(StrEnum):
    """What a method is to us."""

    SOLVER = "solver"
    """Looks for a good plan."""
    BASELINE = "baseline"
    """What people do without a solver."""
    PUBLISHED = "published"
    """The published method with its own objective, beyond what was measured."""


@dataclass(frozen=True)
class MethodInfo:
    """A method and what is known about it.

    Attributes:
        name: Name on the command line.
        kind: What it is.
        summary: What it does, in a line.
        function: Does it; None if it cannot be loaded, then `summary` says why.
        origin: Package it comes from; empty for our own.
    """

    name: str
    kind: MethodKind
    summary: str
    function: SplitMethod | None
    origin: str = ""


_OWN: tuple[tuple[str, MethodKind, SplitMethod], ...] = (
    ("exact", MethodKind.SOLVER, exact),
    ("time-balanced", MethodKind.BASELINE, time_balanced),
    ("proportional", MethodKind.BASELINE, proportional),
    ("even", MethodKind.BASELINE, even),
    ("even-best-limits", MethodKind.BASELINE, even_best_limits),
    ("heuristic", MethodKind.SOLVER, heuristic),
    ("zeus2-brute-force", MethodKind.PUBLISHED, zeus2_brute_force),
    ("zeus2-heuristic", MethodKind.PUBLISHED, zeus2_heuristic),
    ("zeus2-even", MethodKind.PUBLISHED, zeus2_even),
)


def registered_methods() -> tuple[MethodInfo, ...]:
    """Return our own methods, then those of other packages by name."""
    own = [MethodInfo(name, kind, _summary(function), function) for name, kind, function in _OWN]
    names = {info.name for info in own}
    found = [info for info in _entry_points() if info.name not in names]
    return (*own, *sorted(found, key=lambda info: info.name))


def find_method(name: str) -> MethodInfo:
    """Return the method called `name`, or the function ``package.module:function`` names.

    Raises:
        UnknownNameError: There is none of that name.
        PolicyError: It cannot be imported.
    """
    if ":" in name:
        return _imported(name)
    known = {info.name: info for info in registered_methods()}
    if name not in known:
        raise UnknownNameError("split method", name, known)
    if known[name].function is None:
        raise PolicyError(f"split method {name} of {known[name].origin} {known[name].summary}")
    return known[name]


def solve(
    info: MethodInfo, problem: SplitProblem, on_progress: Callable[[float, float], None] | None = None
) -> Solution:
    """Let a method split the batch.

    Args:
        info: Which one.
        problem: The task.
        on_progress: Told how the search of `exact` goes.

    Raises:
        NoPlanError: It has no plan for this problem, or its plan takes too long.
        PolicyError: It raised, or what it returned is no plan.
        InfeasibleError: The batch does not fit.
    """
    if info.function is exact:
        return exact(problem, on_progress)
    assert info.function is not None, info.name
    try:
        answer: Any = info.function(problem)
        solution = answer if isinstance(answer, Solution) else Solution(problem.evaluate(answer))
    except PolicyError as error:
        raise NoPlanError(f"{info.name}: {error}") from None
    except NoPlanError as error:
        raise NoPlanError(f"{info.name}: {error}") from None
    except ElastanceError:
        raise
    except Exception as error:
        raise PolicyError(f"split method {info.name}: {_in_words(error)}") from error
    _check_slowdown(info, problem, solution.plan)
    return solution


def fastest_plan(problem: SplitProblem) -> Plan:
    """Return the plan that takes the least time.

    Raises:
        InfeasibleError: The batch does not fit.
    """
    return exact(replace(problem, goal=Goal.TIME, max_slowdown=None)).plan


def _check_slowdown(info: MethodInfo, problem: SplitProblem, plan: Plan) -> None:
    if problem.max_slowdown is None:
        return
    slowdown = plan.time_s / fastest_plan(problem).time_s
    if slowdown > problem.max_slowdown * (1.0 + TIE):
        raise NoPlanError(
            f"{info.name}: its plan takes {slowdown:.2f} times as long as the fastest, more than the "
            f"{problem.max_slowdown:g} allowed; `exact` keeps to that"
        )


def _imported(name: str) -> MethodInfo:
    module_name, _, function_name = name.partition(":")
    try:
        function: Any = getattr(importlib.import_module(module_name), function_name)
    except AttributeError:
        raise PolicyError(f"split method {name}: module {module_name} has no {function_name!r}") from None
    except Exception as error:
        raise PolicyError(f"split method {name}: importing {module_name}: {_in_words(error)}") from error
    if not callable(function):
        raise PolicyError(f"split method {name}: not a function of a SplitProblem")
    return MethodInfo(name, MethodKind.SOLVER, _summary(function), cast("SplitMethod", function))


def _entry_points() -> list[MethodInfo]:
    found: list[MethodInfo] = []
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = entry_point.dist.name if entry_point.dist else ""
        try:
            function: Any = entry_point.load()
            info = MethodInfo(entry_point.name, MethodKind.SOLVER, _summary(function), function, origin)
        except Exception as error:
            summary = f"cannot be loaded: {_in_words(error)}"
            info = MethodInfo(entry_point.name, MethodKind.SOLVER, summary, None, origin)
        found.append(info)
    return found


def _summary(function: object) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0] or "(no description)"


def _in_words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
