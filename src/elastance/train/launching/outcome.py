"""What a job took, step by step, beside what its plan had predicted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from elastance.runs import Provenance

if TYPE_CHECKING:
    from elastance.measure import DeviceEnergy
    from elastance.train.data_parallel.account import Account
    from elastance.train.launching.job import FinishedJob, SteadyPower
    from elastance.train.launching.placement import PlacedGpu
    from elastance.train.launching.plan import LaunchPlan, PlannedGpu


@dataclass(frozen=True)
class StepUse:
    """What one GPU does and uses in one step.

    Attributes:
        computes_s: Time it computes, s; None if unknown.
        waits_s: Rest of the step, s: waiting for the others, exchanging gradients, and what else is not computing.
        energy_j: Energy, waiting included, J; None if unknown.
    """

    computes_s: float | None
    waits_s: float | None
    energy_j: float | None


@dataclass(frozen=True)
class GpuOutcome:
    """One GPU of a job.

    Attributes:
        gpu: Which.
        energy: What it used from the start of the processes to their end.
        account: What its rank said; None if it said nothing.
        measured: Of a steady step; None if there was none that could be measured.
        predicted: By the plan, of a step; None if the plan cannot be expressed so.
    """

    gpu: PlacedGpu
    energy: DeviceEnergy
    account: Account | None
    measured: StepUse | None
    predicted: StepUse | None


@dataclass(frozen=True)
class JobOutcome:
    """A whole job.

    Attributes:
        job: As it ended.
        gpus: Its GPUs, in the order of the ranks.
        step_time_s: Mean time of a steady step of the slowest rank, s; None if there was none.
        step_energy_j: Energy of a steady step of all GPUs, J; None if unknown.
        predicted_time_s: The plan's, of a step, s; None if it cannot be expressed so.
        predicted_energy_j: The plan's, of a step, J.
    """

    job: FinishedJob
    gpus: tuple[GpuOutcome, ...]
    step_time_s: float | None
    step_energy_j: float | None
    predicted_time_s: float | None
    predicted_energy_j: float | None

    @property
    def steps(self) -> int:
        """Steps of the job: those that all ranks have done."""
        return min((gpu.account.steps for gpu in self.gpus if gpu.account is not None), default=0)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the numbers should know."""
        return tuple(_remarks(self))

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        job = self.job
        return {
            "plan": job.plan.path,
            "method": job.plan.method,
            "exit_status": job.exit_status,
            "failure": None if job.failure is None else asdict(job.failure),
            "time_s": job.measurement.time_s,
            "energy_j": job.measurement.energy_j,
            "complete": job.measurement.complete,
            "global_batch_size": job.plan.global_batch_size,
            "limits_set": job.limits_set,
            "steps": self.steps,
            "epochs": min((gpu.account.epochs for gpu in self.gpus if gpu.account), default=0),
            "step_time_s": self.step_time_s,
            "step_energy_j": self.step_energy_j,
            "predicted": {
                "per": job.plan.per,
                "step_time_s": self.predicted_time_s,
                "step_energy_j": self.predicted_energy_j,
                "provenance": list(job.plan.provenance),
            },
            "gpus": [_gpu_document(rank, gpu) for rank, gpu in enumerate(self.gpus)],
            "released": [gpu.profile for gpu in job.plan.gpus if not gpu.batch_size],
            "remarks": list(self.remarks),
        }


def assess(job: FinishedJob) -> JobOutcome:
    """Put what a job took beside what its plan had predicted, both for one step.

    Only full steps count, and not the first of an epoch, in which much warms up. Their energy is the mean power
    while all ranks were in such steps times their duration.
    """
    share = _plan_per_step(job)
    gpus = tuple(
        GpuOutcome(gpu, energy, account, _measured(account, steady), _predicted(gpu.planned, share))
        for gpu, energy, account, steady in zip(
            job.gpus, job.measurement.devices, job.accounts, job.steady, strict=True
        )
    )
    times = [_step_time_s(gpu.account) for gpu in gpus]
    known_times = [time_s for time_s in times if time_s is not None]
    energies = [gpu.measured.energy_j for gpu in gpus if gpu.measured is not None]
    known = [energy_j for energy_j in energies if energy_j is not None]
    return JobOutcome(
        job,
        gpus,
        max(known_times) if len(known_times) == len(gpus) else None,
        sum(known) if len(known) == len(gpus) else None,
        None if share is None else job.plan.time_s * share,
        None if share is None else job.plan.energy_j * share,
    )


