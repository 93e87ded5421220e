"""The callback for Hugging Face's trainer, with the real trainer on a made-up GPU."""

import importlib
import logging
from pathlib import Path

import pytest

from elastance.errors import InputError, MeterError
from elastance.train import LeastEtaCost, PowerLimitOptimizer, StoppedBy, SweepSteps
from made_up_time import Now
from made_up_training import TrainingGpu

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")
EnergyCallback = importlib.import_module("elastance.train.huggingface").EnergyCallback

STEPS = SweepSteps(wait=1, warmup=1, measure=2)
SELECTOR = LeastEtaCost(0.5)


class Line(torch.nn.Module):
    """Learns a line; every forward pass takes the made-up GPU a while."""

    def __init__(self, now: Now, gpu: TrainingGpu, breaks_after: int = 10**9) -> None:
        super().__init__()
        self.slope = torch.nn.Linear(1, 1)
        self._now, self._gpu, self._left = now, gpu, breaks_after

    def forward(self, x: "torch.Tensor", labels: "torch.Tensor") -> dict:
        self._now.s += self._gpu.step_time_s()
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("out of memory")
        guess = self.slope(x)
        return {"loss": torch.nn.functional.mse_loss(guess, labels), "logits": guess}


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def gpu(now: Now) -> TrainingGpu:
    return TrainingGpu(now)


@pytest.fixture
def tuner(now: Now, gpu: TrainingGpu) -> PowerLimitOptimizer:
    return PowerLimitOptimizer([gpu], selector=SELECTOR, steps=STEPS, clock=now, sync=None)


def make_trainer(folder: Path, model: Line, *callbacks: object, **options: object):
    data = [{"x": torch.tensor([i / 40]), "labels": torch.tensor([i / 20])} for i in range(40)]
    arguments = {
        "num_train_epochs": 3, "per_device_train_batch_size": 4, "per_device_eval_batch_size": 20,
        "eval_strategy": "epoch", "save_strategy": "no", "logging_strategy": "epoch", "report_to": "none",
        "disable_tqdm": True, "use_cpu": True, "dataloader_pin_memory": False,
    } | options  # fmt: skip
    return transformers.Trainer(
        model,
        transformers.TrainingArguments(str(folder), **arguments),
        train_dataset=data,
        eval_dataset=data,
        callbacks=list(callbacks),
    )


def test_the_sweep_ends_in_the_selectors_choice(tmp_path: Path, now: Now, gpu, tuner) -> None:
    with tuner:
        energy = EnergyCallback(tuner, clock=now)
        trainer = make_trainer(tmp_path, Line(now, gpu), energy)
        trainer.train()
    assert tuner.settled
    assert tuner.report.power_limit_w == SELECTOR.choose(tuner.profile)
    assert tuner.report.steps == 30
    assert [window.power_limit_w for window in tuner.profile.windows] == [250, 225, 200, 175, 150, 125, 100]
    assert all(
        window.time_s == pytest.approx(2 * (0.05 + 20 / window.power_limit_w))
        for window in tuner.profile.windows
    )
    assert gpu.limit_w == 250  # as it was before


def test_epochs_sum_up_to_what_the_meter_says(tmp_path: Path, now: Now, gpu, tuner) -> None:
    with tuner:
        energy = EnergyCallback(tuner, clock=now)
        trainer = make_trainer(tmp_path, Line(now, gpu), energy)
        trainer.train()
    result = energy.result
    assert (result.epochs, result.reached, result.stopped_by) == (3, False, StoppedBy.EPOCHS)
    epochs = [entry for entry in trainer.state.log_history if "elastance/energy_j" in entry]
    assert [entry["epoch"] for entry in epochs] == [1, 2, 3]
    assert sum(entry["elastance/epoch_energy_j"] for entry in epochs) == pytest.approx(result.energy_j)
    assert result.energy_j == pytest.approx(tuner.report.measured.energy_j, abs=0.1)
    assert result.time_s == pytest.approx(now())  # evaluations included
    assert epochs[-1]["elastance/cost_j"] == result.cost_j
    assert sum("loss" in entry for entry in trainer.state.log_history) == 3  # its own logs are still there


@pytest.mark.parametrize(
    "options", [{}, {"eval_strategy": "steps", "eval_steps": 4}, {"save_strategy": "epoch"}]
)
def test_it_stops_at_the_target(tmp_path: Path, now: Now, gpu, tuner, options: dict) -> None:
    energy = EnergyCallback(tuner, metric="eval_loss", target=9.0, higher_is_better=False, clock=now)
    trainer = make_trainer(tmp_path, Line(now, gpu), energy, **options)
    trainer.train()
    assert (energy.result.epochs, energy.result.reached) == (1, True)
    assert energy.result.stopped_by is StoppedBy.TARGET
    assert trainer.state.global_step == (4 if "eval_steps" in options else 10)
    assert energy.result.time_s == pytest.approx(now())


