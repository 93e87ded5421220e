"""Keeps recurring jobs: who runs what, what came of it, and what the policy has learned.

Every change of a job is one transaction that locks its row first, so that any number of processes may dispatch and
report at once. A result is recorded once, whoever reports it how often.
"""

from __future__ import annotations

import json
import math
import time
import uuid
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError, MissingExtraError
from elastance.train.tuning.database import Database
from elastance.train.tuning.job import TuningJob, state_of
from elastance.train.tuning.lessons import forget, is_evidence, teach
from elastance.train.tuning.liveness import this_runner
from elastance.train.tuning.opened_job import OpenedJob, locked_row
from elastance.train.tuning.results import Dispatch, Result, Status
from elastance.train.tuning.schema import jobs, runs

try:
    import sqlalchemy as sa
    from sqlalchemy import exc
except ImportError as error:
    raise MissingExtraError("tuning a recurring job", "tune") from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.policies import PolicyPair


class TuningStore:
    """The recurring jobs in one database.

    Args:
        url: SQLAlchemy URL; by default $ELASTANCE_DB or an SQLite file of the user's.
        clock: Wall clock, s, as several machines share it.

    Raises:
        InputError: The URL is malformed.
        MissingExtraError: A package is missing.
        DatabaseError: The database cannot be used; so do all methods.
    """

    def __init__(self, url: str | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._database = Database(url)
        self._clock = clock

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

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
            with self._database.transaction() as connection:
                connection.execute(jobs.insert().values(values))
        except exc.IntegrityError:
            raise InputError(f"job {job.name} is there already: choose another name") from None

    def names(self) -> list[str]:
        """Return the names of all jobs, in order."""
        with self._database.transaction() as connection:
            return list(connection.execute(sa.select(jobs.c.name).order_by(jobs.c.name)).scalars())

    def job(self, name: str) -> TuningJob:
        """Return a job.

        Raises:
            UnknownNameError: There is none of this name.
        """
        with self._database.transaction() as connection:
            return TuningJob.from_json(json.loads(locked_row(connection, name).job))

    def history(self, name: str) -> list[dict[str, Any]]:
        """Return every run of a job, in order of dispatch, as columns by name."""
        with self._database.transaction() as connection:
            locked_row(connection, name)
            found = connection.execute(sa.select(runs).where(runs.c.job == name).order_by(runs.c.number))
            return [dict(row) for row in found.mappings()]

    def policies(self, name: str) -> PolicyPair:
        """Return a job's policies as they stand; what is done to them is not kept."""
        with self._database.transaction() as connection:
            return OpenedJob(connection, name).policies

    def dispatch(
        self,
        name: str,
        recurrence: int | None = None,
        *,
        best_known: bool = False,
        without_threshold: bool = False,
    ) -> Dispatch:
        """Choose the next run of a job and write down that this process makes it; first, find those who died.

        Args:
            name: Name of the job.
            recurrence: Which recurrence it is another try of; a new one by default.
            best_known: Take the best batch size known, without asking the policy.
            without_threshold: Let it run to its end.

        Raises:
            UnknownNameError: There is no such job.
            PolicyError: The policy raised, or chose what is not on offer.
        """
        now_s = self._clock()
        with self._database.transaction() as connection:
            opened = OpenedJob(connection, name)
            row, job = opened.row, opened.job
            opened.bury(now_s)
            best = opened.best()
            size = job.default_batch_size if best is None else best.batch_size
            trial = None
            if not best_known:
                trial, size = row.trials, opened.choose_batch_size()
            threshold_j = None
            if best is not None and opened.policies.early_stopping and math.isfinite(job.beta):
                threshold_j = None if without_threshold else job.beta * best.cost_j
            chosen = Dispatch(
                uuid.uuid4().hex,
                row.runs,
                row.recurrences if recurrence is None else recurrence,
                trial,
                size,
                opened.choose_power_limit(size),
                threshold_j,
            )
            connection.execute(
                runs.insert().values(
                    **chosen._asdict(),
                    job=name,
                    status=Status.RUNNING.value,
                    owner=this_runner(),
                    heartbeat_s=now_s,
                    began_s=now_s,
                )
            )
            opened.save(
                runs=row.runs + 1,
                trials=row.trials + (trial is not None),
                recurrences=row.recurrences + (recurrence is None),
            )
        return chosen

    def heartbeat(self, run_id: str) -> None:
        """Say that a run is still being made."""
        with self._database.transaction() as connection:
            connection.execute(runs.update().where(runs.c.id == run_id).values(heartbeat_s=self._clock()))

    def report(self, run_id: str, result: Result, *, evidence: bool = True) -> bool:
        """Record what came of a run and let the policy learn from it.

        Args:
            run_id: Identity of the run.
            result: What came of it.
            evidence: False if it is known to say nothing about the batch size.

        Returns:
            Whether this was the first result of the run; any other is ignored.

        Raises:
            InputError: There is no such run, or the policy reckons in epochs that were not told.
            PolicyError: The policy raised.
        """
        with self._database.transaction() as connection:
            name = connection.execute(sa.select(runs.c.job).where(runs.c.id == run_id)).scalar_one_or_none()
            if name is None:
                raise InputError(f"there is no run {run_id}")
            opened = OpenedJob(connection, name)
            row = connection.execute(sa.select(runs).where(runs.c.id == run_id)).one()
            if row.status != Status.RUNNING.value:
                return False
            run = Dispatch(*(getattr(row, field) for field in Dispatch._fields))
            best = opened.best()
            proven = opened.has_reached(run.batch_size)
            if evidence and is_evidence(opened.job, run, result, proven=proven, first=best is None):
                teach(opened.job, opened.policies, run, result, None if best is None else best.cost_j)
            else:
                forget(opened.policies, run.trial)
            opened.record(run, result, self._clock())
            opened.save()
        return True

    def ever_reached(self, name: str) -> bool:
        """Return whether any run of a job has reached its target."""
        with self._database.transaction() as connection:
            return OpenedJob(connection, name).best() is not None

    def bury(self, name: str) -> None:
        """Find the runs of a job whose process died, and record them as killed."""
        with self._database.transaction() as connection:
            opened = OpenedJob(connection, name)
            if opened.bury(self._clock()):
                opened.save()
