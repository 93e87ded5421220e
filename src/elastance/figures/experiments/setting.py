"""What an experiment is computed from: facts, seeds, processes; and the words that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.catalog import GPUS
from elastance.cost import EtaCost
from elastance.errors import InputError
from elastance.policies import Problem
from elastance.runs import Provenance
from elastance.simulate import Task, Trial, TrialResult, run_trials
from elastance.simulate.inputs import facts_and_job
from elastance.traces import SourceRecord, TraceSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from elastance.simulate.histories import Progress


@dataclass(frozen=True)
class Setting:
    """What an experiment is computed from.

    Attributes:
        source: The facts.
        seeds: Seeds the user asked for; None for each experiment's own.
        jobs: Worker processes.
        on_progress: Called as histories are finished.
        groups: File of groups the user asked for; None for synthetic ones.
        drift: Drift trace the user asked for; None for a synthetic one.
        device: Where figures that train do it: ``"cpu"`` or ``"cuda"``.
    """

    source: TraceSource
    seeds: tuple[int, ...] | None = None
    jobs: int = 1
    on_progress: Progress | None = None
    groups: Path | None = None
    drift: Path | None = None
    device: str = "cpu"

    def task(
        self, workload: str, gpu: str, *, eta: float = 0.5, beta: float = 2.0, published: bool = False
    ) -> Task:
        """Return the default job of a workload, with the recurrences of the published protocol.

        Raises:
            InputError: The facts do not know the workload or the GPU.
        """
        facts, job = facts_and_job(self.source, workload, gpu)
        problem = Problem(job, facts.power_limits_w, EtaCost(eta, facts.max_power_w), beta)
        return Task(facts, problem, facts.default_recurrences, published)

    def run(
        self, trials: Sequence[Trial], seeds: Sequence[int], *, keep_failures: bool = False
    ) -> list[TrialResult]:
        """Simulate `trials` over `seeds`, as `elastance.simulate.run_trials` does."""
        return run_trials(
            trials, seeds, jobs=self.jobs, keep_failures=keep_failures, on_progress=self.on_progress
        )

    def seeds_or(self, own: Sequence[int]) -> tuple[int, ...]:
        """Return the seeds the user asked for, or else an experiment's own."""
        return tuple(own) if self.seeds is None else self.seeds

    def known_gpus(self) -> tuple[str, ...]:
        """Return the GPU types of the paper that there are facts about.

        Raises:
            InputError: There is none.
        """
        here = self.source.gpus()
        known = tuple(gpu.name for gpu in GPUS if gpu.name in here)
        if not known:
            raise InputError(f"no facts about any of {', '.join(gpu.name for gpu in GPUS)}")
        return known

    def record(self, gpus: Sequence[str]) -> SourceRecord:
        """Return one record of all the facts about several GPU types."""
        records = [self.source.record(gpu) for gpu in gpus]
        files = {name: digest for record in records for name, digest in record.files.items()}
        first = records[0]
        return SourceRecord.of_files(first.kind, first.path, files, first.provenance)


def unjudged_by(source: SourceRecord) -> str:
    """Return why a claim about numbers of the public traces cannot be judged; empty if it can."""
    if source.is_public:
        return ""
    if source.provenance is Provenance.MODEL:
        return "the facts are a model, the claim is about the public traces"
    return "the facts are not the public traces"
