"""What the callbacks for other people's trainers have in common; those have tests with the real libraries."""

import math
import subprocess
import sys

import pytest

from elastance.errors import InputError
from elastance.train import PowerLimitOptimizer, StoppedBy, SweepSteps
from elastance.train.trainer_run import TrainerRun
from made_up_time import Now
from made_up_training import Ranks, TrainingGpu


def make_run(devices, now: Now, **options: object) -> TrainerRun:
    others = {
        "metric": "acc", "target": 0.5, "higher_is_better": True, "cost_threshold_j": math.inf, "eta": 0.5,
        "sync": None, "gather": None, "clock": now,
    } | options  # fmt: skip
    return TrainerRun(devices, others.pop("metric"), others.pop("target"), **others)


def test_ranks_stop_together_and_log_the_same() -> None:
    ranks = Ranks(2)

    def work(rank: int):
        now = Now()
        gpu = TrainingGpu(now, f"GPU-{rank}")
        gather = ranks.gather_of(rank)
        tuner = PowerLimitOptimizer([gpu], steps=SweepSteps(0, 0, 1), clock=now, sync=None, gather=gather)
        run = make_run(tuner, now, gather=gather)
        run.start()
        epochs = 0
        while True:
            run.begin_epoch()
            for _ in range(10):
                run.begin_step()
                now.s += gpu.step_time_s() * (1 + rank)
                run.end_step()
            run.pause()
            epochs += 1
            run.read_metric({"acc": 0.3 * epochs - 0.2 * rank})  # the second rank thinks less of it
            if not run.end_epoch(is_last=False):
                break
        run.close()
        return run.result, run.figures(), gpu.limit_w, tuner.report.power_limit_w

    first, second = ranks.run(work)
    assert first == second
    result, figures, limit_w, _ = first
    assert (result.epochs, result.stopped_by, limit_w) == (2, StoppedBy.TARGET, 250)
    assert figures["elastance/energy_j"] == result.energy_j > figures["elastance/epoch_energy_j"] > 0
    assert figures["elastance/cost_j"] == result.cost_j
    assert (figures["elastance/time_s"], result.time_s) == (result.time_s, pytest.approx(sum_of_steps(2)))


def sum_of_steps(slowest: int) -> float:
    """Seconds of two epochs: seven steps of a sweep, then all under the optimum, 100 W at eta 0.5."""
    sweep = [0.05 + 20 / limit_w for limit_w in range(250, 99, -25)]
    costs = [
        0.5 * 0.9 * limit_w * time_s + 0.5 * 250 * time_s
        for limit_w, time_s in zip(range(250, 99, -25), sweep, strict=True)
    ]
    return slowest * (sum(sweep) + 13 * sweep[costs.index(min(costs))])


def test_a_metric_may_be_in_one_of_several_evaluations() -> None:
    now = Now()
    run = make_run([TrainingGpu(now)], now)
    run.start()
    run.begin_epoch()
    assert not run.read_metric({"other": 1.0})
    assert not run.read_metric({}, are_all=False)
    assert run.read_metric({"acc": 0.5})
    run.check_metric()
    absent = make_run([TrainingGpu(now)], now, metric="f1")
    absent.start()
    absent.begin_epoch()
    assert not absent.read_metric({"acc": 1.0, "loss": 2.0})
    with pytest.raises(InputError, match="'f1' is not among the metrics of the trainer: acc, loss"):
        absent.begin_epoch()


@pytest.mark.parametrize(("module", "package"), [("huggingface", "transformers"), ("lightning", "lightning")])
def test_a_missing_library_names_the_extra(module: str, package: str) -> None:
    code = f"import sys; sys.modules['{package}'] = None; import elastance.train.{module}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"pip install 'elastance[{module}]'" in ended.stderr


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, elastance.train; print({'torch', 'transformers', 'lightning'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"
