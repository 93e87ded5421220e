"""Compare cluster schedulers on the jobs of one workload, over seeds."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.catalog import Determinism
from elastance.errors import InputError, UnknownNameError
from elastance.scheduling import (
    PlanBook,
    PowerCap,
    PublishedEasyScale,
    PublishedYarnCs,
    build_scheduler,
    find_scheduler,
    require_cap,
)
from elastance.scheduling.power import ClusterPower
from elastance.simulate.cluster.caps import over_cap_s, parse_power_cap, require_knobs
from elastance.simulate.cluster.facts import facts_of
from elastance.simulate.cluster.job_checks import require_facts
from elastance.simulate.cluster.measures import ClusterMeasures, spread_json
from elastance.simulate.cluster.published import PublishedClusterWorld
from elastance.simulate.cluster.tasks import ClusterShape, dealt_anew, make_tasks, require_gangs
from elastance.simulate.cluster.timeline import Timeline
from elastance.simulate.cluster.world import INTERVAL_S, RESCALE_S, ClusterWorld
from elastance.simulate.inputs import checked_seeds
from elastance.simulate.measures import Spread
from elastance.traces import find_step_times, read_application_profiles, read_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.simulate.cluster.history import ClusterHistory
    from elastance.simulate.cluster.tasks import ClusterTask
    from elastance.traces import ApplicationProfile, ClusterWorkload, StepTimes

PUBLISHED_CLUSTER = "v100=32,p100=16,t4=16"
"""The cluster of EasyScale's trace experiment."""

CLUSTER_POLICIES = ("fifo-backfill", "easyscale-homo", "easyscale-heter", "energy-elastic")
"""What is compared unless the user names others."""

PUBLISHED_POLICIES = ("yarn-cs", "easyscale-homo", "easyscale-heter")
"""What the artifact can run."""

SHORTEST_INTERVAL_S = 0.1
"""A shorter interval is taken for a slip of the keyboard."""


@dataclass(frozen=True)
class ClusterPolicyResult:
    """One policy over all seeds.

    Attributes:
        policy: Its name.
        seeds: Repetitions.
        histories: One run per seed.
        measures: What they amount to.
        simulation_s: Wall-clock time the simulation of each seed took; plans worked out before are not again.
    """

    policy: str
    seeds: tuple[int, ...]
    histories: tuple[ClusterHistory, ...]
    measures: tuple[ClusterMeasures, ...]
    simulation_s: tuple[float, ...]

    def spread(self, quantity: str, statistic: str | None = None) -> Spread:
        """Return mean and confidence interval over seeds of a field of `ClusterMeasures`."""
        values = [getattr(of, quantity) for of in self.measures]
        return Spread.of(values if statistic is None else [value[statistic] for value in values])

    def over_cap_s(self, cap: PowerCap) -> Spread:
        """Return mean and confidence interval over seeds of how long the GPUs drew more than a cap, s."""
        return Spread.of([over_cap_s(Timeline.of(history), cap) for history in self.histories])

    def to_json(self, *, over_seeds: bool, cap: PowerCap | None = None) -> dict[str, Any]:
        """Return plain values: of the one seed, or over seeds as ``{mean, ci95}``."""
        if over_seeds:
            values = spread_json(self.measures) | {"simulation_s": Spread.of(self.simulation_s)._asdict()}
        else:
            values = self.measures[0].to_json() | {"simulation_s": self.simulation_s[0]}
        if cap is not None:
            over = self.over_cap_s(cap)
            values |= {"over_cap_s": over._asdict() if over_seeds else over.mean}
        levels = [self._levels(history) for history in self.histories]
        values |= {
            "determinism": {level: Spread.of([of[level] for of in levels])._asdict() for level in levels[0]}
            if over_seeds
            else levels[0]
        }
        return {"policy": self.policy, "seeds": list(self.seeds), **values}

    @staticmethod
    def _levels(history: ClusterHistory) -> dict[str, int]:
        """Return how many jobs ran at each level of determinism."""
        return {level.value: sum(job.determinism is level for job in history.jobs) for level in Determinism}


