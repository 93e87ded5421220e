"""Recurrences of small shell scripts: what is tried again, what is learned, and what is refused."""

import math
import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.devices import find_devices
from elastance.errors import CommandMissingError, ConvergenceError, InputError
from elastance.train.tuning.recurrence import run_recurrence
from elastance.train.tuning.results import Status
from elastance.train.tuning.run import Pace
from elastance.train.tuning.store import TuningStore
from made_up_tuning import SCRIPT, a_job


@pytest.fixture
def store(sqlite: str):
    store = TuningStore(sqlite)
    yield store
    store.close()


def recur(store: TuningStore, script: str, directory: Path, **options):
    """One recurrence of a shell script that is told the batch size as $1, in a directory of its own."""
    (directory / "script").write_text(f"cd {directory}\n{SCRIPT}\n{script}\n")
    command = ["sh", str(directory / "script"), "{batch_size}", "{seed}"]
    never_looking = Pace(poll_s=600.0)  # at the cost: stopping is tested with the watch
    return run_recurrence(store, "nightly", command, find_devices("sim:v100"), pace=never_looking, **options)


def told(store: TuningStore) -> list[tuple[int, str]]:
    return [(run["batch_size"], run["status"]) for run in store.history("nightly")]


def test_a_recurrence_goes_on_until_a_run_reaches_the_target(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job(beta=float("inf")))  # default 128
    assert recur(store, "say 0.95 3", tmp_path).result.status is Status.REACHED
    made = recur(store, "if [ $1 = 64 ]; then say 0.5 10; else say 0.95 3; fi", tmp_path)
    assert told(store) == [(128, "reached"), (64, "missed"), (256, "reached")]
    assert (made.dispatch.recurrence, made.dispatch.number) == (1, 2)
    first, missed, last = store.history("nightly")
    assert first["recurrence_cost_j"] == first["cost_j"]
    # One meaning of the least cost: all tries of a recurrence (recurring-jobs 12, 17).
    assert last["recurrence_cost_j"] == pytest.approx(missed["cost_j"] + last["cost_j"])
    assert missed["recurrence_cost_j"] is None


def test_the_default_has_to_be_able_to_reach_the_target(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job())
    with pytest.raises(
        ConvergenceError, match=r"batch size 128, the default, ended without reaching acc>=0.9"
    ):
        recur(store, "say 0.5 10", tmp_path)
    assert told(store) == [(128, "missed")]
    # Nothing was learned: the next recurrence begins with the default again.
    assert recur(store, "say 0.95 3", tmp_path).dispatch.batch_size == 128


def test_the_last_try_is_the_best_size_without_a_threshold(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job())
    recur(store, "say 0.95 3", tmp_path)
    made = recur(store, "say 0.5 10", tmp_path, retries=2)
    *_, second, last = store.history("nightly")
    assert made.result.status is Status.MISSED
    assert second["threshold_j"] > 0
    assert (last["batch_size"], last["threshold_j"], last["trial"]) == (128, None, None)
    assert len(store.history("nightly")) == 4


def test_a_size_that_fails_is_left_if_the_script_works_elsewhere(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job())
    recur(store, "say 0.95 3", tmp_path)
    made = recur(store, "if [ $1 = 64 ]; then exit 9; fi; say 0.95 3", tmp_path)
    assert told(store)[1:] == [(64, "failed"), (128, "reached")]
    assert made.dispatch.trial is None
    assert store.policies("nightly").batch_size.state()["exploration"]["ahead"] == [256]


def test_a_script_that_fails_everywhere_teaches_nothing(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job())
    recur(store, "say 0.95 3", tmp_path)
    before = store.policies("nightly").batch_size.state()
    made = recur(store, "exit 9", tmp_path)
    assert (made.result.status, made.result.exit_status) == (Status.FAILED, 9)
    assert told(store)[1:] == [(64, "failed"), (128, "failed")]
    after = store.policies("nightly").batch_size.state()
    assert after | {"trials": before["trials"]} == before


def test_a_failing_default_ends_the_recurrence_at_once(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job())
    assert recur(store, "exit 9", tmp_path).result.exit_status == 9
    assert told(store) == [(128, "failed")]


def test_without_retries_there_is_one_run(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job())
    recur(store, "say 0.95 3", tmp_path)
    assert recur(store, "say 0.5 3", tmp_path, retries=0).result.status is Status.MISSED
    assert len(store.history("nightly")) == 2


def test_an_interrupt_ends_script_and_recurrence(store: TuningStore, tmp_path: Path) -> None:
    """SIGINT as of Ctrl-C, sent by the script itself to be in time."""
    store.create(a_job())
    script = f"kill -INT {os.getpid()}; while :; do sleep 0.02; done"
    made = recur(store, script, tmp_path)
    assert (made.result.status, made.result.exit_status) == (Status.KILLED, 128 + signal.SIGINT)
    assert told(store) == [(128, "killed")]
    assert store.dispatch("nightly").batch_size == 128


