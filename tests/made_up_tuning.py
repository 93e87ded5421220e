"""A recurring job that is never really run, and a process that makes many runs of it.

A module of its own, as spawned processes import it by name.
"""

import os
import random
import signal

from elastance.train.tuning.job import TuningJob
from elastance.train.tuning.results import Result, Status
from elastance.train.tuning.store import TuningStore

SCRIPT = r"""
say() { echo "{\"metric\": $1, \"epochs\": $2}" > "$ELASTANCE_TUNE_RESULT"; }
say_no_epochs() { echo "{\"metric\": $1}" > "$ELASTANCE_TUNE_RESULT"; }
say_profile() {
  profile='{"power_limit_w": 250, "time_s": 1.0, "power_w": 200.0},'
  profile="[$profile"' {"power_limit_w": 100, "time_s": 1.1, "power_w": 99.0}]'
  echo "{\"metric\": $1, \"epochs\": $2, \"power_profile\": $profile}" > "$ELASTANCE_TUNE_RESULT"
}
"""
"""What shell scripts of tests say how they went with."""


def a_job(**changes) -> TuningJob:
    settings = {
        "name": "nightly",
        "batch_sizes": (32, 64, 128, 256),
        "default_batch_size": 128,
        "target": "acc>=0.9",
        "max_epochs": 10,
        "max_power_w": 300.0,
        "power_limits_w": (300,),
        "policy": "zeus",
    }
    return TuningJob(**(settings | changes))


def made(batch_size: int) -> Result:
    return Result(Status.REACHED, 10.0 + abs(batch_size - 64), 1.0, 3, 0, "model")


def hammer(url: str, name: str, seed: int, budget) -> None:
    """Make runs until none is left to be made; now and then die in the middle of one, or report twice."""
    chance = random.Random(seed)
    store = TuningStore(url)
    while True:
        with budget.get_lock():
            if budget.value == 0:
                return
            budget.value -= 1
        run = store.dispatch(name)
        if chance.random() < 0.05:
            os.kill(os.getpid(), signal.SIGKILL)
        assert store.report(run.id, made(run.batch_size))
        if chance.random() < 0.2:
            assert not store.report(run.id, made(run.batch_size))


def open_database(url: str) -> None:
    TuningStore(url).close()


def a_run(recurrence: int, batch_size: int, status: str, **changes) -> dict:
    """A row of a history."""
    row = {
        "number": recurrence, "recurrence": recurrence, "trial": recurrence, "batch_size": batch_size,
        "status": status, "power_limit_w": None, "energy_j": 10.0, "time_s": 1.0, "cost_j": 10.0, "epochs": 3,
        "source": "model",
    }  # fmt: skip
    return row | changes
