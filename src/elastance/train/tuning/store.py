"""Keeps recurring jobs: who runs what, what came of it, and what the policy has learned.

Every change of a job is one transaction that locks its row first, so that any number of processes may dispatch and
report at once. A result is recorded once, whoever reports it how often.
"""

from __future__ import annotations

import json
import socket
import time
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc

from elastance.errors import InputError, PolicyError, UnknownNameError
from elastance.measure.limit_records import Process, is_alive, this_process
from elastance.policies import Abandonable, LimitMeasurement, Outcome
from elastance.train.tuning.job import TuningJob, state_of
from elastance.train.tuning.schema import default_url, jobs, open_engine, runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.policies import PolicyPair

LEASE_S = 600.0
"""A run on another machine that was not heard of for so long counts as killed."""


class Status(StrEnum):
    """What has become of a run."""

    RUNNING = "running"
    """It was dispatched and has not ended."""
    REACHED = "reached"
    """It reached the target."""
    MISSED = "missed"
    """It ended, or was stopped at the threshold, without reaching the target."""
    FAILED = "failed"
    """Its script failed; says something about the batch size (no memory?) unless that is the default one."""
    KILLED = "killed"
    """It was interrupted, or its runner died; says nothing about the batch size."""


class Dispatch(NamedTuple):
    """A run to be made.

    Attributes:
        id: Its own identity.
        trial: Which run of the job it is, from 0.
        batch_size: What was chosen.
        power_limit_w: What was chosen, W for each device; None to leave the limit as it is.
        threshold_j: Cost at which to stop it, J; None never to.
    """

    id: str
    trial: int
    batch_size: int
    power_limit_w: int | None
    threshold_j: float | None


class Result(NamedTuple):
    """What came of a run.

    Attributes:
        status: Anything but ``RUNNING``.
        energy_j, time_s: What it took; None if that is not known.
        epochs: How many it made, if known.
        exit_status: Of the script.
        source: Where the joules come from.
        profile: Time and power of an epoch under several limits, if the script measured that.
    """

    status: Status
    energy_j: float | None = None
    time_s: float | None = None
    epochs: int | None = None
    exit_status: int | None = None
    source: str | None = None
    profile: Sequence[LimitMeasurement] = ()