def _plan_per_step(job: FinishedJob) -> float | None:
    """What the plan's totals are to be multiplied by for one step; None if nobody knows."""
    if job.plan.per == "step":
        return 1.0
    account = job.accounts[0]
    if job.plan.per == "epoch" and account is not None and account.steps_per_epoch:
        return 1.0 / account.steps_per_epoch
    return None


def _step_time_s(account: Account | None) -> float | None:
    return None if account is None or not account.timed_steps else account.timed_s / account.timed_steps


def _measured(account: Account | None, steady: SteadyPower | None) -> StepUse | None:
    step_s = _step_time_s(account)
    if account is None or step_s is None:
        return None
    computes_s = None if account.computed_s is None else account.computed_s / account.timed_steps
    waits_s = None if computes_s is None else max(0.0, step_s - computes_s)
    energy_j = None if steady is None else steady.energy_j / steady.time_s * step_s
    return StepUse(computes_s, waits_s, energy_j)


def _predicted(planned: PlannedGpu, share: float | None) -> StepUse | None:
    if share is None:
        return None
    return StepUse(planned.computes_s * share, planned.waits_s * share, planned.energy_j * share)


def _gpu_document(rank: int, outcome: GpuOutcome) -> dict[str, Any]:
    planned, device, account = outcome.gpu.planned, outcome.gpu.device, outcome.account
    return {
        "rank": rank,
        "profile": planned.profile,
        "id": device.info.id,
        "name": device.info.name,
        "batch_size": planned.batch_size,
        "micro_batch_size": planned.micro_batch_size,
        "power_limit_w": planned.power_limit_w,
        "steps": None if account is None else account.steps,
        "samples": None if account is None else account.samples,
        "energy_j": outcome.energy.energy_j,
        "mean_power_w": outcome.energy.mean_power_w,
        "step": None if outcome.measured is None else asdict(outcome.measured),
        "predicted_step": None if outcome.predicted is None else asdict(outcome.predicted),
        "provenance": outcome.energy.provenance._asdict(),
        "problem": outcome.energy.problem,
        "notes": list(outcome.energy.notes),
    }


def _remarks(outcome: JobOutcome) -> list[str]:
    job, plan = outcome.job, outcome.job.plan
    # That a job that failed did not get far needs no explanation.
    remarks = [] if job.exit_status else _about_steps(outcome)
    remarks += _about_prediction(outcome, plan)
    if not job.limits_set:
        remarks.append(
            "the power limits of the plan were not set (--keep-limits), so it predicts something else"
        )
    if any(gpu.energy.provenance.source is Provenance.MODEL for gpu in outcome.gpus):
        remarks.append(
            "the joules of simulated GPUs come from a model, the times from the processor that stood in"
        )
    return remarks


def _about_steps(outcome: JobOutcome) -> list[str]:
    if all(gpu.account is None for gpu in outcome.gpus):
        untold = "the script did not train by its shares: no rank has gone through share.loader(...)"
        return [
            f"{untold}, so batches and gradients are what the script makes them; see `elastance launch --help`"
        ]
    if outcome.step_time_s is None:
        return ["no step was measured: an epoch needs two full steps at least, as the first one warms up"]
    if outcome.step_energy_j is None:
        return ["the energy of a step is not known: the steady steps were too short to read every GPU"]
    return []


def _about_prediction(outcome: JobOutcome, plan: LaunchPlan) -> list[str]:
    if plan.per == "profiled window":
        return [
            f"no prediction per step: {plan.path} has totals of a profiled window of unknown length (split --steps N)"
        ]
    if plan.per == "epoch" and outcome.predicted_time_s is not None:
        account = outcome.gpus[0].account
        assert account is not None
        return [f"the prediction supposes an epoch of {account.steps_per_epoch} steps, as this data set has"]
    return []
