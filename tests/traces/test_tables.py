from dataclasses import replace

import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.job import Job
from elastance.traces import PowerTrace, TrainTrace, join

JOB = Job("squad", "bert", "adamw", 84.0, 6, 32)


def train(*rows: tuple[str, str, str, int, float, int | None]) -> TrainTrace:
    return TrainTrace("train.csv", *zip(*rows, strict=True))


def power(*rows: tuple[str, str, str, int, int, float, float]) -> PowerTrace:
    return PowerTrace("power.csv", *zip(*rows, strict=True))


TRAIN_ROWS = train(
    ("squad", "bert", "adamw", 32, 84.0, 4),
    ("squad", "bert", "adamw", 32, 85.0, None),
    ("squad", "bert", "adamw", 32, 84.0, 5),
    ("squad", "bert", "adamw", 8, 84.0, None),
    ("squad", "bert", "adamw", 512, 84.0, 4),
)
POWER_ROWS = power(
    ("squad", "bert", "adamw", 32, 100, 20.0, 90.0),
    ("squad", "bert", "adamw", 32, 200, 10.0, 150.0),
    ("squad", "bert", "adamw", 8, 100, 40.0, 80.0),
    ("squad", "bert", "adamw", 4, 400, 40.0, 80.0),
    ("squad", "bert", "sgd", 32, 500, 40.0, 80.0),
)


def test_sizes_on_offer_are_those_in_both_traces() -> None:
    facts = join(TRAIN_ROWS, POWER_ROWS, JOB)
    assert list(facts.sizes) == [8, 32]
    assert facts.sizes[32].paths == (4, 5)
    assert facts.sizes[32].epoch_at == {100: (20.0, 1800.0), 200: (10.0, 1500.0)}
    assert facts.sizes[32].profiling_epoch == (15.0, 1650.0)
    assert facts.power_limits_w == {8: (100,), 32: (100, 200)}
    assert facts.default_recurrences == 2 * 2 * 2


def test_the_largest_limit_is_taken_after_the_join() -> None:
    assert join(TRAIN_ROWS, POWER_ROWS, JOB).max_power_w == 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "squat"}, "unknown dataset 'squat': did you mean squad"),
        ({"network": "brt"}, "unknown network of squad 'brt': did you mean bert"),
        ({"optimizer": "adam"}, "unknown optimizer of squad/bert 'adam': did you mean adamw"),
        ({"optimizer": "sgd"}, "no batch size on offer for squad/bert/sgd: train.csv has no rows"),
        ({"target_metric": 84.5}, "target metric 84.5 is not in train.csv .* there are 84, 85"),
        ({"target_metric": 85.0}, "train.csv has no run of batch size 8 at target metric 85"),
    ],
)
def test_a_job_the_traces_do_not_know(changes: dict[str, object], message: str) -> None:
    with pytest.raises((UnknownNameError, InputError), match=message):
        join(TRAIN_ROWS, POWER_ROWS, replace(JOB, **changes))


def test_traces_without_a_common_size() -> None:
    with pytest.raises(InputError, match="share no batch size"):
        join(TRAIN_ROWS, power(("squad", "bert", "adamw", 4, 400, 40.0, 80.0)), JOB)