@pytest.mark.parametrize(("script", "said"), [
    ("exit 0", r"told no result: call elastance.train.report"),
    ("echo '{\"metric\": \"good\"}' > $ELASTANCE_TUNE_RESULT", "result file: metric: Input should be a valid number"),
    ("echo '{\"metrik\": 0.9}' > $ELASTANCE_TUNE_RESULT", "result file: metrik: Extra inputs are not permitted"),
    ("printf '{\"metric\":' > $ELASTANCE_TUNE_RESULT", "result file: document: Invalid JSON"),
])  # fmt: skip
def test_a_script_that_tells_no_result_is_refused_and_its_joules_kept(
    store: TuningStore, tmp_path: Path, script: str, said: str
) -> None:
    store.create(a_job())
    with pytest.raises(InputError, match=said) as refused:
        recur(store, script, tmp_path)
    assert "\n" not in str(refused.value)
    (run,) = store.history("nightly")
    assert run["status"] == "killed"
    assert run["energy_j"] > 0


def test_a_program_that_is_not_there(store: TuningStore) -> None:
    store.create(a_job())
    with pytest.raises(CommandMissingError, match="no-such-program"):
        run_recurrence(store, "nightly", ["no-such-program"], find_devices("sim:v100"))
    assert told(store) == [(128, "killed")]


def test_a_limit_is_set_once_a_profile_is_known_and_put_back(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job(power_limits_w=(100, 175, 250), batch_sizes=(128,), eta=1.0))
    devices = find_devices("sim:v100")
    seen: list[float] = []
    set_limit = devices[0].set_power_limit
    devices[0].set_power_limit = lambda limit_w: (seen.append(limit_w), set_limit(limit_w))
    noted = f"env | grep ELASTANCE_TUNE_POWER >> {tmp_path}/noted"
    (tmp_path / "script").write_text(f"{SCRIPT}\n{noted}\nsay_profile 0.95 3\n")
    for _ in range(2):
        run_recurrence(store, "nightly", ["sh", str(tmp_path / "script"), "{bs}"], devices)
    assert [run["power_limit_w"] for run in store.history("nightly")] == [None, 100]
    assert seen == [100, 250]
    assert (tmp_path / "noted").read_text() == "ELASTANCE_TUNE_POWER_LIMIT_W=100\n"
    assert devices[0].power_limits().current_w == 250


def test_no_right_is_needed_for_a_limit_that_is_there_already(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job(power_limits_w=(100, 250), policy="pruning-thompson+max-power"))
    (tmp_path / "script").write_text(f"{SCRIPT}\nsay 0.95 3\n")
    made = run_recurrence(
        store, "nightly", ["sh", str(tmp_path / "script")], find_devices("sim:v100,denied=yes")
    )
    assert made.dispatch.power_limit_w == 250
    assert made.result.status is Status.REACHED


def test_a_device_without_a_limit_is_left_alone(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job(power_limits_w=(300,), policy="pruning-thompson+max-power"))
    devices = find_devices("sim:v100")
    devices[0].power_limits = lambda: pytest.fail("nothing is to be asked")
    (tmp_path / "script").write_text(f"{SCRIPT}\nsay 0.95 3\n")
    made = run_recurrence(store, "nightly", ["sh", str(tmp_path / "script")], devices)
    assert made.dispatch.power_limit_w is None


def test_knowledge_gradient_learns_from_epochs(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job(policy="knowledge-gradient", beta=float("inf")))
    for _ in range(3):
        recur(store, "say 0.95 3", tmp_path)
    policy = store.policies("nightly").batch_size
    model = policy.state()["model"]
    # Of epochs only: costs hang on how long the machine took.
    assert model["runs"] == sum(size["count"] for size in model["epochs"].values()) == 3
    assert math.exp(model["epochs"]["128"]["mean"]) == pytest.approx(3, rel=0.1)
    assert set(policy.cost_beliefs()) == {32, 64, 128, 256}


def test_knowledge_gradient_needs_to_be_told_the_epochs(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job(policy="knowledge-gradient"))
    with pytest.raises(InputError, match="reckons in epochs"):
        recur(store, "say_no_epochs 0.95", tmp_path)
    (run,) = store.history("nightly")
    assert run["status"] == "reached"  # recorded all the same
    assert run["energy_j"] > 0


def test_scripts_are_told_what_they_may_want_to_know(store: TuningStore, tmp_path: Path) -> None:
    store.create(a_job())
    recur(store, "say 0.95 3", tmp_path)
    recur(store, "env | grep ELASTANCE_TUNE_ > told; say 0.95 3", tmp_path)
    known = dict(line.split("=", 1) for line in (tmp_path / "told").read_text().splitlines())
    run = store.history("nightly")[1]
    assert known["ELASTANCE_TUNE_RUN"] == run["id"]
    assert float(known["ELASTANCE_TUNE_COST_THRESHOLD_J"]) == run["threshold_j"]
    assert known["ELASTANCE_TUNE_TARGET"] == "acc>=0.9"
    assert known["ELASTANCE_TUNE_BATCH_SIZE"] == str(run["batch_size"])
