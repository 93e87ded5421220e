import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.train import learning_rate_for

BASE = {"default_batch_size": 256, "default_learning_rate": 0.001}


class AdamW:
    """What PyTorch's is called."""


@pytest.mark.parametrize(
    ("rule", "optimizer", "factor"),
    [
        ("linear", None, 4.0),
        ("sqrt", None, 2.0),
        ("none", None, 1.0),
        ("auto", "SGD", 4.0),
        ("auto", "adadelta", 2.0),
        ("auto", AdamW, 2.0),
        ("auto", AdamW(), 2.0),
    ],
)
def test_rules(rule: str, optimizer: object, factor: float) -> None:
    rate = learning_rate_for(1024, rule=rule, optimizer=optimizer, **BASE)
    assert rate == pytest.approx(0.001 * factor)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="one of linear, sqrt, none, auto"):
        learning_rate_for(1024, rule="cubic", **BASE)
    with pytest.raises(InputError, match="needs the optimizer"):
        learning_rate_for(1024, **BASE)
    with pytest.raises(UnknownNameError, match="Muon"):
        learning_rate_for(1024, optimizer="Muon", **BASE)
    with pytest.raises(InputError, match="at least 1 sample"):
        learning_rate_for(0, rule="none", **BASE)
    with pytest.raises(InputError, match="positive"):
        learning_rate_for(1, rule="none", default_batch_size=1, default_learning_rate=0.0)
