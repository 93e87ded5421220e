"""The callback for Lightning's trainer, with the real trainer on a made-up GPU."""

import importlib

import pytest

from elastance.errors import InputError, MeterError
from elastance.train import LeastEtaCost, PowerLimitOptimizer, StoppedBy, SweepSteps
from made_up_time import Now
from made_up_training import TrainingGpu

torch = pytest.importorskip("torch")
lightning = pytest.importorskip("lightning.pytorch")
EnergyCallback = importlib.import_module("elastance.train.lightning").EnergyCallback

# Lightning's own use of PyTorch, and its advice
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.* is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*have no `val_dataloader`"),
]
STEPS = SweepSteps(wait=1, warmup=1, measure=2)
SELECTOR = LeastEtaCost(0.5)


class Line(lightning.LightningModule):
    """Learns a line; every batch takes the made-up GPU a while."""

    def __init__(self, now: Now, gpu: TrainingGpu, breaks_after: int = 10**9) -> None:
        super().__init__()
        self.slope = torch.nn.Linear(1, 1)
        self._now, self._gpu, self._left = now, gpu, breaks_after

    def _loss(self, batch: list) -> "torch.Tensor":
        self._now.s += self._gpu.step_time_s()
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("out of memory")
        return torch.nn.functional.mse_loss(self.slope(batch[0]), batch[1])

    def training_step(self, batch: list, _: int) -> "torch.Tensor":
        loss = self._loss(batch)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch: list, _: int) -> None:
        self.log("val_loss", self._loss(batch))

    def configure_optimizers(self) -> "torch.optim.Optimizer":
        return torch.optim.SGD(self.parameters(), lr=0.01)


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def gpu(now: Now) -> TrainingGpu:
    return TrainingGpu(now)


@pytest.fixture
def tuner(now: Now, gpu: TrainingGpu) -> PowerLimitOptimizer:
    return PowerLimitOptimizer([gpu], selector=SELECTOR, steps=STEPS, clock=now, sync=None)


def fit(model: Line, *callbacks: object, validate: bool = True, **options: object):
    data = torch.utils.data.TensorDataset(torch.arange(40.0)[:, None] / 40, torch.arange(40.0)[:, None] / 20)
    arguments = {
        "max_epochs": 3, "accelerator": "cpu", "logger": False, "enable_checkpointing": False,
        "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0,
    } | options  # fmt: skip
    trainer = lightning.Trainer(callbacks=list(callbacks), **arguments)
    validation = torch.utils.data.DataLoader(data, 20) if validate else None
    trainer.fit(model, torch.utils.data.DataLoader(data, 4), validation)
    return trainer


def test_the_sweep_ends_in_the_selectors_choice(now: Now, gpu, tuner) -> None:
    gpu.set_power_limit(225.0)
    fit(Line(now, gpu), EnergyCallback(tuner, clock=now))
    assert tuner.settled
    assert tuner.report.power_limit_w == SELECTOR.choose(tuner.profile)
    assert tuner.report.steps == 30
    assert [window.power_limit_w for window in tuner.profile.windows] == [250, 225, 200, 175, 150, 125, 100]
    assert all(
        window.time_s == pytest.approx(2 * (0.05 + 20 / window.power_limit_w))
        for window in tuner.profile.windows
    )
    assert gpu.limit_w == 225  # without a with


def test_epochs_sum_up_to_what_the_meter_says(now: Now, gpu, tuner) -> None:
    class Listener(lightning.Callback):
        seen: list[dict] = []  # noqa: RUF012

        def on_train_epoch_start(self, trainer, pl_module):
            self.seen.append({name: value.item() for name, value in trainer.callback_metrics.items()})

    energy = EnergyCallback(tuner, clock=now)
    trainer = fit(Line(now, gpu), Listener(), energy)
    result = energy.result
    assert (result.epochs, result.reached, result.stopped_by) == (3, False, StoppedBy.EPOCHS)
    logged = [*Listener.seen[1:], {name: value.item() for name, value in trainer.callback_metrics.items()}]
    assert sum(entry["elastance/epoch_energy_j"] for entry in logged) == pytest.approx(result.energy_j)
    assert logged[-1]["elastance/energy_j"] == pytest.approx(result.energy_j)
    assert logged[-1]["elastance/cost_j"] == pytest.approx(result.cost_j)
    assert result.energy_j == pytest.approx(tuner.report.measured.energy_j, abs=0.1)
    assert result.time_s == pytest.approx(now())  # validation included


