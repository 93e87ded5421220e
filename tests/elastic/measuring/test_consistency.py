from dataclasses import replace

import pytest

pytest.importorskip("torch")

from elastance.elastic.measuring import consistency
from elastance.elastic.measuring.consistency import VARIANTS, Step, joined, trajectory
from elastance.elastic.measuring.task import Size


def test_executors_must_agree_and_the_last_workers_host_tells_its_loss():
    first, second = Step(None, "", "same"), Step(0.5, "random", "same")
    assert joined([first, second], 2) == Step(0.5, "random", "same")
    other = replace(first, state="other")
    assert joined([other, second], 2).state == "other same"
    assert joined([other, second], 1).state == "other"


@pytest.mark.slow
def test_d1_goes_on_as_ddp_where_d0_does_not(monkeypatch: pytest.MonkeyPatch):
    # Two stages of like executors; unlike ones are for the figure.
    ddp, d0, d1 = VARIANTS[:3]
    monkeypatch.setattr(consistency, "STAGES", (("4x1", ("cpu",) * 4), ("1x4", ("cpu",))))
    expected = trajectory(ddp, 4, size=Size.TINY)
    assert trajectory(d1, 4, size=Size.TINY) == expected
    broken = trajectory(d0, 4, size=Size.TINY)
    assert broken[:4] == expected[:4]
    assert broken[4].state != expected[4].state
