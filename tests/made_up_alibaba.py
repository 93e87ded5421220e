"""A miniature of Alibaba's GPU trace of 2020, in its published layout, whose truth is known."""

import csv
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

RUN_TIMES_S = (60.0, 400.0, 3000.0, 9000.0, 30000.0, 90000.0)
"""Typical run times of six kinds of groups, far enough apart that there is no doubt about the classes."""


@dataclass
class Miniature:
    """The rows of the three tables, and what an importer must find in them."""

    jobs: list[list[object]] = field(default_factory=list)
    tasks: list[list[object]] = field(default_factory=list)
    tags: list[list[object]] = field(default_factory=list)
    kept: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    kind_of_group: dict[str, int] = field(default_factory=dict)

    def add(
        self,
        group: str | None,
        start: object,
        end: object,
        *,
        status: str = "Terminated",
        gpus: tuple[object, ...] = (100.0,),
    ) -> None:
        number = len(self.jobs)
        job, inst, user = f"job{number:06x}", f"inst{number:08x}", f"user{number % 7}"
        self.jobs.append([job, inst, user, status, start, end])
        for task, plan in enumerate(gpus):
            self.tasks.append(
                [job, ("ps", "worker")[task], 1.0, status, start, end, 600.0, 29.296875, plan, "MISC"]
            )
        if group is not None:
            self.tags.append([inst, user, "", group, ""])

    def write(self, directory: Path, rng: np.random.Generator | None = None) -> Path:
        directory.mkdir(exist_ok=True)
        for name, rows in (
            ("pai_job_table", self.jobs),
            ("pai_task_table", self.tasks),
            ("pai_group_tag_table", self.tags),
        ):
            order = np.arange(len(rows)) if rng is None else rng.permutation(len(rows))
            with (directory / f"{name}.csv").open("w", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows[index] for index in order)
        return directory


def make_miniature(seed: int = 1, groups_of_a_kind: int = 3, most_rows: int = 9) -> Miniature:
    """Groups of six kinds, and among them jobs that must be dropped, one reason at a time."""
    rng = np.random.default_rng(seed)
    made = Miniature()
    for kind, typical_s in enumerate(RUN_TIMES_S):
        for number in range(groups_of_a_kind):
            group = f"{kind}{number}{rng.integers(1 << 32):08x}"
            made.kind_of_group[group] = kind
            start = float(rng.integers(1, 10_000))
            for _ in range(rng.integers(2, most_rows + 1)):
                start += float(rng.integers(1, int(2 * typical_s)))
                end = start + max(1.0, float(round(typical_s * math.exp(0.2 * rng.standard_normal()))))
                made.add(group, start, end, gpus=((0.0, 50.0), (25.0,), ("", 800.0))[rng.integers(3)])
                made.kept.setdefault(group, []).append((start, end))
            made.add(group, start, start + 1e6, status="Failed")
            made.add(group, start, "", status="Running")
            made.dropped["unfinished"] += 2
            made.add(group, start, "")
            made.add(group, 0.0, start)
            made.add(group, "", start)
            made.dropped["no_times"] += 3
            made.add(group, start, start)
            made.add(group, start, start - 1.0)
            made.dropped["no_run_time"] += 2
            made.add(group, start, start + 5.0, gpus=(0.0, ""))
            made.add(group, start, start + 5.0, gpus=())
            made.dropped["no_gpu"] += 2
            made.add(f"single{group}", start, start + 7.0)
            made.dropped["single"] += 1
            made.add(None, start, start + 8.0)
            made.add("", start, start + 8.0)
            made.dropped["untagged"] += 2
    for rows in made.kept.values():
        rows.sort()
    return made


def write_large_copy(directory: Path, jobs: int) -> Path:
    """Tables of many jobs with identifiers as long as the published ones."""
    directory.mkdir()
    rng = np.random.default_rng(0)
    group = (20_000 * rng.pareto(1.0, jobs)).astype(int) % 150_000
    typical_s = np.exp(rng.normal(6.0, 2.0, 150_000))[group]
    runtime_s = np.rint(typical_s * np.exp(0.5 * rng.normal(size=jobs))) + 1
    start_s = rng.integers(1, 5_000_000, jobs)
    status = np.where(rng.random(jobs) < 0.7, "Terminated", "Failed")
    columns = (group.tolist(), start_s.tolist(), (start_s + runtime_s).tolist(), status.tolist())

    def digits(number: int, length: int) -> str:
        return f"{number * 0x9E3779B97F4A7C15 % (1 << 64):0{length}x}"

    with (
        (directory / "pai_job_table.csv").open("w") as job_table,
        (directory / "pai_task_table.csv").open("w") as task_table,
        (directory / "pai_group_tag_table.csv").open("w") as tag_table,
    ):
        for number, (of, start, end, how) in enumerate(zip(*columns, strict=True)):
            job, inst, user = digits(number, 24), digits(number, 60), digits(number % 1300, 12)
            job_table.write(f"{job},{inst},{user},{how},{start}.0,{end}\n")
            task_table.write(f"{job},tensorflow,1.0,{how},{start}.0,{end},600.0,29.296875,50.0,MISC\n")
            tag_table.write(f"{inst},{user},,{digits(of, 24)},\n")
    return directory
