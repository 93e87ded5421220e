"""Thirty recurrences end at the best size and cost less than always the default; joules depend on the size alone."""

import random
from statistics import fmean

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.train.tuning.results import Result, Status
from elastance.train.tuning.savings import spent
from elastance.train.tuning.store import TuningStore
from made_up_tuning import a_job

RECURRENCES = 30
EPOCHS = {16: 4.0, 32: 4.0, 64: 5.0, 128: 8.0, 256: 14.0}
EPOCH_S = {16: 80.0, 32: 45.0, 64: 25.0, 128: 14.0, 256: 12.0}
POWER_W = 200.0
JOULES = {
    size: EPOCHS[size] * EPOCH_S[size] * POWER_W for size in EPOCHS
}  # least at 128; 256, the default, +50 %


def recur(store: TuningStore, chance: random.Random) -> None:
    """One recurrence of a script whose epochs vary by 5 %, stopped at its threshold as the runner does."""
    recurrence = None
    while True:
        run = store.dispatch("nightly", recurrence)
        recurrence = run.recurrence
        size, epochs = run.batch_size, EPOCHS[run.batch_size] * chance.gauss(1.0, 0.05)
        time_s = epochs * EPOCH_S[size]
        per_s = 0.5 * POWER_W + 0.5 * 300.0  # cost of a second, eta 0.5
        stopped = run.threshold_j is not None and time_s * per_s > run.threshold_j
        if stopped:
            time_s = run.threshold_j / per_s
        told_epochs = int(time_s / EPOCH_S[size])
        status = Status.MISSED if stopped else Status.REACHED
        assert store.report(
            run.id, Result(status, time_s * POWER_W, time_s, told_epochs, 0, "model", (), stopped)
        )
        if not stopped:
            return


@pytest.mark.parametrize("policy", ["zeus", "knowledge-gradient", "thompson"])
@pytest.mark.parametrize("seed", [1, 2])
def test_it_ends_within_three_percent_of_the_best_and_pays(sqlite: str, policy: str, seed: int) -> None:
    store = TuningStore(sqlite)
    sizes = tuple(EPOCHS)
    store.create(a_job(batch_sizes=sizes, default_batch_size=256, max_epochs=40, policy=policy, seed=seed))
    chance = random.Random(seed)
    for _ in range(RECURRENCES):
        recur(store, chance)
    history = store.history("nightly")
    last = [run for run in history if run["status"] == Status.REACHED][-5:]
    assert fmean(JOULES[run["batch_size"]] for run in last) <= 1.03 * min(JOULES.values())
    assert spent(history)[-1].reached == RECURRENCES
    assert spent(history)[-1].energy_j < RECURRENCES * JOULES[256]
    store.close()
