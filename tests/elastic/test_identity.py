import pytest

pytest.importorskip("torch")

import torch

from elastance.elastic.data_order import DataOrder
from elastance.elastic.identity import UNLIKE_EXECUTORS, explain_difference, identity_of
from elastance.elastic.levels import Level


def identity(instructions: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The identity of a small job on a processor with these vector instructions."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: instructions)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    return identity_of(model, optimizer, {}, DataOrder(8, 2, 2), Level.D1, 0, 0, None, "samples")


def test_unlike_executors_are_told_apart_unless_that_is_to_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = identity("AVX512", monkeypatch), identity("AVX2", monkeypatch)
    assert explain_difference(one, one) is None
    assert "instructions" in str(explain_difference(one, other))
    monkeypatch.setenv(UNLIKE_EXECUTORS, "1")
    one, other = identity("AVX512", monkeypatch), identity("AVX2", monkeypatch)
    assert explain_difference(one, other) is None
