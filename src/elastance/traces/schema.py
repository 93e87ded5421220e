"""Column schemas of the trace files: the train, power and group tables of Zeus's public traces; jobs of a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class CellType(Enum):
    """What a cell may hold; the value says it in words, for messages."""

    TEXT = "text"
    ANY_TEXT = "text, or empty"
    POSITIVE_INT = "a positive whole number"
    POSITIVE_INT_OR_EMPTY = "a positive whole number, or empty or nan for never"
    POSITIVE_FLOAT = "a positive finite number"
    FINITE_FLOAT = "a finite number"
    FINITE_FLOAT_OR_EMPTY = "a finite number, or empty where there is none"


NEVER = frozenset({"", "nan", "NaN", "NA", None})
"""Cells that mean that there is no number, such as that of a target that was never met."""


@cache
def column_adapters() -> dict[CellType, TypeAdapter[list[Any]]]:
    """Return the validators that turn a column of strings (or numbers) into a list, by the type of its cells."""
    from pydantic import Field, TypeAdapter

    return {
        CellType.TEXT: TypeAdapter(list[Annotated[str, Field(min_length=1)]]),
        CellType.ANY_TEXT: TypeAdapter(list[str]),
        CellType.POSITIVE_INT: TypeAdapter(list[Annotated[int, Field(gt=0)]]),
        CellType.POSITIVE_INT_OR_EMPTY: TypeAdapter(list[Annotated[int, Field(gt=0)] | None]),
        CellType.POSITIVE_FLOAT: TypeAdapter(list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]),
        CellType.FINITE_FLOAT: TypeAdapter(list[Annotated[float, Field(allow_inf_nan=False)]]),
        CellType.FINITE_FLOAT_OR_EMPTY: TypeAdapter(
            list[Annotated[float, Field(allow_inf_nan=False)] | None]
        ),
    }


@dataclass(frozen=True)
class Schema:
    """The columns of one kind of trace file.

    Attributes:
        kind: ``"train"``, ``"drift"``, ``"power"``, ``"group"`` or ``"cluster"``.
        columns: Column name to the type of its cells, in the published order.
        key: Columns that together identify a row; empty where rows may repeat.
        optional: Columns that are read where they are there.
    """

    kind: str
    columns: dict[str, CellType]
    key: tuple[str, ...]
    optional: dict[str, CellType] = field(default_factory=dict[str, CellType])


TRAIN = Schema(
    "train",
    {
        "dataset": CellType.TEXT,
        "network": CellType.TEXT,
        "batch_size": CellType.POSITIVE_INT,
        "optimizer": CellType.TEXT,
        "learning_rate": CellType.POSITIVE_FLOAT,
        "run": CellType.POSITIVE_INT,
        "target_metric": CellType.FINITE_FLOAT,
        "target_epoch": CellType.POSITIVE_INT_OR_EMPTY,
    },
    key=("dataset", "network", "optimizer", "batch_size", "run", "target_metric"),
)
"""How many epochs each run needed to each target; an empty target_epoch means never."""

DRIFT = Schema(
    "drift",
    TRAIN.columns | {"slice": CellType.POSITIVE_INT},
    key=("dataset", "network", "optimizer", "batch_size", "slice", "run", "target_metric"),
    optional={"origin": CellType.TEXT},
)
"""A train trace for every slice of a drifting data set, from 1; recurrence i of the job runs on slice i.

Where a column ``origin`` says ``synthetic``, so does every result.
"""

POWER = Schema(
    "power",
    {
        "dataset": CellType.TEXT,
        "network": CellType.TEXT,
        "batch_size": CellType.POSITIVE_INT,
        "optimizer": CellType.TEXT,
        "power_limit": CellType.POSITIVE_INT,
        "time_per_epoch": CellType.POSITIVE_FLOAT,
        "average_power": CellType.POSITIVE_FLOAT,
    },
    key=("dataset", "network", "optimizer", "batch_size", "power_limit"),
)
"""Seconds per epoch and mean watts of each batch size under each power limit (W) of one GPU type."""

GROUP = Schema(
    "group",
    {
        "group": CellType.TEXT,
        "start_time": CellType.FINITE_FLOAT,
        "end_time": CellType.FINITE_FLOAT,
        "dataset": CellType.TEXT,
        "runtime_ratio": CellType.POSITIVE_FLOAT,
    },
    key=(),
)
"""Recurring, overlapping submissions of jobs, in seconds from an arbitrary origin."""

CLUSTER = Schema(
    "cluster",
    {
        "name": CellType.TEXT,
        "submit_s": CellType.FINITE_FLOAT,
        "application": CellType.TEXT,
        "logical_workers": CellType.POSITIVE_INT,
        "batch_size": CellType.POSITIVE_INT,
        "samples": CellType.POSITIVE_FLOAT,
        "may_mix_types": CellType.TEXT,
        "preferred_gpu": CellType.TEXT,
    },
    key=("name",),
    optional={"min_gpus": CellType.POSITIVE_INT},
)
"""Jobs of a cluster, one per row; `elastance.traces.cluster.ClusterJob` says what the columns mean."""

SYNTHETIC_PREFIX = "synthetic-"
"""The name of every group that was made up begins with this, whatever becomes of its file's name."""

SCHEMAS: tuple[Schema, ...] = (DRIFT, TRAIN, POWER, GROUP, CLUSTER)
