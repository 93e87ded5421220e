import math

import pytest

from elastance.elastic.measuring.blocks import Block, summarized
from elastance.elastic.measuring.ratios import Ratio, averaged, estimated, ratio
from elastance.elastic.measuring.task import Model, StepTiming


def block(name: str, repeat: int, step_s: float) -> Block:
    return Block(Model.IMAGE_NET, name, repeat, step_s, step_s, (step_s,))


def test_repeats_are_compared_one_by_one_and_nothing_is_clamped():
    # The machine was three times as slow in the second repeat: the ratio does not know.
    blocks = [block("a", 0, 0.9), block("b", 0, 1.0), block("b", 1, 3.0), block("a", 1, 2.7)]
    found = ratio(blocks, "a", "b", lambda of: of.step_s)
    assert found.mean == pytest.approx(0.9)
    assert found.median == pytest.approx(0.9)
    assert found.half_width == pytest.approx(0.0, abs=1e-12)


def test_the_interval_is_that_of_student():
    found = estimated([1.0, 2.0, 3.0])
    assert found.mean == found.median == 2.0
    assert found.half_width == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert estimated([1.0]).half_width == math.inf


def test_a_block_has_the_slowest_process_and_the_processors_of_all():
    quick = [StepTiming(1.0, 0.5, (0.2, 0.8)), StepTiming(3.0, 0.7, (0.4, 2.6))]
    slow = [StepTiming(2.0, 1.5, (2.0,)), StepTiming(2.5, 1.5, (2.5,))]
    of = summarized(Model.IMAGE_NET, "a", 4, [quick, slow])
    assert (of.step_s, of.repeat) == (2.5, 4)
    assert of.cpu_s == pytest.approx(2.1)
    assert of.micro_batches_s == pytest.approx((0.3, 1.7))


def test_a_limit_is_decided_from_one_side_of_the_interval_or_by_a_narrow_one():
    far, wide, narrow = Ratio(0.7, 0.7, 0.2), Ratio(1.0, 1.0, 0.2), Ratio(1.02, 1.02, 0.02)
    assert far.decides(1.03, 0.03)
    assert Ratio(1.4, 1.4, 0.2).decides(1.03, 0.03)
    assert not wide.decides(1.03, 0.03)
    assert narrow.decides(1.03, 0.03)


def test_independent_ratios_average_to_a_narrower_interval():
    found = averaged([Ratio(1.0, 1.1, 0.3), Ratio(1.2, 1.1, 0.4)])
    assert (found.mean, found.median, found.half_width) == pytest.approx((1.1, 1.1, 0.25))