def test_the_target_may_be_that_of_one_of_several_data_sets(
    tmp_path: Path, now: Now, gpu: TrainingGpu
) -> None:
    energy = EnergyCallback([gpu], metric="eval_b_loss", target=9.0, higher_is_better=False, clock=now)
    trainer = make_trainer(tmp_path, Line(now, gpu), energy)
    trainer.eval_dataset = {"a": trainer.eval_dataset, "b": trainer.eval_dataset}
    trainer.train()
    assert (energy.result.epochs, energy.result.stopped_by) == (1, StoppedBy.TARGET)
    assert trainer.state.global_step == 10


def test_it_stops_before_the_cost_threshold(tmp_path: Path, now: Now, gpu: TrainingGpu) -> None:
    def trained(threshold_j: float) -> tuple:
        energy = EnergyCallback([gpu], cost_threshold_j=threshold_j, eta=1.0, clock=now)
        trainer = make_trainer(tmp_path, Line(now, gpu), energy)
        trainer.train()
        return energy, trainer.state.global_step

    epoch_j = 12 * 0.13 * 225.0  # ten steps, and an evaluation of two
    energy, steps = trained(2 * epoch_j - 1.0)
    assert (energy.result.stopped_by, energy.result.epochs, steps) == (StoppedBy.COST, 1, 10)
    energy, steps = trained(3 * epoch_j + 1.0)
    assert (energy.result.stopped_by, energy.result.epochs, steps) == (StoppedBy.EPOCHS, 3, 30)


def test_a_step_is_an_optimizer_step(tmp_path: Path, now: Now, gpu, tuner) -> None:
    with tuner:
        energy = EnergyCallback(tuner, clock=now)
        options = {"gradient_accumulation_steps": 2, "num_train_epochs": 8}
        trainer = make_trainer(tmp_path, Line(now, gpu), energy, **options)
        trainer.train()
    assert tuner.report.steps == trainer.state.global_step == 40
    assert tuner.profile.windows[0].time_s == pytest.approx(2 * 2 * 0.13)


def test_an_evaluation_within_an_epoch_cuts_the_window(tmp_path: Path, now: Now, gpu, tuner) -> None:
    energy = EnergyCallback(tuner, clock=now)
    options = {"eval_strategy": "steps", "eval_steps": 5, "num_train_epochs": 8}
    make_trainer(tmp_path, Line(now, gpu), energy, **options).train()
    assert all(
        window.time_s == pytest.approx(2 * (0.05 + 20 / window.power_limit_w))
        for window in tuner.profile.windows
    )


def test_limits_are_put_back_after_an_exception(tmp_path: Path, now: Now, gpu, tuner) -> None:
    gpu.set_power_limit(240.0)
    with tuner:
        trainer = make_trainer(tmp_path, Line(now, gpu, breaks_after=7), EnergyCallback(tuner, clock=now))
        with pytest.raises(RuntimeError, match="out of memory"):
            trainer.train()
        assert gpu.limit_w < 240
    assert gpu.limit_w == 240


def test_figures_reach_the_loggers_of_the_trainer(tmp_path: Path, now: Now, gpu: TrainingGpu) -> None:
    class Logger(transformers.TrainerCallback):
        seen: list[dict] = []  # noqa: RUF012

        def on_log(self, args, state, control, logs=None, **_):
            self.seen.append(dict(logs))

    trainer = make_trainer(tmp_path, Line(now, gpu), Logger(), num_train_epochs=1, eval_strategy="no")
    trainer.add_callback(EnergyCallback([gpu], log=trainer.log, clock=now))
    trainer.train()
    assert [("loss" in logs, "elastance/energy_j" in logs) for logs in Logger.seen[:2]] == [
        (False, True),
        (True, False),
    ]


def test_misuse_is_said(tmp_path: Path, now: Now, gpu: TrainingGpu, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    with pytest.raises(InputError, match="give both"):
        EnergyCallback([gpu], metric="eval_loss", clock=now)
    absent = EnergyCallback([gpu], metric="eval_acc", target=0.5, clock=now)
    with pytest.raises(InputError, match=r"'eval_acc' is not among .* eval_loss"):
        make_trainer(tmp_path, Line(now, gpu), absent).train()
    never = EnergyCallback([gpu], metric="eval_loss", target=0.5, clock=now)
    with pytest.raises(InputError, match="eval_strategy"):
        make_trainer(tmp_path, Line(now, gpu), never, eval_strategy="no").train()
    used = EnergyCallback([gpu], clock=now)
    trainer = make_trainer(tmp_path, Line(now, gpu), used, num_train_epochs=1)
    trainer.train()
    trainer.evaluate()  # afterwards, and none of its business
    with pytest.raises(MeterError, match="make a new one"):
        trainer.train()
