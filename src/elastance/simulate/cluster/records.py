"""Write down a comparison: the document, what became of every job, and the cluster over time."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError
from elastance.files import replacing
from elastance.simulate.cluster.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from elastance.simulate.cluster.comparison import ClusterComparison
    from elastance.simulate.cluster.history import ClusterHistory

FILES = ("cluster.json", "jobs.csv", "phases.csv", "timeline.csv")
"""What is written, in this order."""


def check_directory(directory: Path) -> Path:
    """Return `directory`, made if it was not there.

    Raises:
        InputError: It is a file, or cannot be made.
    """
    try:
        directory.mkdir(exist_ok=True)
    except FileExistsError:
        raise InputError(f"{directory}: is a file, a folder is needed") from None
    except FileNotFoundError:
        raise InputError(f"{directory}: there is no directory {directory.parent}; create it first") from None
    except OSError as error:
        raise InputError(f"{directory}: cannot be made: {error.strerror}") from None
    return directory


def write_records(comparison: ClusterComparison, directory: Path) -> tuple[Path, ...]:
    """Write ``cluster.json``, ``jobs.csv``, ``phases.csv`` and ``timeline.csv``, each whole or not at all.

    Raises:
        InputError: A file cannot be written.
    """
    check_directory(directory)
    types = comparison.cluster.types
    document, jobs, phases, timeline = (directory / name for name in FILES)
    with replacing(document) as temporary:
        temporary.write_text(json.dumps(comparison.to_json(), indent=2, allow_nan=False) + "\n", "utf-8")
    header = ("policy", "seed", "job", "submit_s", "start_s", "end_s", "restarts", "alone_s", "determinism")
    _write_csv(jobs, header, _rows(comparison, _job_rows))
    header = (
        "policy",
        "seed",
        "job",
        "start_s",
        "end_s",
        "activity",
        *_by_type(types),
        "power_w",
        "steps",
        "determinism",
    )
    _write_csv(phases, header, _rows(comparison, _phase_rows))
    header = ("policy", "seed", "start_s", "end_s", *_by_type(types), "power_w", "idle_w")
    _write_csv(timeline, header, _rows(comparison, _timeline_rows))
    return document, jobs, phases, timeline


def _by_type(types: Sequence[str]) -> tuple[str, ...]:
    return (*(f"allocated_{name}" for name in types), *(f"useful_{name}" for name in types))


def _rows(comparison: ClusterComparison, of_history: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    for result in comparison.policies:
        for seed, history in zip(result.seeds, result.histories, strict=True):
            for row in of_history(history):
                yield (result.policy, seed, *row)


def _job_rows(history: ClusterHistory) -> Iterator[tuple[Any, ...]]:
    yield from history.jobs


def _phase_rows(history: ClusterHistory) -> Iterator[tuple[Any, ...]]:
    for phase in history.phases:
        job = history.jobs[phase.job]
        yield (
            *(job.name, phase.start_s, phase.end_s, phase.activity.value),
            *(*phase.gpus, *phase.useful, phase.power_w, phase.steps, job.determinism),
        )


def _timeline_rows(history: ClusterHistory) -> Iterator[tuple[Any, ...]]:
    timeline = Timeline.of(history)
    columns = (timeline.time_s[:-1], timeline.time_s[1:], timeline.allocated, timeline.useful)
    for start_s, end_s, allocated, useful, power_w, idle_w in zip(
        *(column.tolist() for column in (*columns, timeline.power_w, timeline.idle_w)), strict=True
    ):
        yield (start_s, end_s, *allocated, *useful, power_w, idle_w)


def _write_csv(path: Path, header: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
