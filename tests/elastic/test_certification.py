from elastance.elastic.certification import Certificate, Difference, RunOutcome, StepRecord, first_difference


def record(step: int, **tensors: str) -> StepRecord:
    return StepRecord(step, 0.1, 100, 0, tensors)


DDP = [record(1, a="x", b="y"), record(2, a="p", b="q")]


def test_equal_runs_do_not_differ():
    assert first_difference(DDP, [DDP, DDP]) is None


def test_the_first_step_and_tensor_that_differ_are_named():
    late = [DDP[0], record(2, a="p", b="Q")]
    early = [record(1, a="X", b="Y"), DDP[1]]
    assert first_difference(DDP, [DDP, late]) == Difference(1, 1, "b")
    assert first_difference(DDP, [late, early]) == Difference(1, 0, "a")


def test_missing_tensors_and_steps_are_differences():
    assert first_difference(DDP, [[record(1, a="x"), DDP[1]]]) == Difference(0, 0, "b")
    assert first_difference(DDP, [[record(1, a="x", b="y", c="z"), DDP[1]]]) == Difference(0, 0, "c")
    assert first_difference(DDP, [DDP[:1]]) == Difference(0, 1, "(one of them ends here)")


def test_one_run_that_differs_is_enough():
    run = RunOutcome("2x1", 2, 0.1, 100, 8.0)
    broken = RunOutcome("1x2", 2, 0.1, 100, 0.0, Difference(0, 1, "b"))
    certificate = Certificate(("python", "train.py"), 2, "D1", run, (run,), {})
    assert certificate.equal
    certificate = Certificate(("python", "train.py"), 2, "D1", run, (run, broken), {})
    assert not certificate.equal
    document = certificate.to_json()
    assert document["equal"] is False
    assert [one["equal"] for one in document["runs"]] == [True, False]
    assert document["runs"][1]["difference"] == {"executor": 0, "step": 1, "tensor": "b"}
