"""What figures about clusters are computed from: step times, jobs, and whether they are the published ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.runs import Provenance
from elastance.simulate.cluster import drawn_workload
from elastance.traces import DirectorySource, SourceRecord, read_cluster
from elastance.traces.step_times import STEP_TIMES_FILE, builtin_step_times, read_step_times
from elastance.traces.synthesize_cluster import Arrivals, ClusterParameters

if TYPE_CHECKING:
    from elastance.figures.experiments.setting import Setting
    from elastance.traces import ClusterWorkload, StepTimes

WORKLOAD_FILE = "workload.csv"
"""Name of the published workload in the folder of the facts."""

PUBLISHED = {
    WORKLOAD_FILE: "88ed28df54713926aa7b4aeba923bb4e777cb47d055914250212dae8967fc656",
    STEP_TIMES_FILE: "d1f92d0e6bcf3ca7177eecc14d1da2565b717a834435c625f4fc2b47110a7883",
}
"""Facts that the recorded numbers belong to: file name to SHA-256."""

DAY_S = 3600.0
"""Length of a day of diurnal arrivals, s: short, so that 60 jobs see more than one."""

TRACES = tuple(range(30))
"""Seeds of the traces, unless the user asks for others: eta was chosen on others still."""


@dataclass(frozen=True)
class ClusterFacts:
    """Step times, and the published workload or synthetic jobs in its place.

    Attributes:
        times: How long micro-batches take.
        workload: The jobs.
    """

    times: StepTimes
    workload: ClusterWorkload

    @property
    def has_trace(self) -> bool:
        """Whether the jobs are from a file rather than made up."""
        return self.workload.provenance is Provenance.TRACE

    @property
    def source(self) -> SourceRecord:
        """What a result says about them."""
        if not self.has_trace:
            return self.times.source
        kind, path, files = self.times.source.kind, str(self.workload.path.parent), self.times.source.files
        files = {self.workload.path.name: self.workload.sha256, **files}
        return SourceRecord.of_files(kind, path, files, self.times.source.provenance)

    @property
    def unjudged(self) -> str:
        """Why a claim about the published workload cannot be judged; empty if it can."""
        if not self.has_trace:
            return "the jobs are synthetic, the claim is about the published workload"
        if dict(self.source.files) != PUBLISHED:
            return "workload or step times are not those of the published experiment"
        return ""

    @property
    def jobs_in_words(self) -> str:
        """Which jobs these are."""
        kind = "" if self.has_trace else "synthetic "
        return f"{len(self.workload.jobs)} {kind}jobs ({self.workload.path.name})"


def step_times(setting: Setting) -> StepTimes:
    """Return the step times in the folder of the facts, else the built-in models.

    Raises:
        TraceError: The file there cannot be used.
    """
    source = setting.source
    if isinstance(source, DirectorySource) and (path := source.directory / STEP_TIMES_FILE).exists():
        return read_step_times(path, source.kind)
    return builtin_step_times()


def cluster_facts(setting: Setting) -> ClusterFacts:
    """Return the facts, with the jobs of ``workload.csv`` in their folder, else synthetic ones.

    Raises:
        TraceError: A file there cannot be used.
    """
    source = setting.source
    if isinstance(source, DirectorySource) and (path := source.directory / WORKLOAD_FILE).exists():
        return ClusterFacts(step_times(setting), read_cluster(path))
    return ClusterFacts(step_times(setting), made_up_jobs(Arrivals.POISSON, 0))


def made_up_jobs(arrivals: Arrivals, seed: int, *, jobs: int = 60) -> ClusterWorkload:
    """Return synthetic jobs in the published mix, which load the published cluster about as much."""
    return drawn_workload(ClusterParameters(jobs=jobs, arrivals=arrivals, period_s=DAY_S), seed)
