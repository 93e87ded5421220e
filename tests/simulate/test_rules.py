import math

from hypothesis import given
from hypothesis import strategies as st

from elastance.simulate import NormalRules, PublishedRules

costs = st.floats(1.0, 1e6)


@given(costs, costs, costs, st.integers(1, 100))
def test_a_run_stays_below_the_threshold(
    threshold: float, epoch: float, profiling: float, max_epochs: int
) -> None:
    rules = NormalRules()
    plain = rules.epoch_cap(threshold, epoch, None, max_epochs)
    assert plain <= max_epochs
    assert plain * epoch <= threshold * (1 + 1e-12)
    assert plain == max_epochs or (plain + 1) * epoch > threshold * (1 - 1e-12)
    profiled = rules.epoch_cap(threshold, epoch, profiling, max_epochs)
    assert profiled <= max_epochs
    assert profiled == 0 or profiling + (profiled - 1) * epoch <= threshold * (1 + 1e-12)
    assert (profiled == 0) == (profiling > threshold)


def test_the_published_cap_ignores_the_profiling_epoch() -> None:
    assert PublishedRules().epoch_cap(100.0, 30.0, 95.0, 50) == 3
    assert NormalRules().epoch_cap(100.0, 30.0, 95.0, 50) == 1


def test_no_threshold_no_stop() -> None:
    for rules in (NormalRules(), PublishedRules()):
        assert rules.epoch_cap(math.inf, 30.0, 95.0, 50) == 50


def test_streams_are_independent_in_normal_mode_only() -> None:
    world, policy = NormalRules().generators(7)
    assert world.random(5).tolist() != policy.random(5).tolist()
    world, policy = PublishedRules().generators(7)
    assert world.random(5).tolist() == policy.random(5).tolist()
