import pytest

from elastance.scheduling import Fifo, FifoBackfill, PlanBook, Srtf, Tiresias, YarnCs, gang_plan
from made_up_cluster import make_job, make_state

SHAPE = (4, 2, 2)


def gang(workers: int, preferred: int = 0):
    return gang_plan(make_job("any", workers=workers).demand, preferred)


def test_a_gang_has_a_gpu_per_logical_worker() -> None:
    plan = gang(3, 1)
    assert (plan.gpus, plan.workers, plan.step_s) == ((0, 3, 0), (0, 3, 0), 1.5)


def test_who_runs() -> None:
    jobs = [
        make_job("a", workers=3),
        make_job("b", workers=3),
        make_job("c", workers=1),
        make_job("d", preferred=1, workers=2),
    ]
    state = make_state(jobs, SHAPE)
    assert set(YarnCs().allocate(state)) == {"a"}
    assert set(Fifo().allocate(state)) == {"a"}
    assert set(FifoBackfill().allocate(state)) == {"a", "c", "d"}


def test_backfill_never_takes_from_a_running_job() -> None:
    jobs = [make_job("a", workers=3), make_job("b", workers=3, plan=gang(3))]
    assert set(FifoBackfill().allocate(make_state(jobs, SHAPE))) == {"b"}


def test_shortest_remaining_time_preempts() -> None:
    jobs = [make_job("long", workers=4, steps=100, plan=gang(4)), make_job("short", workers=4, steps=9)]
    assert set(Srtf().allocate(make_state(jobs, SHAPE))) == {"short"}


@pytest.mark.parametrize(("attained_gpu_s", "first"), [(3599.0, "old"), (3600.0, "new")])
def test_tiresias_prefers_who_had_little(attained_gpu_s: float, first: str) -> None:
    jobs = [
        make_job("old", workers=4, plan=gang(4), attained_gpu_s=attained_gpu_s),
        make_job("new", workers=4, submitted_s=5),
    ]
    assert set(Tiresias().allocate(make_state(jobs, SHAPE))) == {first}


def test_the_book_is_of_the_cluster() -> None:
    assert make_state([], SHAPE).shape == PlanBook(SHAPE).shape == SHAPE
