"""All figures that can be computed anew, by name; a further collection is one more line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.errors import InputError, UnknownNameError
from elastance.figures import cluster, easyscale, zeus, zeus2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elastance.figures.experiments.experiment import Experiment

_COLLECTIONS = (
    zeus.EXPERIMENTS,
    zeus2.EXPERIMENTS,
    easyscale.EXPERIMENTS,
    cluster.EXPERIMENTS,
)

ALL = "all"


def known_experiments() -> tuple[Experiment, ...]:
    """Return every experiment, collection by collection."""
    return tuple(experiment for collection in _COLLECTIONS for experiment in collection)


def find_experiments(names: Iterable[str]) -> tuple[Experiment, ...]:
    """Return the experiments that `names` stand for, each once: ``zeus/potential``, ``zeus/all`` or ``all``.

    Those that cannot be had are left out of ``all``.

    Raises:
        UnknownNameError: There is none of that name; the message lists the nearest ones.
        InputError: One that cannot be had was asked for by name; the message says why.
    """
    known = {experiment.name: experiment for experiment in known_experiments()}
    collections = {name.partition("/")[0] for name in known}
    chosen: dict[str, Experiment] = {}
    for name in names:
        collection, _, figure = name.rpartition("/")
        if figure == ALL and collection in {"", *collections}:
            chosen |= {
                of.name: of
                for of in known.values()
                if not of.impossible and of.name.startswith(f"{collection}/" if collection else "")
            }
            continue
        if name not in known:
            raise UnknownNameError("figure", name, [*known, *(f"{of}/{ALL}" for of in collections)])
        if known[name].impossible:
            raise InputError(f"{name} cannot be reproduced: {known[name].impossible}")
        chosen[name] = known[name]
    return tuple(chosen.values())
