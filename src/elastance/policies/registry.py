"""Policies by name: registered ones, entry points of other packages, and ``package.module:Class``.

A command names one policy, or two joined by ``+``: ``thompson+max-power``. A batch-size policy on its own goes with
`just-in-time` power limits, a power-limit policy on its own with `pruning-thompson`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError, PolicyError, UnknownNameError
from elastance.policies.contract import PolicyPair
from elastance.policies.grid import EarlyStoppingGridSearch, GridSearch
from elastance.policies.knowledge_gradient import KnowledgeGradient
from elastance.policies.power_limit import JustInTimePowerLimit, MaxPowerLimit
from elastance.policies.pruning_thompson import PruningThompsonSampling
from elastance.policies.published import PUBLISHED_ARITHMETIC
from elastance.policies.thompson import ThompsonSampling

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from elastance.policies.contract import Problem

DEFAULT_POLICY = "zeus"
"""What `elastance` uses, and compares with the baselines, unless told otherwise."""

ENTRY_POINTS = {
    "elastance.batch_size_policies": "batch-size",
    "elastance.power_limit_policies": "power-limit",
}


class PolicyKind(StrEnum):
    """What a policy decides."""

    BATCH_SIZE = "batch-size"
    """The batch size of each run."""
    POWER_LIMIT = "power-limit"
    """The power limit, once the batch size is known."""
    BOTH = "both"
    """The whole configuration."""
    BASELINE = "baseline"
    """A fixed configuration that the simulator prices at its expected cost."""


@dataclass(frozen=True)
class PolicyInfo:
    """A policy that can be named.

    Attributes:
        name: Name on the command line.
        kind: What it decides.
        summary: One line on what it does.
        factories: Classes to build it from, called with ``(problem, rng)``: one, or one for the batch size and one
            for the power limit; none for a baseline.
        origin: Distribution an entry point comes from; empty for elastance's own.
        definition: What distinguishes it from others of its name, to be shown beside its results.
    """

    name: str
    kind: PolicyKind
    summary: str
    factories: tuple[Callable[..., Any], ...] = ()
    origin: str = ""
    definition: str = ""

    @property
    def label(self) -> str:
        """Its name, with its definition where that matters."""
        return f"{self.name} ({self.definition})" if self.definition else self.name

    @property
    def is_default(self) -> bool:
        """Whether this is the policy used unless another is named."""
        return self.name == DEFAULT_POLICY


_REGISTERED: tuple[PolicyInfo, ...] = (
    PolicyInfo(
        "zeus",
        PolicyKind.BOTH,
        "Zeus (NSDI'23): pruning-thompson batch sizes with just-in-time power limits",
        (PruningThompsonSampling, JustInTimePowerLimit),
    ),
    PolicyInfo(
        "knowledge-gradient",
        PolicyKind.BOTH,
        "run the size whose run is worth most, by what it costs and what it teaches; just-in-time limits",
        (KnowledgeGradient,),
    ),
    PolicyInfo(
        "pruning-thompson",
        PolicyKind.BATCH_SIZE,
        "walk outwards from the default size dropping sizes that miss, then Thompson sampling",
        (PruningThompsonSampling,),
    ),
    PolicyInfo(
        "thompson",
        PolicyKind.BATCH_SIZE,
        "Gaussian Thompson sampling over every size, without pruning",
        (ThompsonSampling,),
    ),
    PolicyInfo(
        "just-in-time",
        PolicyKind.POWER_LIMIT,
        "profile every limit in the first epoch of a size's first run, then use the cheapest",
        (JustInTimePowerLimit,),
    ),
    PolicyInfo(
        "max-power", PolicyKind.POWER_LIMIT, "always the largest limit; never profiles", (MaxPowerLimit,)
    ),
    PolicyInfo(
        "grid",
        PolicyKind.BOTH,
        "Grid Search without early stopping: every configuration once, then the cheapest seen",
        (GridSearch,),
        definition="no early stop",
    ),
    PolicyInfo(
        "grid-early-stop",
        PolicyKind.BOTH,
        "Grid Search whose runs are stopped at beta times the least cost so far",
        (EarlyStoppingGridSearch,),
    ),
    PolicyInfo(
        "default",
        PolicyKind.BASELINE,
        "the user's batch size at the largest limit, at its expected cost",
    ),
    PolicyInfo(
        "oracle",
        PolicyKind.BASELINE,
        "the configuration with the least expected cost, known from the start",
    ),
)


def registered_policies() -> tuple[PolicyInfo, ...]:
    """Return elastance's own policies, then those of installed packages by name."""
    return _REGISTERED + tuple(sorted(_entry_points(), key=lambda info: info.name))


