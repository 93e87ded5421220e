from elastance.elastic.certificate import Difference
from elastance.elastic.comparison import StepRecord, differing_by_step, first_difference, outcome, ring_bytes
from elastance.elastic.trial import Trial


def record(step: int, time_s: float = 0.1, memory: int = 100, sent: int = 0, **tensors: str) -> StepRecord:
    return StepRecord(step, time_s, 2 * time_s, memory, 0, sent, tensors)


DDP = [record(1, a="x", b="y"), record(2, a="p", b="q")]


def test_equal_runs_do_not_differ():
    assert first_difference(DDP, [DDP, DDP]) is None
    assert differing_by_step(DDP, [DDP, DDP]) == (0, 0)


def test_the_first_step_and_tensor_that_differ_are_named():
    late = [DDP[0], record(2, a="p", b="Q")]
    early = [record(1, a="X", b="Y"), DDP[1]]
    assert first_difference(DDP, [DDP, late]) == Difference(1, 1, "b")
    assert first_difference(DDP, [late, early]) == Difference(1, 0, "a")
    assert differing_by_step(DDP, [late, early]) == (2, 1)


def test_missing_tensors_and_steps_are_differences():
    assert first_difference(DDP, [[record(1, a="x"), DDP[1]]]) == Difference(0, 0, "b")
    assert first_difference(DDP, [[record(1, a="x", b="y", c="z"), DDP[1]]]) == Difference(0, 0, "c")
    assert first_difference(DDP, [DDP[:1]]) == Difference(0, 1, "(one of them ends here)")


def test_a_run_is_summed_up_by_its_slowest_process_and_all_together():
    slow = [record(step, 0.1 * step, memory=300, sent=10 * step) for step in range(1, 8)]
    fast = [record(step, 0.05, memory=100, sent=30 * step) for step in range(1, 8)]
    run = outcome(Trial("", "2x2", "D1", 7), [slow, fast], 40, slow)
    assert run.step_time_s.median == 0.5  # of steps 3 to 7: the first two warm up
    assert run.step_time_s.low == 0.4
    assert run.cpu_time_s.median == 1.1
    assert (run.peak_memory_bytes, run.total_memory_bytes) == (300, 400)
    assert run.sent_bytes_per_step == 40
    assert run.device_memory_bytes is None


def test_what_a_ring_sends_is_calculated():
    assert ring_bytes(1, 40) == 0
    assert ring_bytes(4, 40) == 240
    assert outcome(Trial("", "4x1", "D1", 1, reference=True), [DDP] * 4, 40).sent_bytes_per_step == 240
    assert outcome(Trial("", "2x2", "none", 1), [DDP] * 2, 40, DDP).sent_bytes_per_step == 80
