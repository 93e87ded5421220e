import math

import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.job import Job, scale_learning_rate

JOB = Job("cifar100", "shufflenetv2", "adadelta", 0.6, 100, 1024)


def test_equal_jobs_are_one_key() -> None:
    assert len({JOB, Job("cifar100", "shufflenetv2", "adadelta", 0.6, 100, 1024)}) == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("target_metric", math.nan, "nan"), ("max_epochs", 0, "0"), ("default_batch_size", -1, "-1")],
)
def test_numbers_out_of_range_are_named(field: str, value: float, message: str) -> None:
    values = {"target_metric": 0.6, "max_epochs": 100, "default_batch_size": 1024} | {field: value}
    with pytest.raises(InputError, match=message):
        Job("cifar100", "shufflenetv2", "adadelta", **values)


@pytest.mark.parametrize(
    ("optimizer", "scaled"), [("AdamW", 0.2), ("adam", 0.2), ("Adadelta", 0.2), ("SGD", 0.4)]
)
def test_learning_rate_rules(optimizer: str, scaled: float) -> None:
    assert scale_learning_rate(optimizer, 0.1, default_batch_size=32, batch_size=128) == pytest.approx(scaled)


def test_an_optimizer_without_rule_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="adadelta, adam, adamw, sgd"):
        scale_learning_rate("lion", 0.1, default_batch_size=32, batch_size=64)
