"""Elastic training with bit-identical results: logical workers on any number of executors.

Needs PyTorch (extra ``torch``), but imports it only when a name is used that does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elastance.elastic.levels import Level
from elastance.elastic.placement import Placement
from elastance.errors import MissingExtraError

if TYPE_CHECKING:
    from elastance.elastic.job import ElasticJob, GlobalStep
    from elastance.elastic.operator_scan import OperatorScan
    from elastance.elastic.preparation import prepare
    from elastance.elastic.recovery import Suspended
    from elastance.elastic.transport import Traffic

_HOMES = {
    "ElasticJob": "job",
    "GlobalStep": "job",
    "OperatorScan": "operator_scan",
    "Suspended": "recovery",
    "Traffic": "transport",
    "prepare": "preparation",
}

__all__ = [
    "ElasticJob",
    "GlobalStep",
    "Level",
    "OperatorScan",
    "Placement",
    "Suspended",
    "Traffic",
    "prepare",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if error.name == "torch":
            raise MissingExtraError("elastic training", "torch") from None
        raise
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