class TuningStore:
    """The recurring jobs in one database.

    Args:
        url: SQLAlchemy URL; by default $ELASTANCE_DB or an SQLite file of the user's.
        clock: Wall clock, s, as several machines share it.
    """

    def __init__(self, url: str | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = open_engine(url or default_url())
        self._clock = clock

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def create(self, job: TuningJob) -> None:
        """Add a job.

        Raises:
            InputError: There is another of this name, or its policy cannot be saved.
        """
        values = {
            "name": job.name,
            "job": json.dumps(job.to_json()),
            "state": json.dumps(state_of(job.policies())),
            "trials": 0,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(jobs.insert().values(values))
        except exc.IntegrityError:
            raise InputError(f"job {job.name} is there already: choose another name") from None

    def job(self, name: str) -> TuningJob:
        """Return a job.

        Raises:
            UnknownNameError: There is none of this name.
        """
        with self._engine.begin() as connection:
            return TuningJob.from_json(json.loads(self._row(connection, name).job))

    def history(self, name: str) -> list[dict[str, Any]]:
        """Return every run of a job, in order of dispatch, as columns by name."""
        with self._engine.begin() as connection:
            self._row(connection, name)
            found = connection.execute(sa.select(runs).where(runs.c.job == name).order_by(runs.c.trial))
            return [dict(row) for row in found.mappings()]

    def policies(self, name: str) -> PolicyPair:
        """Return a job's policies as they stand; what is done to them is not kept."""
        with self._engine.begin() as connection:
            row = self._row(connection, name)
            return TuningJob.from_json(json.loads(row.job)).policies(json.loads(row.state))

    def dispatch(self, name: str) -> Dispatch:
        """Choose the next run of a job and write down that this process makes it; first, find those who died.

        Raises:
            UnknownNameError: There is no such job.
            PolicyError: The policy chose what is not on offer.
        """
        now_s = self._clock()
        with self._engine.begin() as connection:
            row = self._row(connection, name)
            job = TuningJob.from_json(json.loads(row.job))
            policies = job.policies(json.loads(row.state))
            self._bury(connection, name, policies, now_s)
            size = int(policies.batch_size.choose_batch_size())
            if size not in job.problem.power_limits_w:
                raise PolicyError(f"policy {job.policy} chose batch size {size}, which is not on offer")
            limit = policies.power_limit.choose_power_limit(size)
            threshold_j = None
            if policies.early_stopping and row.least_cost_j is not None and job.beta != float("inf"):
                threshold_j = job.beta * row.least_cost_j
            chosen = Dispatch(
                uuid.uuid4().hex, row.trials, size, None if limit is None else int(limit), threshold_j
            )
            connection.execute(
                runs.insert().values(
                    **chosen._asdict(),
                    job=name,
                    status=Status.RUNNING.value,
                    owner=json.dumps([socket.gethostname(), *this_process()]),
                    heartbeat_s=now_s,
                    began_s=now_s,
                )
            )
            self._save(connection, name, policies, trials=row.trials + 1)
        return chosen

    def heartbeat(self, run_id: str) -> None:
        """Say that a run is still being made."""
        with self._engine.begin() as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(heartbeat_s=self._clock()))

    def report(self, run_id: str, result: Result) -> bool:
        """Record what came of a run and let the policy learn from it.

        Returns:
            Whether this was the first result of the run; any other is ignored.

        Raises:
            InputError: There is no such run.
        """
        with self._engine.begin() as connection:
            name = connection.execute(sa.select(runs.c.job).where(runs.c.id == run_id)).scalar_one_or_none()
            if name is None:
                raise InputError(f"there is no run {run_id}")
            row = self._row(connection, name)
            run = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one()
            if run.status != Status.RUNNING.value:
                return False
            job = TuningJob.from_json(json.loads(row.job))
            policies = job.policies(json.loads(row.state))
            cost_j = self._settle(connection, job, policies, run, result)
            least = row.least_cost_j
            if result.status is Status.REACHED and cost_j is not None:
                least = cost_j if least is None else min(least, cost_j)
            self._save(connection, name, policies, least_cost_j=least)
        return True

    def bury(self, name: str) -> None:
        """Find the runs of a job whose process died, and record them as killed."""
        with self._engine.begin() as connection:
            row = self._row(connection, name)
            policies = TuningJob.from_json(json.loads(row.job)).policies(json.loads(row.state))
            if self._bury(connection, name, policies, self._clock()):
                self._save(connection, name, policies)

    def _settle(
        self,
        connection: sa.Connection,
        job: TuningJob,
        policies: PolicyPair,
        run: Any,  # noqa: ANN401 (a row)
        result: Result,
    ) -> float | None:
        """Record a result, tell the policies, and return its cost, J."""
        cost_j = None
        if result.energy_j is not None and result.time_s is not None:
            cost_j = job.problem.cost.of_run(result.energy_j, result.time_s)
        if result.profile:
            policies.power_limit.observe_profile(run.batch_size, result.profile)
        # The default size is assumed to work: where it fails, the script is broken, and nothing is learned of sizes.
        is_fault = result.status is Status.FAILED and run.batch_size == job.default_batch_size
        if cost_j is None or result.status is Status.KILLED or is_fault:
            _abandon(policies, run.trial)
        else:
            reached = result.status is Status.REACHED
            policies.batch_size.observe_run(
                Outcome(run.trial, run.batch_size, run.power_limit_w, cost_j, reached)
            )
        connection.execute(
            runs.update()
            .where(runs.c.id == run.id)
            .values(
                status=result.status.value,
                ended_s=self._clock(),
                energy_j=result.energy_j,
                time_s=result.time_s,
                cost_j=cost_j,
                epochs=result.epochs,
                exit_status=result.exit_status,
                source=result.source,
            )
        )
        return cost_j

    def _bury(self, connection: sa.Connection, name: str, policies: PolicyPair, now_s: float) -> int:
        living = sa.select(runs).where(runs.c.job == name, runs.c.status == Status.RUNNING.value)
        dead = [run for run in connection.execute(living) if _is_dead(run.owner, run.heartbeat_s, now_s)]
        for run in dead:
            _abandon(policies, run.trial)
            connection.execute(
                runs.update().where(runs.c.id == run.id).values(status=Status.KILLED.value, ended_s=now_s)
            )
        return len(dead)

    def _row(self, connection: sa.Connection, name: str) -> Any:  # noqa: ANN401 (a row)
        """Lock the row of a job (SQLite has locked all already) and return it."""
        row = connection.execute(sa.select(jobs).where(jobs.c.name == name).with_for_update()).one_or_none()
        if row is None:
            known = connection.execute(sa.select(jobs.c.name)).scalars().all()
            if not known:
                raise InputError(
                    f"there is no job {name!r}, and none at all: see `elastance tune init --help`"
                )
            raise UnknownNameError("job", name, known)
        return row

    def _save(self, connection: sa.Connection, name: str, policies: PolicyPair, **values: object) -> None:
        state = json.dumps(state_of(policies))
        connection.execute(jobs.update().where(jobs.c.name == name).values(state=state, **values))


def _abandon(policies: PolicyPair, trial: int) -> None:
    policy = policies.batch_size
    if isinstance(policy, Abandonable):
        policy.abandon_trial(trial)


def _is_dead(owner: str, heartbeat_s: float, now_s: float) -> bool:
    """Whether the process that makes a run is gone; where nobody here can tell, whether it fell silent."""
    host, *fields = json.loads(owner)
    process, here = Process(*fields), this_process()
    if process.boot_id == here.boot_id and process.namespace == here.namespace:
        return not is_alive(process)
    if (
        host == socket.gethostname()
        and process.namespace == here.namespace
        and process.boot_id != here.boot_id
    ):
        return True  # this machine was started anew since
    return now_s - heartbeat_s > LEASE_S
