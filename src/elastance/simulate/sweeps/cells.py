"""What a sweep is made of: cells, parts of their work, and rows of its table."""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np

import elastance
from elastance.cost import EtaCost, check_beta
from elastance.errors import InputError, UnknownNameError
from elastance.policies import find_policy
from elastance.simulate.inputs import checked_policies, checked_seeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from elastance.traces import TraceSource

Value: TypeAlias = "int | float | str | None"
"""What a field of the table may hold; None where there is nothing to say."""

Row: TypeAlias = "tuple[Value, ...]"
"""One row of the table."""

FACTS_COLUMNS: dict[str, type] = {"facts_kind": str, "facts_provenance": str, "facts_sha256": str}
"""Where the facts about a row's GPU type came from, as in `elastance.traces.SourceRecord`."""


class Cell(NamedTuple):
    """One setting of a sweep, to be repeated over its seeds.

    Attributes:
        subject: What is simulated: the name of a workload, or of a file of groups.
        gpu: GPU type.
        eta: Preference between energy (1) and time (0).
        beta: Early-stopping factor.
        policy: Name of the policy.
    """

    subject: str
    gpu: str
    eta: float
    beta: float
    policy: str

    def __str__(self) -> str:
        return f"{self.subject} on {self.gpu}, eta {self.eta:g}, beta {self.beta:g}, {self.policy}"


class Part(Protocol):
    """Some seeds of a cell: what is handed to a worker, and kept once it is done."""

    @property
    def cell(self) -> Cell:
        """The cell."""
        ...

    @property
    def seeds(self) -> tuple[int, ...]:
        """Its seeds, or some of them."""
        ...

    def run(self) -> list[Row]:
        """Simulate; the rows lack the columns of the cell and those of the facts.

        What goes wrong under a seed is told in that seed's row.
        """
        ...


class Sweep(Protocol):
    """Something that can be swept."""

    @property
    def columns(self) -> Mapping[str, type]:
        """Columns of the table: the five of the cell, those that parts fill in, `FACTS_COLUMNS`."""
        ...

    def plan(self) -> dict[str, Any]:
        """Return as plain values what decides the result, and nothing else but how the facts were found."""
        ...

    def parts(self) -> list[Part]:
        """Return all the work there is, in the order of the table."""
        ...


@dataclass(frozen=True)
class Axes:
    """What a sweep varies beside its subjects.

    Attributes:
        gpus, etas, betas, policies, seeds: Every combination is simulated.

    Raises:
        InputError: An axis is empty, a value is out of range, unknown, or named twice.
    """

    gpus: tuple[str, ...]
    etas: tuple[float, ...]
    betas: tuple[float, ...]
    policies: tuple[str, ...]
    seeds: tuple[int, ...]

    @classmethod
    def checked(
        cls,
        source: TraceSource,
        gpus: Sequence[str] | None,
        etas: Sequence[float],
        betas: Sequence[float],
        policies: Sequence[str],
        seeds: Sequence[int],
    ) -> Axes:
        """Check every axis; without `gpus`, all that `source` has facts about are taken."""
        for eta in etas:
            EtaCost(eta, 1.0)
        for beta in betas:
            check_beta(beta)
        names = tuple(gpu.lower() for gpu in source.gpus()) if gpus is None else tuple(map(str.lower, gpus))
        if not source.gpus():
            raise InputError("there are facts about no GPU type: no summary_power_<gpu>.csv is there")
        for name in names:
            if name not in source.gpus():
                raise UnknownNameError("GPU", name, source.gpus())
        return cls(
            tuple(once("GPU", names)),
            tuple(once("eta", [float(eta) for eta in etas])),
            tuple(once("beta", [float(beta) for beta in betas])),
            tuple(checked_policies(policies)),
            tuple(once("seed", checked_seeds(seeds))),
        )

    def cells(self, subjects: Iterable[str]) -> Iterator[Cell]:
        """Yield the cells of `subjects`, the policy varying fastest."""
        return (Cell(*of) for of in product(subjects, self.gpus, self.etas, self.betas, self.policies))

    def plan(self, source: TraceSource) -> dict[str, Any]:
        """Return the axes, the facts they need, and the code that works on them, as plain values."""
        records = {gpu: source.record(gpu) for gpu in self.gpus}
        return {
            "elastance": elastance.__version__,
            "numpy": np.__version__,
            "gpus": list(self.gpus),
            "eta_knobs": list(self.etas),
            "beta_knobs": [str(beta) for beta in self.betas],
            "policies": list(self.policies),
            "policy_code": dict(_code_of_others(self.policies)),
            "seeds": list(self.seeds),
            "facts": {
                gpu: {
                    "provenance": of.provenance.value,
                    "sha256": of.sha256,
                    "files": dict(sorted(of.files.items())),
                }
                for gpu, of in records.items()
            },
            "facts_kind": source.kind.value,
        }


def once(what: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return `values` if there are any and each is named once.

    Raises:
        InputError: There are none, or one is named twice.
    """
    if not values:
        raise InputError(f"no {what} to sweep over: name at least one")
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise InputError(f"{what} {value} is named twice")
        seen.add(value)
    return values


def _code_of_others(policies: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield digests of the files of classes that are not elastance's own: its version tells nothing of them."""
    for factory in chain.from_iterable(find_policy(name).factories for name in policies):
        module = inspect.getmodule(factory)
        if module is not None and not module.__name__.startswith("elastance.") and module.__file__:
            digest = hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()
            yield f"{module.__name__}:{getattr(factory, '__qualname__', factory)}", digest
