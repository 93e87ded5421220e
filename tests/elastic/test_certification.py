"""What certifying does when runs differ or do not repeat themselves; the runs themselves are made up."""

from pathlib import Path

import numpy as np
import pytest

from elastance.elastic import Level, Placement, certification
from elastance.elastic.certification import certify
from elastance.elastic.comparison import StepRecord
from elastance.elastic.operators import Operator
from elastance.elastic.trial import Trial
from elastance.elastic.trial_processes import TrialRun
from elastance.errors import InputError

PLACEMENTS = [Placement.parse("1x2"), Placement.parse("2x1")]


class Machine:
    """Stands in for processes: executor e's tensor after step s is `value(trial, run, e, s)`."""

    def __init__(self, value) -> None:
        self.value = value
        self.trials: list[Trial] = []

    def __call__(self, command, trial: Trial, threads, device_types, look) -> TrialRun:
        run = len(self.trials)
        self.trials.append(trial)
        look(trial.steps)
        executors = Placement.parse(trial.placement).executors
        values = [[self.value(trial, run, e, s) for s in range(trial.steps)] for e in range(executors)]
        records = [
            [StepRecord(s + 1, 0.1, 0.2, 100, 0, 8 * s, {"w": str(value)}) for s, value in enumerate(row)]
            for row in values
        ]
        kept = {
            (e, number): np.array([0.0, row[step]])
            for e, row in enumerate(values)
            for number, (step, _) in enumerate(trial.keep)
            if step < trial.steps
        }
        scanned = None if trial.scan_step is None else [Operator("aten.addmm.default", 2)]
        return TrialRun(records, {"gradient_bytes": 40, "threads": 1}, scanned, kept)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    def certify_on(machine: Machine, **options):
        monkeypatch.setattr(certification, "run_trial", machine)
        return certify(["train"], PLACEMENTS, options.pop("level", Level.D1), 10, **options)

    return certify_on


def test_equal_runs_take_ddp_once_and_its_first_steps_again(run):
    machine = Machine(lambda trial, run, executor, step: float(step))
    certificate = run(machine)
    assert certificate.equal
    assert [(t.placement, t.steps, t.reference) for t in machine.trials] == [
        ("2x1", 10, True),
        ("2x1", 4, True),
        ("1x2", 10, False),
        ("2x1", 10, False),
    ]
    assert machine.trials[1].scan_step == 3
    assert certificate.operators is not None
    assert certificate.operators.uses[0].calls == 2
    assert certificate.prices == ()


def test_by_how_much_runs_differ_is_found_by_running_up_to_there_again(run):
    def value(trial: Trial, run: int, executor: int, step: int) -> float:
        return step + (
            0.25 if trial.placement == "2x1" and not trial.reference and step >= 6 and executor else 0
        )

    machine = Machine(value)
    certificate = run(machine)
    assert not certificate.equal
    assert [run.equal for run in certificate.runs] == [True, False]
    difference = certificate.runs[1].difference
    assert difference is not None
    assert (difference.executor, difference.step, difference.tensor) == (1, 6, "w")
    assert (difference.largest, difference.elements, difference.of_elements) == (0.25, 1, 2)
    assert certificate.runs[1].differing == (0,) * 6 + (1,) * 4
    again = machine.trials[4:]
    assert [(t.placement, t.steps, t.reference) for t in again] == [("2x1", 7, True), ("2x1", 7, False)]


@pytest.mark.parametrize("since", [0, 2])
def test_a_script_that_does_not_repeat_itself_is_refused_at_once(run, since: int):
    machine = Machine(lambda trial, run, executor, step: step + (run if step >= since else 0))
    with pytest.raises(
        InputError, match=f"DDP run twice differs after step {since} in w; seed what it draws"
    ):
        run(machine)
    assert len(machine.trials) == 2


def test_one_that_stops_repeating_itself_later_is_refused_once_bits_differ(run):
    machine = Machine(lambda trial, run, executor, step: step + (run if step >= 5 else 0))
    with pytest.raises(InputError, match="DDP run twice differs after step 5 in w"):
        run(machine)


def test_levels_are_priced_beside_stock_ddp_and_d2_beside_ddp_with_its_kernels(run):
    def value(trial: Trial, run: int, executor: int, step: int) -> float:
        return step + (trial.level == "none") + 100 * (trial.level == "D2")

    certificate = run(Machine(value), levels=[Level.NONE, Level.D1, Level.D2])
    assert [(one.label, one.placement, one.equal) for one in certificate.prices] == [
        ("stock DDP", "2x1", None),
        ("none", "1x2", False),
        ("D1", "1x2", True),
        ("DDP with D2's kernels", "2x1", None),
        ("D2", "1x2", True),
    ]
    assert certificate.equal
    document = certificate.to_json()
    assert document["prices"][2]["relative_to_stock_ddp"]["total_memory"] == 0.5
    assert document["prices"][0]["sent_bytes_per_step"] == 80
    assert document["prices"][1]["sent_bytes_per_step"] == 0


def test_a_script_that_is_not_there_is_refused_before_anything_runs(tmp_path: Path):
    with pytest.raises(InputError, match="train.py: there is no such script"):
        certify(["python", "-u", str(tmp_path / "train.py")], PLACEMENTS, Level.D1, 1)
