"""What a launched job took: steps, time and energy, with all its runs on however many executors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elastance.elastic.launching.job_directory import JobStatus
    from elastance.measure import DeviceEnergy

_VERSION = 1


@dataclass(frozen=True)
class Run:
    """A job between two starts of its executors.

    Attributes:
        placement: Which executor hosted how many.
        first_step: Global steps done when it began; None if the executors never met.
        last_step: Global steps done when it ended.
        time_s: From the start of the processes to their end, s.
        ended: ``finished``, ``resized``, ``suspended``, ``interrupted``, ``crashed`` or ``refused``.
        energy: Of each executor's device; empty where none is measured.
    """

    placement: str
    first_step: int | None
    last_step: int | None
    time_s: float
    ended: str
    energy: tuple[DeviceEnergy, ...] = ()


@dataclass(frozen=True)
class LaunchReport:
    """A launched job that has ended, in whatever way.

    Attributes:
        status: As it was last.
        level: What was promised; None if the script decided.
        runs: In order.
        exit_status: What the command leaves with.
        problem: Why it did not finish, in one line; None if that is plain.
    """

    status: JobStatus
    level: str | None
    runs: tuple[Run, ...]
    exit_status: int
    problem: str | None = None

    @property
    def time_s(self) -> float:
        """Time of all runs, s; that between them is not in it."""
        return sum(run.time_s for run in self.runs)

    @property
    def energy_j(self) -> float | None:
        """Energy of the devices while executors had them, J; None if there is no reading."""
        known = [one.energy_j for run in self.runs for one in run.energy if one.energy_j is not None]
        return sum(known) if known else None

    @property
    def complete(self) -> bool:
        """Whether every device gave its energy in every run."""
        return all(run.energy and all(one.energy_j is not None for one in run.energy) for run in self.runs)

    def of_executors(self) -> tuple[tuple[DeviceEnergy, float | None, float], ...]:
        """Each executor's device with its energy (J; None without a reading) and time (s) over all runs."""
        most = max((run.energy for run in self.runs), key=len, default=())
        found: list[tuple[DeviceEnergy, float | None, float]] = []
        for index, device in enumerate(most):
            parts = [run.energy[index] for run in self.runs if index < len(run.energy)]
            known = [part.energy_j for part in parts if part.energy_j is not None]
            found.append((device, sum(known) if known else None, sum(part.time_s for part in parts)))
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """The report as a document."""
        status = self.status
        return {
            "format": "elastance launch report",
            "version": _VERSION,
            "job": status.name,
            "command": list(status.command),
            "state": status.state,
            "exit_status": self.exit_status,
            "problem": self.problem,
            "workers": status.workers,
            "level": self.level,
            "steps": status.step,
            "total_steps": status.total_steps,
            "restarts": status.restarts,
            "resizes": status.resizes,
            "time_s": self.time_s,
            "energy_j": self.energy_j,
            "complete": self.complete,
            "executors": [
                {
                    "executor": index,
                    "id": device.device.id,
                    "name": device.device.name,
                    "energy_j": energy_j,
                    "time_s": time_s,
                    "source": device.provenance.source.value,
                }
                for index, (device, energy_j, time_s) in enumerate(self.of_executors())
            ],
            "runs": [
                {
                    **{key: value for key, value in vars(run).items() if key != "energy"},
                    "energy_j": [one.energy_j for one in run.energy],
                }
                for run in self.runs
            ],
            "checkpoints": status.checkpoints,
        }
