"""Whether the jobs of a workload file can run on a cluster at all; a complaint names the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.errors import InputError, TraceError
from elastance.simulate.cluster.tasks import make_tasks, require_gangs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.simulate.cluster.tasks import ClusterShape
    from elastance.traces import ApplicationProfile, ClusterJob, ClusterWorkload, StepTimes


def require_facts(
    workload: ClusterWorkload,
    cluster: ClusterShape,
    times: StepTimes,
    gang: Sequence[str] = (),
    profiles: Sequence[ApplicationProfile] = (),
) -> None:
    """Refuse a workload with a job that has no step times, or is too large for the cluster or written for another.

    Args:
        workload: The jobs; of one whose jobs have no rows nothing is checked here.
        cluster: The GPUs.
        times: Step times.
        gang: Names of the policies that start a job only with a GPU per logical worker.
        profiles: What was recorded of applications.

    Raises:
        TraceError: There is such a job; the message names its row.
    """
    for policies in ((), gang):
        checked: set[tuple[str, int, int, str, bool, int]] = set()
        for job, row in zip(workload.jobs, workload.rows, strict=False):
            kind = _kind(job)
            if kind in checked:
                continue
            checked.add(kind)
            try:
                _require(job, cluster, times, policies, profiles)
            except InputError as error:
                raise TraceError(str(error), path=workload.path, row=row) from None


def _kind(job: ClusterJob) -> tuple[str, int, int, str, bool, int]:
    """Return all of a job that matters here; equal ones are looked at once."""
    return (
        job.application,
        job.batch_size,
        job.logical_workers,
        job.preferred_gpu,
        job.may_mix_types,
        job.min_gpus,
    )


def _require(
    job: ClusterJob,
    cluster: ClusterShape,
    times: StepTimes,
    gang: Sequence[str],
    profiles: Sequence[ApplicationProfile],
) -> None:
    task = make_tasks((job,), cluster, times, profiles)
    for policy in gang:
        require_gangs(task, cluster, policy)
