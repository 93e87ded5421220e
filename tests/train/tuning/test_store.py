"""Jobs in a database: many processes at once, some killed, on SQLite and PostgreSQL."""

import multiprocessing
import signal
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.errors import InputError
from elastance.train.tuning.liveness import LEASE_S
from elastance.train.tuning.results import Result, Status
from elastance.train.tuning.store import TuningStore
from made_up_tuning import a_job, hammer, made

PROCESSES = 8
RUNS = 500


@pytest.mark.slow
def test_eight_processes_make_500_runs_and_some_are_killed(url: str) -> None:
    store = TuningStore(url)
    store.create(a_job(name="hammered"))
    spawning = multiprocessing.get_context("spawn")
    budget = spawning.Value("i", RUNS)

    def start(seed: int):
        process = spawning.Process(target=hammer, args=(url, "hammered", seed, budget))
        process.start()
        return process

    living = [start(seed) for seed in range(PROCESSES)]
    killed, seed = 0, PROCESSES
    while living:
        process = living.pop(0)
        process.join(120)
        assert process.exitcode in (0, -signal.SIGKILL), "a deadlock, or an exception"
        if process.exitcode:
            killed += 1
            living.append(start(seed))
            seed += 1
    store.bury("hammered")
    history = store.history("hammered")
    assert [run["number"] for run in history] == list(range(RUNS))
    assert Counter(run["status"] for run in history) == {"reached": RUNS - killed, "killed": killed}
    assert killed > 0
    # What the policy has seen is what was recorded, each result once.
    state = store.policies("hammered").batch_size.state()
    assert state["trials"] == RUNS
    assert state["awaited"] is None
    seen = sum(belief["count"] for belief in state["beliefs"].values())
    assert seen == RUNS - killed
    store.close()


def test_a_result_counts_once(url: str) -> None:
    store = TuningStore(url)
    store.create(a_job(name="once"))
    run = store.dispatch("once")
    assert store.report(run.id, made(run.batch_size))
    before = store.history("once"), store.policies("once").batch_size.state()
    assert not store.report(run.id, Result(Status.MISSED, 1.0, 1.0))
    assert (store.history("once"), store.policies("once").batch_size.state()) == before
    store.close()


def test_a_second_submission_does_not_take_the_trial_of_the_first(url: str) -> None:
    store = TuningStore(url)
    store.create(a_job(name="two"))
    first = store.dispatch("two")
    store.report(first.id, made(first.batch_size))
    trial, other = store.dispatch("two"), store.dispatch("two")
    assert trial.batch_size != other.batch_size == 128
    store.close()


def test_a_killed_run_is_no_evidence_and_is_tried_again(tmp_path: Path) -> None:
    store = TuningStore(f"sqlite:///{tmp_path}/tune.sqlite")
    store.create(a_job())
    first = store.dispatch("nightly")
    store.report(first.id, made(first.batch_size))
    killed = store.dispatch("nightly")
    store.report(killed.id, Result(Status.KILLED))
    assert store.dispatch("nightly").batch_size == killed.batch_size != first.batch_size
    store.close()


def test_the_threshold_is_of_the_last_successes_only_with_a_window(url: str) -> None:
    store = TuningStore(url)
    store.create(a_job(window_size=2, eta=1.0))
    thresholds = []
    for energy_j in (10.0, 30.0, 20.0, 40.0):
        run = store.dispatch("nightly")
        thresholds.append(run.threshold_j)
        store.report(run.id, Result(Status.REACHED, energy_j, 1.0, 3, 0, "model"))
    assert thresholds == [None, 20.0, 20.0, 40.0]
    assert store.dispatch("nightly").threshold_j == 40.0
    store.close()


def test_a_silent_run_of_another_machine_is_killed_after_its_lease(tmp_path: Path, monkeypatch) -> None:
    from elastance.measure.limit_records import this_process
    from elastance.train.tuning import liveness as module

    now = [1000.0]
    store = TuningStore(f"sqlite:///{tmp_path}/tune.sqlite", clock=lambda: now[0])
    store.create(a_job())
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(module, "this_process", lambda: this_process()._replace(boot_id="of another"))
        elsewhere.setattr(module.socket, "gethostname", lambda: "another")
        run = store.dispatch("nightly")
    now[0] += LEASE_S - 1
    store.bury("nightly")
    assert store.history("nightly")[0]["status"] == "running"
    store.heartbeat(run.id)
    now[0] += LEASE_S - 1
    store.bury("nightly")
    assert store.history("nightly")[0]["status"] == "running"
    now[0] += 2
    store.bury("nightly")
    (silent,) = store.history("nightly")
    assert silent["status"] == "killed", silent
    assert not store.report(run.id, made(32))
    store.close()


def test_a_job_is_not_made_twice(tmp_path: Path) -> None:
    store = TuningStore(f"sqlite:///{tmp_path}/tune.sqlite")
    store.create(a_job())
    with pytest.raises(InputError, match="there already"):
        store.create(a_job())
    with pytest.raises(InputError, match="nightly"):
        store.dispatch("nightl")
    store.close()