@dataclass(frozen=True)
class ClusterComparison:
    """Several policies on one workload and one cluster.

    Attributes:
        workload: The jobs.
        cluster: The GPUs.
        power: What they are assumed to draw.
        step_times: How long micro-batches take.
        interval_s: Time between decisions; in normal mode the longest.
        compat: Whether the published simulator was replayed.
        over_seeds: Whether several seeds were asked for.
        policies: One result per policy, in the order they were named.
        cap: What the cluster might draw; None without bound.
        eta: Eta knob of the policies that have one; None for their own.
        profiles: What the user recorded of applications; goes before step times and assumptions.
    """

    workload: ClusterWorkload
    cluster: ClusterShape
    power: ClusterPower
    step_times: StepTimes
    interval_s: float
    compat: bool
    over_seeds: bool
    policies: tuple[ClusterPolicyResult, ...]
    cap: PowerCap | None = None
    eta: float | None = None
    profiles: tuple[ApplicationProfile, ...] = ()

    def __getitem__(self, policy: str) -> ClusterPolicyResult:
        for result in self.policies:
            if result.policy == policy:
                return result
        raise KeyError(policy)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain values, as ``--json`` prints it."""
        return {
            "workload": {
                "path": str(self.workload.path),
                "sha256": self.workload.sha256,
                "provenance": self.workload.provenance.value,
                "jobs": len(self.workload.jobs),
                "irregularities": list(self.workload.irregularities),
            },
            "cluster": dict(zip(self.cluster.types, self.cluster.counts, strict=True)),
            "step_times": self.step_times.source.to_json(),
            "profiles": [profile.to_json() for profile in self.profiles],
            "facts": facts_of(self.step_times, self.profiles).describe(
                self.workload.jobs, self.cluster.types
            ),
            "power": {
                "provenance": "model",
                "idle_w": dict(zip(self.cluster.types, self.power.idle_w, strict=True)),
                "busy_w": dict(zip(self.cluster.types, self.power.busy_w, strict=True)),
            },
            "interval_s": self.interval_s,
            "rescale_s": RESCALE_S,
            "compat": self.compat,
            "power_cap": None
            if self.cap is None
            else {"time_s": self.cap.time_s, "power_w": self.cap.power_w},
            "eta_knob": self.eta,
            "policies": [
                result.to_json(over_seeds=self.over_seeds, cap=self.cap) for result in self.policies
            ],
        }


def simulate_cluster(
    workload: ClusterWorkload | Path | str,
    cluster: str = PUBLISHED_CLUSTER,
    *,
    policies: Sequence[str] | None = None,
    interval_s: float = INTERVAL_S,
    seeds: Sequence[int] | None = None,
    traces: Path | str | StepTimes | None = None,
    compat: bool = False,
    power_cap: str | float | PowerCap | None = None,
    eta: float | None = None,
    profiles: Sequence[Path | str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> ClusterComparison:
    """Simulate the jobs of a cluster under several schedulers and compare them.

    Args:
        workload: The jobs or their file.
        cluster: GPUs of each type, such as ``v100=32,p100=16,t4=16``.
        policies: Names as in `elastance.scheduling.find_scheduler`.
        interval_s: How often the scheduler is asked at least; with `compat`, exactly.
        seeds: Repetitions. Seed 0 is the workload as it is; under any other, each job is submitted at the time of
            another one. None is seed 0 alone.
        traces: Folder that holds ``step_times.json``, or step times; by default what `find_step_times` finds.
        compat: Replay the published simulator, defects included.
        power_cap: What the cluster may draw, as in `parse_power_cap`. Policies that know of no cap ignore it, and the
            result says for how long they were above it.
        eta: Eta knob of the policies that have one, between time (0) and energy (1).
        profiles: What `elastance profile` wrote, as in `read_application_profiles`; goes before step times and
            assumptions.
        on_progress: Called with how many jobs, of how many, have ended in all simulations.

    Raises:
        ElastanceError: Something is wrong with the input, the facts or a policy; the message says what.
    """
    shape = ClusterShape.parse(cluster)
    if not (math.isfinite(interval_s) and interval_s >= SHORTEST_INTERVAL_S):
        raise InputError(f"interval {interval_s:g} s: expected at least {SHORTEST_INTERVAL_S:g} s")
    names = _checked_names(policies, compat=compat)
    chosen = checked_seeds([0] if seeds is None else seeds)
    require_knobs(names, cap=power_cap is not None, eta=eta, compat=compat)
    cap = power_cap if isinstance(power_cap, PowerCap | None) else parse_power_cap(power_cap)
    power = ClusterPower.assumed(shape.types)
    jobs = read_cluster(Path(workload)) if isinstance(workload, str | PathLike) else workload
    times = (
        find_step_times(Path(traces)) if isinstance(traces, str | PathLike) else traces or find_step_times()
    )
    recorded = _profiles(profiles, jobs, compat=compat)
    gang = [name for name in names if compat or find_scheduler(name).gang]
    require_facts(jobs, shape, times, gang, recorded)
    tasks = make_tasks(jobs.jobs, shape, times, recorded)
    for name in gang:
        require_gangs(tasks, shape, name)
    book = PlanBook(shape.counts)
    if cap is not None:
        require_cap(cap, [(task.name, task.allowed, task.min_gpus) for task in tasks], book, power)
    total, done = len(names) * len(chosen) * len(tasks), 0
    results: list[ClusterPolicyResult] = []
    for name in names:
        histories: list[ClusterHistory] = []
        took_s: list[float] = []
        for seed in chosen:
            began_s = time.perf_counter()
            report = None if on_progress is None else _offset(on_progress, done, total)
            world = (
                _published_world(name, _seeded(tasks, seed), shape, power, interval_s)
                if compat
                else ClusterWorld(
                    _seeded(tasks, seed),
                    shape,
                    build_scheduler(find_scheduler(name), eta),
                    power,
                    interval_s=interval_s,
                    book=book,
                    cap=cap,
                )
            )
            histories.append(world.run(report))
            took_s.append(time.perf_counter() - began_s)
            done += len(tasks)
        measures = tuple(map(ClusterMeasures.of, histories))
        results.append(ClusterPolicyResult(name, tuple(chosen), tuple(histories), measures, tuple(took_s)))
    return ClusterComparison(
        jobs, shape, power, times, interval_s, compat, seeds is not None, tuple(results), cap, eta, recorded
    )


def _profiles(
    named: Sequence[Path | str], workload: ClusterWorkload, *, compat: bool
) -> tuple[ApplicationProfile, ...]:
    """Read profiles, and refuse what would not be used.

    Raises:
        InputError: One is of an application that no job trains, or the published simulator is replayed.
    """
    if named and compat:
        raise InputError("profiles: the published simulator is replayed with step times alone")
    profiles = read_application_profiles(named)
    trained = sorted({job.application for job in workload.jobs})
    for profile in profiles:
        if profile.application not in trained:
            raise InputError(
                f"{profile.profile.path} is of {profile.application}, which no job trains; they train "
                f"{', '.join(trained)}: name one of these, as in --profiles {trained[0]}=DIR"
            )
    return profiles


def _checked_names(policies: Sequence[str] | None, *, compat: bool) -> tuple[str, ...]:
    if policies is None:
        return PUBLISHED_POLICIES if compat else CLUSTER_POLICIES
    names = tuple(policies)
    if not names or len(set(names)) != len(names):
        raise InputError(f"policies {', '.join(names) or '(none)'}: expected at least one, and each once")
    for name in names:
        if not compat:
            find_scheduler(name)
        elif name not in PUBLISHED_POLICIES:
            raise UnknownNameError("policy of the published simulator", name, PUBLISHED_POLICIES)
    return names


def _seeded(tasks: tuple[ClusterTask, ...], seed: int) -> tuple[ClusterTask, ...]:
    return tasks if seed == 0 else dealt_anew(tasks, np.random.default_rng(seed))


def _offset(on_progress: Callable[[int, int], None], done: int, total: int) -> Callable[[int], None]:
    return lambda ended: on_progress(done + ended, total)


def _published_world(
    name: str, tasks: tuple[ClusterTask, ...], shape: ClusterShape, power: ClusterPower, interval_s: float
) -> PublishedClusterWorld:
    elastic = PublishedEasyScale(shape.counts, mixes_types=name == "easyscale-heter")
    scheduler = PublishedYarnCs(shape.counts) if name == "yarn-cs" else elastic
    return PublishedClusterWorld(tasks, shape, scheduler, power, interval_s=interval_s)
