"""The public job logs: where each comes from, under which licence, how it is read, and what stands for its jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.errors import UnknownNameError
from elastance.traces.job_logs.applications import CLASSES, SIA_STAND_INS, TIRESIAS_STAND_INS
from elastance.traces.job_logs.formats import read_helios, read_openb, read_philly, read_sia, read_tiresias
from elastance.traces.job_logs.gavel import LICENCE as GAVEL_LICENCE
from elastance.traces.job_logs.gavel import read_gavel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from elastance.traces.job_logs.records import JobLog


@dataclass(frozen=True)
class KnownLog:
    """One public job log.

    Attributes:
        name: As in ``elastance data import``.
        origin, licence: Of the published files.
        read: Reads one.
        stand_ins: What a job trains, in the log's words, to the application that stands for it; None where the log
            does not say, or its jobs are applications of their own.
        assumed: What the import had to fill in, for the report.
    """

    name: str
    origin: str
    licence: str
    read: Callable[[Path], JobLog]
    stand_ins: Mapping[str, str] | None
    assumed: tuple[str, ...]


def _as_text(stand_ins: Mapping[str, str]) -> str:
    return ", ".join(f"{theirs} -> {ours}" for theirs, ours in stand_ins.items() if theirs != ours)


def _by_class() -> str:
    bounds = [f"below {of.below_h:g} h" for of in CLASSES[:-1]] + ["longer"]
    rows = zip(bounds, CLASSES, strict=True)
    return (
        "what jobs train is not in the log; stand-ins by GPU time: "
        + ", ".join(f"{bound} {' or '.join(of.applications)}" for bound, of in rows)
        + ", drawn evenly"
    )


_AS_LONG = "samples are such that a job takes as long as recorded, on as many GPUs of its preferred type"

LOGS = (
    KnownLog(
        "philly",
        "Microsoft Philly trace (msr-fiddle/philly-traces), as flattened in siasosp23/artifacts",
        "CC BY 4.0",
        read_philly,
        None,
        (_by_class(), _AS_LONG),
    ),
    KnownLog(
        "helios",
        "S-Lab-System-Group/HeliosData, cluster_log.csv",
        "CC BY 4.0",
        read_helios,
        None,
        (_by_class(), _AS_LONG),
    ),
    KnownLog(
        "openb",
        "Alibaba cluster-trace-gpu-v2023",
        "Apache-2.0",
        read_openb,
        None,
        (_by_class(), _AS_LONG),
    ),
    KnownLog(
        "tiresias",
        "job lists of the Tiresias simulator (NSDI'19)",
        "Apache-2.0",
        read_tiresias,
        TIRESIAS_STAND_INS,
        (f"stand-ins by model: {_as_text(TIRESIAS_STAND_INS)}", _AS_LONG),
    ),
    KnownLog(
        "sia",
        "siasosp23/artifacts, sia-simulator/workloads",
        "none stated",
        read_sia,
        SIA_STAND_INS,
        (
            f"stand-ins: {_as_text(SIA_STAND_INS)}; the others are the same networks",
            "how long jobs train is not in the workload; GPU hours by the application's class there",
            "batch_size there is over all replicas: split evenly, to whole samples",
        ),
    ),
    KnownLog(
        "gavel",
        "stanford-futuredata/gavel, scheduler/traces",
        GAVEL_LICENCE,
        read_gavel,
        None,
        (
            "steps are micro-batches over all GPUs of a job; their times are of one GPU: communication costs nothing",
            "LM, Recommendation and Transformer may mix GPU types, an assumption; their times hold no price of it",
        ),
    ),
)
"""Every log that can be imported."""


def find_log(name: str) -> KnownLog:
    """Return the log called `name`.

    Raises:
        UnknownNameError: No such log.
    """
    for log in LOGS:
        if log.name == name:
            return log
    raise UnknownNameError("job log", name, (log.name for log in LOGS))
