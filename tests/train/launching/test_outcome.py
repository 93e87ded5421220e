"""What is made of measurements and accounts, on made-up ones."""

import json
from pathlib import Path

import pytest

from elastance.devices.simulated import simulated_devices
from elastance.measure import DeviceEnergy, EnergyProvenance, Measurement
from elastance.runs import Provenance
from elastance.train.data_parallel.account import Account
from elastance.train.launching import FinishedJob, PlacedGpu, SteadyPower, assess, read_plan
from made_up_plans import write_plan

COUNTER = EnergyProvenance(Provenance.COUNTER, Provenance.COUNTER, 9, None, 0.001, 0.1)
ACCOUNTS = (
    Account(0, 20, 100, 2, steps_per_epoch=10, timed_steps=16, timed_s=0.96, computed_s=0.8),
    Account(1, 20, 60, 2, steps_per_epoch=10, timed_steps=16, timed_s=0.88, computed_s=0.48),
)
STEADY = (SteadyPower(150.0, 1.0), SteadyPower(45.0, 0.5))


def job(
    directory: Path,
    *,
    per: str = "step",
    accounts: tuple[Account | None, ...] = ACCOUNTS,
    steady: tuple[SteadyPower | None, ...] = STEADY,
    limits_set: bool = True,
    interrupted_by: int | None = None,
) -> FinishedJob:
    gpus = [("left", 5, 150.0), ("gone", 0, None), ("right", 3, 120.0)]
    plan = read_plan(write_plan(directory / "plan.json", *gpus, per=per))
    placed = tuple(
        PlacedGpu(gpu, device)
        for gpu, device in zip(plan.ranks, simulated_devices("sim:v100x2"), strict=True)
    )
    devices = tuple(DeviceEnergy(gpu.device.info, 300.0, 3.0, COUNTER) for gpu in placed)
    measurement = Measurement("job", 3.0, devices)
    return FinishedJob(plan, placed, measurement, accounts, steady, limits_set, None, interrupted_by)


def test_a_step_is_power_in_steady_steps_times_their_duration(tmp_path: Path) -> None:
    outcome = assess(job(tmp_path))
    first, second = (gpu.measured for gpu in outcome.gpus)
    assert first is not None
    assert second is not None
    assert first.computes_s == pytest.approx(0.05)
    assert first.waits_s == pytest.approx(0.01)
    assert first.energy_j == pytest.approx(150.0 * 0.06)
    assert second.energy_j == pytest.approx(90.0 * 0.055)
    assert outcome.step_time_s == pytest.approx(0.06)  # of the slowest rank
    assert outcome.step_energy_j == pytest.approx(150.0 * 0.06 + 90.0 * 0.055)
    assert outcome.steps == 20
    assert outcome.remarks == ()


def test_the_prediction_of_a_step(tmp_path: Path) -> None:
    outcome = assess(job(tmp_path))
    assert outcome.predicted_time_s == pytest.approx(0.05)
    told = [gpu.predicted for gpu in outcome.gpus]
    assert [one and one.energy_j for one in told] == pytest.approx([0.05 * 135.0, 0.03 * 108.0 + 0.02 * 20.0])


def test_the_prediction_of_an_epoch_is_parted_into_its_steps(tmp_path: Path) -> None:
    outcome = assess(job(tmp_path, per="epoch"))
    assert outcome.predicted_time_s == pytest.approx(0.005)
    assert outcome.remarks == ("the prediction supposes an epoch of 10 steps, as this data set has",)
    untold = assess(job(tmp_path, per="epoch", accounts=(None, None)))
    assert untold.predicted_time_s is None


def test_a_window_of_unknown_length_predicts_no_step(tmp_path: Path) -> None:
    outcome = assess(job(tmp_path, per="profiled window"))
    assert outcome.predicted_time_s is None
    assert all(gpu.predicted is None for gpu in outcome.gpus)
    assert outcome.step_time_s is not None
    assert "a profiled window of unknown length (split --steps N)" in outcome.remarks[0]


@pytest.mark.parametrize(
    ("changed", "remark"),
    [
        ({"accounts": (None, None)}, "the script did not train by its shares"),
        ({"accounts": (Account(0, 1, 5), Account(1, 1, 3))}, "no step was measured"),
        ({"steady": (None, STEADY[1])}, "the energy of a step is not known"),
        ({"limits_set": False}, "the power limits of the plan were not set"),
    ],
)
def test_what_is_missing_is_said_and_no_number_is_made_up(tmp_path: Path, changed: dict, remark: str) -> None:
    outcome = assess(job(tmp_path, **changed))
    assert remark in outcome.remarks[0]
    assert (outcome.step_energy_j is None) == ("limits_set" not in changed)


def test_the_document_is_json_with_everything_in_it(tmp_path: Path) -> None:
    document = json.loads(json.dumps(assess(job(tmp_path, interrupted_by=15)).to_json(), allow_nan=False))
    assert document["exit_status"] == 143
    assert document["energy_j"] == 600.0
    assert document["released"] == ["gone"]
    assert document["gpus"][0]["step"]["energy_j"] == pytest.approx(9.0)
    assert document["gpus"][0]["predicted_step"]["energy_j"] == pytest.approx(6.75)
    assert document["gpus"][0]["provenance"]["source"] == "counter"
