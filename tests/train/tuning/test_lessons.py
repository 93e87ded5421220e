"""What policies are told of runs that ended in other ways than simulated ones."""

import math

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.errors import PolicyError
from elastance.policies import LimitMeasurement, Outcome, PolicyPair
from elastance.train.tuning.lessons import is_evidence, teach
from elastance.train.tuning.results import Dispatch, Result, Status
from made_up_tuning import a_job

JOB = a_job(eta=1.0, beta=2.0, power_limits_w=(100, 200, 300))


class Pupil:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.outcomes, self.profiles = [], []

    def choose_batch_size(self) -> int:
        return 128

    def choose_power_limit(self, _batch_size: int) -> None:
        return None

    def observe_run(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def observe_profile(self, batch_size, profile) -> None:
        self.profiles.append((batch_size, profile))


def run_of(batch_size: int = 64, limit_w: int | None = None) -> Dispatch:
    return Dispatch("id", 5, 4, 3, batch_size, limit_w, 200.0)


def lesson(result: Result, *, least_j: float | None = 100.0, run: Dispatch | None = None) -> Pupil:
    pupil = Pupil()
    teach(JOB, PolicyPair(pupil, pupil), run or run_of(), result, least_j)
    return pupil


@pytest.mark.parametrize(("status", "size", "proven", "first", "stopped", "expected"), [
    (Status.REACHED, 64, False, False, False, True),
    (Status.MISSED, 64, False, False, False, True),
    (Status.MISSED, 128, False, True, False, False),  # the target is at fault
    (Status.MISSED, 128, True, False, False, True),
    (Status.KILLED, 64, False, False, False, False),
    (Status.FAILED, 64, False, False, False, True),  # no memory?
    (Status.FAILED, 64, True, False, False, False),  # the script is at fault
    (Status.FAILED, 128, False, False, False, False),
])  # fmt: skip
def test_what_is_evidence(status, size, proven, first, stopped, expected) -> None:
    result = Result(status, 10.0, 1.0, stopped=stopped)
    assert is_evidence(JOB, run_of(size), result, proven=proven, first=first) is expected
    assert not is_evidence(JOB, run_of(size), Result(status, None, 1.0), proven=proven, first=first)


def test_a_success_counts_with_its_cost() -> None:
    assert lesson(Result(Status.REACHED, 70.0, 1.0)).outcomes == [Outcome(3, 64, 300, 70.0, True)]
    of_limited = lesson(Result(Status.REACHED, 70.0, 1.0), run=run_of(64, 200)).outcomes
    assert of_limited == [Outcome(3, 64, 200, 70.0, True)]


def test_one_that_gave_up_early_does_not_look_cheap() -> None:
    assert lesson(Result(Status.MISSED, 5.0, 1.0)).outcomes == [Outcome(3, 64, 300, 200.0, False)]
    assert lesson(Result(Status.MISSED, 500.0, 1.0)).outcomes == [Outcome(3, 64, 300, 500.0, False)]
    assert lesson(Result(Status.MISSED, 5.0, 1.0), least_j=None).outcomes == [Outcome(3, 64, 300, 5.0, False)]


def test_a_script_that_failed_is_a_size_that_could_not_start() -> None:
    (outcome,) = lesson(Result(Status.FAILED, 5.0, 1.0)).outcomes
    assert outcome == Outcome(3, 64, 300, 20000.0, False, started=False)
    assert math.isfinite(outcome.cost_j)


def test_a_profile_is_brought_to_the_length_of_an_epoch() -> None:
    profile = (
        LimitMeasurement(100, 3.0, 80.0),
        LimitMeasurement(300, 1.0, 300.0),
        LimitMeasurement(400, 1.0, 1.0),
    )
    pupil = lesson(Result(Status.REACHED, 2400.0, 1.0, epochs=5, profile=profile))
    # 480 J an epoch, at the best limit, where the piece of work that was measured took 240 J; 400 W is not on offer.
    assert pupil.profiles == [(64, [LimitMeasurement(300, 2.0, 300.0), LimitMeasurement(100, 6.0, 80.0)])]
    untold = lesson(Result(Status.REACHED, 2400.0, 1.0, profile=profile))
    assert untold.profiles == [(64, [LimitMeasurement(300, 1.0, 300.0), LimitMeasurement(100, 3.0, 80.0)])]


def test_a_policy_that_raises_is_one_clear_line() -> None:
    pupil = Pupil()
    pupil.observe_run = lambda _: 1 / 0
    with pytest.raises(PolicyError, match="policy zeus raised ZeroDivisionError"):
        teach(JOB, PolicyPair(pupil, pupil), run_of(), Result(Status.REACHED, 1.0, 1.0), None)


def test_a_policy_in_epochs_takes_a_run_stopped_in_its_first_as_one_that_could_not_start() -> None:
    job = a_job(policy="knowledge-gradient")
    policies = job.policies()
    policies.batch_size.choose_batch_size()
    teach(job, policies, run_of(128), Result(Status.REACHED, 30.0, 1.0, epochs=3), None)
    teach(job, policies, run_of(32), Result(Status.MISSED, 90.0, 1.0, stopped=True), 30.0)
    assert policies.batch_size.state()["dropped"] == {"32": 1}
