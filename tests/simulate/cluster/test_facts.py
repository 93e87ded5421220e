import pytest

from elastance.catalog import D2_FACTORS, Determinism
from elastance.errors import InputError, UnknownNameError
from elastance.simulate.cluster.facts import facts_of
from elastance.traces import ClusterJob, builtin_step_times, read_application_profiles
from made_up_cluster import write_profile

TIMES = builtin_step_times()


def job(application: str, batch_size: int = 8) -> ClusterJob:
    return ClusterJob("a", 0.0, application, 4, batch_size, 1e4, True, "v100")


def test_step_times_of_attention_hold_d2() -> None:
    held, at_d1, at_d2 = facts_of(TIMES, ()).demands(job("swintransformer", 32), ("v100", "t4"))
    assert at_d1 is not None
    assert at_d2 is held
    assert held.step_s[0] / at_d1.step_s[0] == pytest.approx(D2_FACTORS["swintransformer"]["v100"])
    assert (at_d1.determinism, held.determinism) == (Determinism.D1, Determinism.D2)
    assert held.responses == ()


def test_step_times_of_convolutions_hold_d1() -> None:
    held, at_d1, at_d2 = facts_of(TIMES, ()).demands(job("resnet50", 64), ("v100", "t4"))
    assert at_d2 is not None
    assert at_d1 is held
    assert at_d2.step_s[0] / held.step_s[0] == pytest.approx(0.5860 / 0.2688)


def test_a_profile_goes_first_and_says_so(tmp_path) -> None:
    profiles = read_application_profiles([f"bert={write_profile(tmp_path / 'out')}"])
    facts = facts_of(TIMES, profiles)
    _, at_d1, at_d2 = facts.demands(job("bert"), ("v100", "t4"))
    assert at_d1 is not None
    assert at_d2 is not None
    assert at_d1.step_s[0] == pytest.approx(0.4)
    assert at_d2.step_s[0] == pytest.approx(0.4 * D2_FACTORS["bert"]["v100"])
    assert at_d2.step_s[1] == TIMES.step_s("bert", 8, "t4")
    recorded, assumed = at_d1.responses
    assert recorded is not None
    assert recorded.drawn_w == (pytest.approx(200.0), pytest.approx(140.0))
    assert recorded.slowdown == (1.0, pytest.approx(1.25))
    assert assumed is None
    of_v100, of_t4 = facts.describe([job("bert")], ("v100", "t4"))
    assert (of_v100["step_time"], of_v100["power"], of_v100["limits"]) == ("recorded", "recorded", "recorded")
    assert (of_t4["step_time"], of_t4["power"], of_t4["limits"]) == ("model", "assumed", "model")


def test_an_application_that_is_known_from_its_profile_alone(tmp_path) -> None:
    facts = facts_of(TIMES, read_application_profiles([f"mine={write_profile(tmp_path / 'out')}"]))
    held, at_d1, at_d2 = facts.demands(job("mine"), ("v100",))
    assert (held.determinism, at_d1, at_d2) == (None, None, None)
    with pytest.raises(InputError, match="mine has a profile on v100 and no step times on t4"):
        facts.demands(job("mine"), ("v100", "t4"))
    with pytest.raises(UnknownNameError, match="other"):
        facts.demands(job("other"), ("v100",))