@pytest.mark.parametrize(("metric", "validate"), [("val_loss", True), ("loss", True), ("loss", False)])
def test_it_stops_at_the_target(now: Now, gpu, tuner, metric: str, validate: bool) -> None:
    energy = EnergyCallback(tuner, metric=metric, target=9.0, higher_is_better=False, clock=now)
    trainer = fit(Line(now, gpu), energy, validate=validate)
    assert (energy.result.epochs, energy.result.reached, trainer.global_step) == (1, True, 10)
    assert energy.result.stopped_by is StoppedBy.TARGET
    assert gpu.limit_w == 250


def test_a_metric_may_come_later(now: Now, gpu: TrainingGpu) -> None:
    energy = EnergyCallback([gpu], metric="val_loss", target=9.0, higher_is_better=False, clock=now)
    fit(Line(now, gpu), energy, check_val_every_n_epoch=2)
    assert energy.result.epochs == 2


def test_it_stops_before_the_cost_threshold(now: Now, gpu: TrainingGpu) -> None:
    def trained(threshold_j: float, **options: object) -> tuple:
        energy = EnergyCallback([gpu], cost_threshold_j=threshold_j, eta=1.0, clock=now)
        return energy, fit(Line(now, gpu), energy, **options).global_step

    epoch_j = 12 * 0.13 * 225.0  # ten steps, and a validation of two
    energy, steps = trained(2 * epoch_j - 1.0)
    assert (energy.result.stopped_by, energy.result.epochs, steps) == (StoppedBy.COST, 1, 10)
    energy, steps = trained(3 * epoch_j + 1.0, num_sanity_val_steps=2)
    assert (energy.result.stopped_by, energy.result.epochs, steps) == (StoppedBy.EPOCHS, 3, 30)
    energy, steps = trained(3 * epoch_j + 1.0, max_epochs=-1, max_steps=20)
    assert (energy.result.stopped_by, energy.result.epochs, steps) == (StoppedBy.EPOCHS, 2, 20)


def test_a_step_is_an_optimizer_step(now: Now, gpu, tuner) -> None:
    trainer = fit(Line(now, gpu), EnergyCallback(tuner, clock=now), accumulate_grad_batches=3, max_epochs=8)
    assert tuner.report.steps == trainer.global_step == 32  # three of three batches, and one of the last
    assert tuner.profile.windows[0].time_s == pytest.approx(2 * 3 * 0.13)


def test_a_step_of_manual_optimization(now: Now, gpu, tuner) -> None:
    class Manual(Line):
        def __init__(self, *parts: object) -> None:
            super().__init__(*parts)
            self.automatic_optimization = False

        def training_step(self, batch: list, index: int) -> None:
            self.manual_backward(self._loss(batch))
            if index % 2:
                self.optimizers().step()
                self.optimizers().zero_grad()

    trainer = fit(Manual(now, gpu), EnergyCallback(tuner, clock=now), max_epochs=8)
    assert tuner.report.steps == trainer.global_step == 40
    assert tuner.profile.windows[0].time_s == pytest.approx(2 * 2 * 0.13)


def test_validation_within_an_epoch_cuts_the_window(now: Now, gpu, tuner) -> None:
    fit(Line(now, gpu), EnergyCallback(tuner, clock=now), val_check_interval=5, max_epochs=8)
    assert all(
        window.time_s == pytest.approx(2 * (0.05 + 20 / window.power_limit_w))
        for window in tuner.profile.windows
    )


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_limits_are_put_back_after_an_exception(now: Now, gpu, tuner, error: type[BaseException]) -> None:
    class Breaks(lightning.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            if batch_idx == 6:
                assert gpu.limit_w != 200
                raise error("enough")

    gpu.set_power_limit(200.0)
    with pytest.raises((RuntimeError, SystemExit)):
        fit(Line(now, gpu), EnergyCallback(tuner, clock=now), Breaks())
    assert gpu.limit_w == 200


def test_misuse_is_said(now: Now, gpu: TrainingGpu) -> None:
    with pytest.raises(InputError, match="give both"):
        EnergyCallback([gpu], target=0.5, clock=now)
    absent = EnergyCallback([gpu], metric="val_acc", target=0.5, clock=now)
    with pytest.raises(InputError, match=r"'val_acc' is not among .* val_loss"):
        fit(Line(now, gpu), absent)
    used = EnergyCallback([gpu], clock=now)
    fit(Line(now, gpu), used, max_epochs=1)
    with pytest.raises(MeterError, match="make a new one"):
        fit(Line(now, gpu), used)
