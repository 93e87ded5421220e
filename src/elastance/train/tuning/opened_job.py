"""A recurring job within one transaction, which nobody else changes until the transaction ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from elastance.errors import ElastanceError, InputError, PolicyError, UnknownNameError
from elastance.train.tuning.job import TuningJob, state_of
from elastance.train.tuning.lessons import forget
from elastance.train.tuning.liveness import is_dead
from elastance.train.tuning.results import Dispatch, Result, Status
from elastance.train.tuning.schema import jobs, runs

if TYPE_CHECKING:
    from elastance.policies import PolicyPair


class Best(NamedTuple):
    """The cheapest recurrence that still counts.

    Attributes:
        cost_j: What all its tries cost, J.
        batch_size: The size that reached the target.
    """

    cost_j: float
    batch_size: int


class OpenedJob:
    """A job whose row is locked.

    Args:
        connection: The transaction.
        name: Name of the job.

    Raises:
        InputError: There is no such job.
    """

    def __init__(self, connection: sa.Connection, name: str) -> None:
        self._connection = connection
        self.row: Any = locked_row(connection, name)
        self.job = TuningJob.from_json(json.loads(self.row.job))
        self.policies: PolicyPair = self.job.policies(json.loads(self.row.state))

    def save(self, **values: object) -> None:
        """Keep what the policies have learned, and other columns of the job."""
        state = json.dumps(state_of(self.policies))
        changed = jobs.update().where(jobs.c.name == self.job.name).values(state=state, **values)
        self._connection.execute(changed)

    def choose_batch_size(self) -> int:
        """Ask the policy.

        Raises:
            PolicyError: It raised, or chose what is not on offer.
        """
        policy = f"policy {self.job.policy}"
        try:
            size = int(self.policies.batch_size.choose_batch_size())
        except ElastanceError:
            raise
        except Exception as error:
            raise PolicyError(f"{policy} raised {type(error).__name__}: {error}") from error
        if size not in self.job.problem.power_limits_w:
            raise PolicyError(f"{policy} chose batch size {size}, which is not on offer")
        return size

    def choose_power_limit(self, batch_size: int) -> int | None:
        """Ask the policy for a limit for each device, W; None leaves it as it is.

        Raises:
            PolicyError: It chose what is not on offer.
        """
        if len(self.job.power_limits_w) == 1:  # nothing to choose, perhaps nothing that can be set
            return None
        limit = self.policies.power_limit.choose_power_limit(batch_size)
        lowest_w, highest_w = self.job.power_limits_w[0], self.job.power_limits_w[-1]
        if limit is not None and not lowest_w <= limit <= highest_w:
            raise PolicyError(
                f"policy {self.job.policy} chose {limit} W; on offer are {lowest_w} to {highest_w} W"
            )
        return None if limit is None else int(limit)

    def best(self) -> Best | None:
        """Return the cheapest recurrence that reached the target; with a window, of the last ones only."""
        successes = sa.select(runs.c.recurrence_cost_j, runs.c.batch_size).where(
            runs.c.job == self.job.name, runs.c.recurrence_cost_j.is_not(None)
        )
        if self.job.window_size:
            latest = successes.order_by(runs.c.ended_s.desc(), runs.c.number.desc())
            found = self._connection.execute(latest.limit(self.job.window_size))
            return min((Best(*row) for row in found), default=None)
        cheapest = self._connection.execute(successes.order_by(runs.c.recurrence_cost_j).limit(1))
        row = cheapest.one_or_none()
        return None if row is None else Best(*row)

    def has_reached(self, batch_size: int) -> bool:
        """Return whether a batch size has ever reached the target."""
        found = sa.select(runs.c.id).where(
            runs.c.job == self.job.name,
            runs.c.status == Status.REACHED.value,
            runs.c.batch_size == batch_size,
        )
        return self._connection.execute(found.limit(1)).first() is not None

    def record(self, run: Dispatch, result: Result, now_s: float) -> None:
        """Write down a result, and what the recurrence cost in all if it is at its goal."""
        cost_j = recurrence_cost_j = None
        if result.energy_j is not None and result.time_s is not None:
            cost_j = self.job.problem.cost.of_run(result.energy_j, result.time_s)
            if result.status is Status.REACHED:
                recurrence_cost_j = cost_j + self._spent_j(run.recurrence)
        self._connection.execute(
            runs.update()
            .where(runs.c.id == run.id)
            .values(
                status=result.status.value,
                ended_s=now_s,
                energy_j=result.energy_j,
                time_s=result.time_s,
                cost_j=cost_j,
                recurrence_cost_j=recurrence_cost_j,
                epochs=result.epochs,
                exit_status=result.exit_status,
                source=result.source,
            )
        )

    def _spent_j(self, recurrence: int) -> float:
        """Cost of the earlier tries of a recurrence, J."""
        before = sa.select(sa.func.sum(runs.c.cost_j)).where(
            runs.c.job == self.job.name, runs.c.recurrence == recurrence
        )
        return self._connection.execute(before).scalar_one() or 0.0

    def bury(self, now_s: float) -> int:
        """Record the runs whose process died as killed, and return how many there were."""
        living = sa.select(runs).where(runs.c.job == self.job.name, runs.c.status == Status.RUNNING.value)
        dead = [run for run in self._connection.execute(living) if is_dead(run.owner, run.heartbeat_s, now_s)]
        for run in dead:
            forget(self.policies, run.trial)
            killed = runs.update().where(runs.c.id == run.id)
            self._connection.execute(killed.values(status=Status.KILLED.value, ended_s=now_s))
        return len(dead)


def locked_row(connection: sa.Connection, name: str) -> Any:  # noqa: ANN401 (a row)
    """Lock the row of a job (SQLite has locked all already) and return it.

    Raises:
        InputError: There is no such job.
    """
    row = connection.execute(sa.select(jobs).where(jobs.c.name == name).with_for_update()).one_or_none()
    if row is None:
        known = connection.execute(sa.select(jobs.c.name)).scalars().all()
        if not known:
            raise InputError(f"there is no job {name!r}, and none at all: see `elastance tune init --help`")
        raise UnknownNameError("job", name, known)
    return row
