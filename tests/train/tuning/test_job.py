"""Jobs, their targets, and the values in a command."""

import math

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.errors import InputError
from elastance.train.tuning.job import TuningJob
from elastance.train.tuning.placeholders import command_for
from elastance.train.tuning.results import Dispatch
from elastance.train.tuning.target import Target
from made_up_tuning import a_job


def test_targets() -> None:
    rising, falling = Target.parse("acc >= 0.84"), Target.parse("val_loss<=1.5")
    assert (rising.reached(0.84), rising.reached(0.83)) == (True, False)
    assert (falling.reached(1.5), falling.reached(1.6)) == (True, False)
    assert str(rising) == "acc>=0.84"
    for text in ("acc", "acc>0.84", "acc==1", ">=0.84", "acc>=nan", "acc>=inf", "acc>=84%"):
        with pytest.raises(InputError, match="expected a metric and a bound"):
            Target.parse(text)


def test_a_command_is_completed() -> None:
    job = a_job(learning_rate=0.1, seed=7)
    run = Dispatch("id", 3, 2, 3, 32, None, None)
    command = ["train", "--x={bs}", "{lr}", "{seed}", "{slice_number}", "{epochs}", "{target_metric}", "{{}}"]
    assert command_for(job, command, run) == ["train", "--x=32", "0.05", "10", "3", "10", "0.9", "{}"]


def test_a_job_outlives_its_process() -> None:
    job = a_job(beta=math.inf, learning_rate=0.1, optimizer="adamw", learning_rate_rule="auto")
    assert TuningJob.from_json(job.to_json()) == job
    # A job of an earlier version knows no optimizer.
    assert (
        TuningJob.from_json({key: of for key, of in a_job().to_json().items() if key != "optimizer"})
        == a_job()
    )


def test_there_is_one_rule_for_learning_rates() -> None:
    assert a_job(learning_rate=0.1).scaled_learning_rate(32) == pytest.approx(0.05)
    by_optimizer = a_job(learning_rate=0.1, optimizer="sgd", learning_rate_rule="auto")
    assert by_optimizer.scaled_learning_rate(32) == pytest.approx(0.025)
    assert a_job().scaled_learning_rate(32) is None


@pytest.mark.parametrize(("change", "said"), [
    ({"name": "my job"}, "job name 'my job'"),
    ({"name": ""}, "job name"),
    ({"learning_rate": math.nan}, "learning rate nan"),
    ({"seed": -1}, "seed -1 is negative"),
    ({"max_power_w": math.nan}, "largest power nan W"),
    ({"default_batch_size": 48}, "default batch size 48 is not on offer"),
    ({"window_size": 1}, "window size 1"),
])  # fmt: skip
def test_a_job_that_makes_no_sense(change: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        a_job(**change)


class Forgetful:
    """A policy that cannot be saved."""

    def __init__(self, _problem: object, _rng: object) -> None:
        pass

    def choose_batch_size(self) -> int:
        return 32

    def observe_run(self, _outcome: object) -> None:
        pass


def test_a_policy_has_to_outlive_its_process(monkeypatch) -> None:
    import sys
    import types

    module = types.ModuleType("forgetful")
    module.Forgetful = Forgetful
    monkeypatch.setitem(sys.modules, "forgetful", module)
    with pytest.raises(InputError, match=r"no state\(\) and restore\(\)"):
        a_job(policy="forgetful:Forgetful").policies()
