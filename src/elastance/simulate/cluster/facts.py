"""What is known of a job on each GPU type: from the user's profile where there is one, else from step times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elastance.catalog import D2_FACTORS, TIMED_AT_D2, Determinism, at_level
from elastance.errors import InputError, UnknownNameError
from elastance.scheduling import Demand, LimitResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.traces import ApplicationProfile, ClusterJob, StepTimes


@dataclass(frozen=True)
class ClusterFacts:
    """Where the facts about the applications of a workload are from.

    Attributes:
        times: Step times of what no profile is of.
        profiles: What was recorded, by application and GPU type.
    """

    times: StepTimes
    profiles: Mapping[tuple[str, str], ApplicationProfile]

    def demands(self, job: ClusterJob, types: Sequence[str]) -> tuple[Demand, Demand | None, Demand | None]:
        """Return the demand of a job at the level that its step times are of, at D1, and at D2.

        There is only the first where the application has no price of D2.

        Raises:
            InputError: Its batch size is beyond its profile.
            UnknownNameError: Its application has neither step times nor a profile on a type.
        """
        recorded = [self._recorded(job, gpu) for gpu in types]
        held_s = [
            self._step_s(job, gpu) if of is None else of[max(of)][0]
            for gpu, of in zip(types, recorded, strict=True)
        ]
        responses = (
            tuple(None if of is None else LimitResponse.of_recorded(of) for of in recorded)
            if any(recorded)
            else ()
        )
        if job.application not in D2_FACTORS:
            return Demand(tuple(held_s), job.logical_workers, responses=responses), None, None
        at_d1, at_d2 = (
            Demand(
                tuple(
                    at_level(job.application, gpu, step_s, level, None if of is None else Determinism.D1)
                    for gpu, step_s, of in zip(types, held_s, recorded, strict=True)
                ),
                job.logical_workers,
                level,
                responses,
            )
            for level in (Determinism.D1, Determinism.D2)
        )
        return at_d2 if job.application in TIMED_AT_D2 else at_d1, at_d1, at_d2

    def describe(self, jobs: Sequence[ClusterJob], types: Sequence[str]) -> list[dict[str, Any]]:
        """Return for every application of the jobs and every type where step times, draw and limits are from."""
        described: list[dict[str, Any]] = []
        for application in sorted({job.application for job in jobs}):
            for gpu in types:
                profile = self.profiles.get((application, gpu))
                described.append(
                    {
                        "application": application,
                        "gpu": gpu,
                        "step_time": self.times.source.provenance.value
                        if profile is None
                        else profile.provenance,
                        "power": "assumed" if profile is None else profile.provenance,
                        "limits": "model" if profile is None else profile.provenance,
                    }
                )
        return described

    def _recorded(self, job: ClusterJob, gpu: str) -> dict[float, tuple[float, float]] | None:
        profile = self.profiles.get((job.application, gpu))
        return None if profile is None else profile.at(job.batch_size)

    def _step_s(self, job: ClusterJob, gpu: str) -> float:
        try:
            return self.times.step_s(job.application, job.batch_size, gpu)
        except UnknownNameError:
            known = sorted(of_gpu for application, of_gpu in self.profiles if application == job.application)
            if not known:
                raise
            raise InputError(
                f"{job.application} has a profile on {', '.join(known)} and no step times on {gpu}: profile it there "
                "too, or leave the type out of the cluster"
            ) from None


def facts_of(times: StepTimes, profiles: Sequence[ApplicationProfile]) -> ClusterFacts:
    """Return what step times and profiles say together."""
    return ClusterFacts(times, {(of.application, of.gpu): of for of in profiles})
