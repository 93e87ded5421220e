"""Which crashes are worth another try."""

from elastance.elastic.launching.restarts import Crash, reason_to_give_up
from elastance.train.launching import RankFailure


def raised(step: int | None) -> Crash:
    return Crash(RankFailure(1, 1, None, "ValueError: no"), step)


def killed(step: int | None) -> Crash:
    return Crash(RankFailure(0, 137, "SIGKILL", "on my way"), step)


def test_a_killed_process_may_live_next_time_wherever_it_was() -> None:
    assert reason_to_give_up([killed(None)], 3) is None
    assert reason_to_give_up([killed(4), killed(4), killed(4)], 3) is None


def test_but_not_for_ever() -> None:
    crashes = [killed(4)] * 4
    assert reason_to_give_up(crashes, 3) == "it was restarted 3 times (--max-restarts)"
    assert reason_to_give_up([killed(4)], 0) is not None


def test_a_script_that_fails_is_tried_again_once_per_step() -> None:
    assert reason_to_give_up([raised(4)], 3) is None
    assert reason_to_give_up([raised(4), raised(5)], 3) is None
    assert reason_to_give_up([raised(4), killed(4), raised(4)], 3) == "the script fails at this step again"
    assert reason_to_give_up([killed(4), raised(4)], 3) is None


def test_a_script_that_never_trained_is_not() -> None:
    assert reason_to_give_up([raised(None)], 3) == "the script fails before it trains"


def test_a_crash_is_told_in_one_line() -> None:
    assert raised(7).describes == "executor 1 ended with exit status 1 after global step 7: ValueError: no"
    assert killed(None).describes == "executor 0 was killed by SIGKILL before the first step"
