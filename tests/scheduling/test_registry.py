import pytest

from elastance.errors import PolicyError, UnknownNameError
from elastance.scheduling import Scheduler, build_scheduler, find_scheduler, registered_schedulers


def test_every_registered_scheduler_can_be_built() -> None:
    for info in registered_schedulers():
        scheduler = build_scheduler(info)
        assert isinstance(scheduler, Scheduler)
        scheduler.restore(scheduler.state())
        assert info.summary


def test_names_that_are_none() -> None:
    with pytest.raises(UnknownNameError, match="did you mean fifo"):
        find_scheduler("fifos")
    for name, message in (
        ("no_such_module:Fifo", "importing no_such_module"),
        ("elastance.scheduling:Fifth", "has no 'Fifth'"),
        ("elastance.scheduling:best_plan", "not a scheduler class"),
    ):
        with pytest.raises(PolicyError, match=message):
            find_scheduler(name)


def test_a_class_of_ones_own() -> None:
    assert isinstance(build_scheduler(find_scheduler("elastance.scheduling:Fifo")), Scheduler)
