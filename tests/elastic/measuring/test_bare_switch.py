import random

import pytest

pytest.importorskip("torch")

from elastance.elastic.measuring.bare_switch import bare_switch_s
from elastance.elastic.measuring.task import Model, Size


def test_switching_takes_a_moment_and_leaves_random_numbers_alone():
    before = random.getstate()
    assert 0 < bare_switch_s(Model.IMAGE_NET, Size.TINY, workers=2) < 1.0
    assert random.getstate() == before
