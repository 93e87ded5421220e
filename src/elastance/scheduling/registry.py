"""Schedulers by name: our own, entry points of other packages, and ``package.module:Class``."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from elastance.errors import PolicyError, UnknownNameError
from elastance.scheduling.contract import Scheduler
from elastance.scheduling.easyscale import EasyScaleHeter, EasyScaleHomo
from elastance.scheduling.energy_elastic import EnergyElastic
from elastance.scheduling.gang import Fifo, FifoBackfill, Srtf, Tiresias, YarnCs

ENTRY_POINTS = "elastance.schedulers"
"""Entry-point group in which other packages offer schedulers."""

Factory: TypeAlias = Callable[..., Scheduler]
"""Makes a scheduler that knows of no job yet; may take `eta`, between time (0) and energy (1)."""


@dataclass(frozen=True)
class SchedulerInfo:
    """A scheduler and what is known about it.

    Attributes:
        name: Name on the command line.
        summary: What it does, in a line.
        factory: Makes one; None if it cannot be loaded, then `summary` says why.
        gang: Whether it gives a job all its GPUs at once or none.
        origin: Package it comes from; empty for our own.
    """

    name: str
    summary: str
    factory: Factory | None
    gang: bool = False
    origin: str = ""

    @property
    def has_eta(self) -> bool:
        """Whether its factory takes `eta`."""
        return self.factory is not None and "eta" in inspect.signature(self.factory).parameters

    @property
    def keeps_power_cap(self) -> bool:
        """Whether it says that it keeps a power cap."""
        return bool(getattr(self.factory, "keeps_power_cap", False))


_OWN: tuple[tuple[str, Factory, bool], ...] = (
    ("yarn-cs", YarnCs, True),
    ("fifo", Fifo, True),
    ("fifo-backfill", FifoBackfill, True),
    ("srtf", Srtf, True),
    ("tiresias", Tiresias, True),
    ("easyscale-homo", EasyScaleHomo, False),
    ("easyscale-heter", EasyScaleHeter, False),
    ("energy-elastic", EnergyElastic, False),
)


def registered_schedulers() -> tuple[SchedulerInfo, ...]:
    """Return our own schedulers, then those of other packages by name."""
    own = _own()
    found = [info for info in _entry_points() if info.name not in own]
    return (*own.values(), *sorted(found, key=lambda info: info.name))


def find_scheduler(name: str) -> SchedulerInfo:
    """Return the scheduler called `name`, or the class that ``package.module:Class`` names.

    Raises:
        UnknownNameError: There is none of that name.
        PolicyError: It cannot be imported or is no scheduler.
    """
    if ":" in name:
        return _imported(name)
    own = _own()
    if name in own:
        return own[name]
    known = {info.name: info for info in registered_schedulers()}
    if name not in known:
        raise UnknownNameError("cluster policy", name, known)
    if known[name].factory is None:
        raise PolicyError(f"cluster policy {name} of {known[name].origin} {known[name].summary}")
    return known[name]


def build_scheduler(info: SchedulerInfo, eta: float | None = None) -> Scheduler:
    """Return a new scheduler; one without an eta knob does without `eta`.

    Raises:
        PolicyError: Its constructor raised.
    """
    assert info.factory is not None, info.name
    try:
        return info.factory() if eta is None or not info.has_eta else info.factory(eta=eta)
    except Exception as error:
        raise PolicyError(f"cluster policy {info.name}: {_in_words(error)} while being built") from error


def _own() -> dict[str, SchedulerInfo]:
    return {name: SchedulerInfo(name, _summary(factory), factory, gang) for name, factory, gang in _OWN}


def _imported(name: str) -> SchedulerInfo:
    module_name, _, class_name = name.partition(":")
    try:
        factory: Any = getattr(importlib.import_module(module_name), class_name)
    except AttributeError:
        raise PolicyError(f"cluster policy {name}: module {module_name} has no {class_name!r}") from None
    except Exception as error:
        raise PolicyError(f"cluster policy {name}: importing {module_name}: {_in_words(error)}") from error
    return _checked(name, factory)


def _checked(name: str, factory: Any, origin: str = "") -> SchedulerInfo:  # noqa: ANN401
    methods = [getattr(factory, method, None) for method in ("__call__", "allocate", "state", "restore")]
    if not all(map(callable, methods)):
        raise PolicyError(
            f"cluster policy {name}: not a scheduler class: it needs allocate, state and restore"
        )
    return SchedulerInfo(name, _summary(factory), factory, origin=origin)


def _entry_points() -> list[SchedulerInfo]:
    found: list[SchedulerInfo] = []
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = entry_point.dist.name if entry_point.dist else ""
        try:
            found.append(_checked(entry_point.name, entry_point.load(), origin))
        except Exception as error:
            summary = f"cannot be loaded: {_in_words(error)}"
            found.append(SchedulerInfo(entry_point.name, summary, None, origin=origin))
    return found


def _summary(factory: object) -> str:
    return (factory.__doc__ or "").strip().partition("\n")[0] or "(no description)"


def _in_words(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