def find_policy(name: str) -> PolicyInfo:
    """Return the policy `name` stands for: a registered name, ``package.module:Class``, or two joined by ``+``.

    Raises:
        UnknownNameError: No such name; the message lists the nearest ones.
        PolicyError: A class cannot be imported or is not a policy.
        InputError: Two joined policies do not decide one thing each.
    """
    if "+" in name:
        return _joined(name, *name.split("+"))
    if ":" in name:
        return _imported(name)
    own = {info.name: info for info in _REGISTERED}
    if name in own:
        return own[name]
    known = {info.name: info for info in registered_policies()}
    if name not in known:
        raise UnknownNameError("policy", name, known)
    if not known[name].factories:
        raise PolicyError(f"policy {name} of {known[name].origin} {known[name].summary}")
    return known[name]


def build_policy(
    info: PolicyInfo, problem: Problem, rng: np.random.Generator, *, published: bool = False
) -> PolicyPair:
    """Build the policies `info` stands for, completed to a pair; `rng` serves both.

    Args:
        info: Which policies.
        problem: Their task.
        rng: Source of their randomness.
        published: Take the policies of Zeus with their published arithmetic, to replay the published simulator.

    Raises:
        PolicyError: A constructor raised.
        InputError: A baseline, which is not built but priced.
    """
    if info.kind is PolicyKind.BASELINE:
        raise InputError(f"{info.name} is a baseline: the simulator prices it, it decides nothing")
    factories = info.factories
    if info.kind is PolicyKind.BATCH_SIZE:
        factories = (*factories, JustInTimePowerLimit)
    elif info.kind is PolicyKind.POWER_LIMIT:
        factories = (PruningThompsonSampling, *factories)
    if published:
        factories = tuple(PUBLISHED_ARITHMETIC.get(factory, factory) for factory in factories)
    try:
        built: list[Any] = [factory(problem, rng) for factory in factories]
    except InputError:
        raise
    except Exception as error:
        raise PolicyError(f"policy {info.name}: {_in_words(error)} while being built") from error
    return PolicyPair(built[0], built[-1])


def _joined(name: str, *parts: str) -> PolicyInfo:
    if len(parts) != 2:
        raise InputError(f"policy {name!r}: join one batch-size and one power-limit policy with a single '+'")
    infos = {info.kind: info for info in map(find_policy, parts)}
    if infos.keys() != {PolicyKind.BATCH_SIZE, PolicyKind.POWER_LIMIT}:
        kinds = " and ".join(f"{part} ({find_policy(part).kind})" for part in parts)
        raise InputError(f"policy {name!r}: expected one batch-size and one power-limit policy, got {kinds}")
    batch, limit = infos[PolicyKind.BATCH_SIZE], infos[PolicyKind.POWER_LIMIT]
    return PolicyInfo(
        name, PolicyKind.BOTH, f"{batch.name} with {limit.name}", (*batch.factories, *limit.factories)
    )


def _imported(name: str) -> PolicyInfo:
    module_name, _, class_name = name.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), class_name)
    except AttributeError:
        raise PolicyError(f"policy {name}: module {module_name} has no {class_name!r}") from None
    except Exception as error:
        raise PolicyError(f"policy {name}: importing {module_name}: {_in_words(error)}") from error
    return _info_of(name, factory)


def _info_of(name: str, factory: object, origin: str = "") -> PolicyInfo:
    """Tell what a class decides from the methods it has."""
    decides = {
        PolicyKind.BATCH_SIZE: hasattr(factory, "choose_batch_size") and hasattr(factory, "observe_run"),
        PolicyKind.POWER_LIMIT: hasattr(factory, "choose_power_limit")
        and hasattr(factory, "observe_profile"),
    }
    kinds = [kind for kind, can in decides.items() if can]
    if not kinds or not callable(factory):
        raise PolicyError(
            f"policy {name}: not a policy class: it needs choose_batch_size and observe_run, "
            "or choose_power_limit and observe_profile"
        )
    kind = kinds[0] if len(kinds) == 1 else PolicyKind.BOTH
    summary = (factory.__doc__ or "").strip().partition("\n")[0] or "(no description)"
    return PolicyInfo(name, kind, summary, (factory,), origin)


def _entry_points() -> list[PolicyInfo]:
    found: list[PolicyInfo] = []
    for group, kind in ENTRY_POINTS.items():
        for entry_point in importlib.metadata.entry_points(group=group):
            origin = entry_point.dist.name if entry_point.dist else ""
            try:
                found.append(_info_of(entry_point.name, entry_point.load(), origin))
            except Exception as error:
                summary = f"cannot be loaded: {_in_words(error)}"
                found.append(PolicyInfo(entry_point.name, PolicyKind(kind), summary, (), origin))
    return found


def _in_words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
