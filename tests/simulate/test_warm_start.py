import pytest

from elastance.errors import InputError
from elastance.simulate import simulate_recurring
from elastance.simulate.histories import Task, simulate_history, simulate_seeds
from made_up import make_facts, make_problem

EPOCHS = {8: (7, 8), 16: (6, 7), 32: (12, 13), 64: (16, 17), 128: (None, None)}


def task(earlier: Task | None = None, recurrences: int = 20) -> Task:
    facts = make_facts(EPOCHS)
    return Task(facts, make_problem(facts), recurrences, earlier=earlier)


def test_what_was_learned_elsewhere_is_used_and_not_counted() -> None:
    warm = simulate_history(task(task(recurrences=40)), "knowledge-gradient", 1)
    cold = simulate_history(task(), "knowledge-gradient", 1)
    assert (warm.records[0].batch_size, warm.records[0].profiled) == (16, True)
    assert cold.records[0].batch_size == 32
    assert {record.recurrence for record in warm.records} == set(range(20))
    assert warm.notes == (
        "began with what it learned in 40 recurrences on the other GPU, which do not count",
    )
    assert cold.notes == ()


def test_a_policy_that_cannot_carry_knowledge_says_so_and_is_left_alone() -> None:
    warm, cold = (simulate_history(of, "zeus", 1) for of in (task(task()), task()))
    assert warm.records == cold.records
    assert warm.notes == ("began without a warm start: it cannot carry knowledge from one GPU to another",)
    assert simulate_seeds(task(task()), "zeus", range(1, 9))[0] == warm


def test_sizes_on_offer_may_differ() -> None:
    facts = make_facts({size: EPOCHS[size] for size in (16, 32, 64)})
    earlier = Task(facts, make_problem(facts), 40)
    later = make_facts({size: EPOCHS[size] for size in (8, 32, 128)})
    now = Task(later, make_problem(later), 20, earlier=earlier)
    assert {r.batch_size for r in simulate_history(now, "knowledge-gradient", 1).records} <= {8, 32, 128}


def test_by_the_name_of_a_gpu() -> None:
    comparison = simulate_recurring(
        "librispeech",
        "a40",
        policies=["knowledge-gradient", "oracle"],
        recurrences=15,
        warm_start_from="V100",
    )
    assert comparison.to_json()["warm_start_from"] == "v100"
    (note,) = comparison["knowledge-gradient"].notes
    assert "recurrences on the other GPU" in note
    records = comparison["knowledge-gradient"].histories[0].records
    assert records[0].batch_size != comparison.task.problem.job.default_batch_size


def test_it_does_not_go_with_the_replay_of_the_published_simulator() -> None:
    with pytest.raises(InputError, match="goes neither with --compat nor with --drift"):
        simulate_recurring(warm_start_from="a40", compat=True)


def test_the_other_gpu_has_to_be_known() -> None:
    with pytest.raises(InputError, match="v10"):
        simulate_recurring(warm_start_from="v10")
