"""`elastance launch` as a user runs it. Most scripts here do not train: without PyTorch they are quick."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("torch")

from elastance.devices.simulated import simulated_devices
from elastance.errors import DevicePermissionError
from elastance.measure.limit_records import Purpose, read_record, state_directory
from elastance.measure.limits import restore_abandoned_limits
from made_up_limits import LimitedDevice
from made_up_plans import write_plan

EXAMPLE = Path(__file__).parents[2] / "examples" / "unequal_gpus" / "train.py"
NOT_TRAINING = "the script did not train by its shares: no rank has gone through share.loader(...)"


@pytest.fixture
def gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[LimitedDevice]:
    """Two GPUs whose limits are in files, as are those of hardware for all that another process can tell."""
    devices = [LimitedDevice(tmp_path / f"{name}.limit", f"GPU-{name}") for name in ("left", "right")]
    monkeypatch.setattr("elastance.devices.find_devices", lambda *_: tuple(devices))
    return devices


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return write_plan(tmp_path / "plan.json", ("left", 5, 150.0), ("right", 3, 120.0))


def script(tmp_path: Path, text: str) -> list[str]:
    """A command that runs this in every rank, with the files of the limits at hand."""
    files = [str(tmp_path / f"{name}.limit") for name in ("left", "right")]
    head = f"import os, sys, time\nrank = os.environ['RANK']\nlimits = [open(file) for file in {files}]\n"
    path = tmp_path / "script.py"
    path.write_text(head + text)
    return ["--", sys.executable, str(path)]


def test_limits_hold_while_the_script_runs(elastance, gpus, plan, tmp_path) -> None:
    said = "e = os.environ; print(*(at.read() for at in limits), e['ELASTANCE_BATCH_SIZES'], e['ELASTANCE_PLAN'])"
    answer = elastance("launch", "--plan", plan, "--devices", "both", *script(tmp_path, said))
    assert answer.status == 0, answer
    assert sorted(answer.out.splitlines()) == [
        f"[0 left] 150.0 120.0 5,3 {plan}",
        f"[1 right] 150.0 120.0 5,3 {plan}",
    ]
    assert [gpu.limit_w for gpu in gpus] == [250.0, 250.0]
    assert "rank 0: Made Up 300 (GPU-left), 5 of 8 samples, 150 W" in answer.err
    assert NOT_TRAINING in answer.err
    assert "power limits are what they were" in answer.err


def test_a_rank_that_dies_ends_the_job_and_limits_are_put_back(elastance, gpus, plan, tmp_path) -> None:
    report = tmp_path / "report.json"
    dying = "if rank == '0':\n    time.sleep(600)\nassert limits[1].read() == '120.0'\nraise ValueError('too hot')"
    answer = elastance(
        "launch", "--plan", plan, "--devices", "both", "--output", report, *script(tmp_path, dying)
    )
    assert answer.status == 1
    assert answer.err.splitlines()[-1] == (
        "elastance: rank 1 on Made Up 300 (GPU-right) ended with exit status 1; all ranks were ended:"
        " ValueError: too hot"
    )
    assert [gpu.limit_w for gpu in gpus] == [250.0, 250.0]
    assert list(state_directory().glob("*.json")) == []
    failure = json.loads(report.read_text())["failure"]
    assert failure == {"rank": 1, "exit_status": 1, "signal": None, "last_words": "ValueError: too hot"}


def test_a_rank_that_is_killed_gives_its_signal(elastance, gpus, plan, tmp_path) -> None:
    killed = "if rank == '1':\n    time.sleep(600)\nos.kill(os.getpid(), 9)"
    answer = elastance("launch", "--plan", plan, "--devices", "both", *script(tmp_path, killed))
    assert answer.status == 137
    assert "rank 0 on Made Up 300 (GPU-left) was killed by SIGKILL; all ranks were ended" in answer.err
    assert [gpu.limit_w for gpu in gpus] == [250.0, 250.0]


def test_users_without_the_right_may_keep_the_limits(elastance, refused, gpus, plan, tmp_path) -> None:
    gpus[1].fault = DevicePermissionError("no permission to set the limit: ask for it")
    ran = script(tmp_path, f"open(f'{tmp_path}/ran', 'w')")
    answer = elastance("launch", "--plan", plan, "--devices", "both", *ran)
    assert answer.status == 2
    assert answer.err.splitlines()[-1] == (
        "elastance: no permission to set the limit: ask for it; to train under the limits that are set: --keep-limits"
    )
    assert not (tmp_path / "ran").exists()
    assert [gpu.limit_w for gpu in gpus] == [250.0, 250.0]
    answer = elastance("launch", "--plan", plan, "--devices", "both", "--keep-limits", *ran)
    assert answer.status == 0
    assert (tmp_path / "ran").exists()
    assert "the power limits of the plan were not set" in answer.err


def test_a_limit_out_of_range_starts_nothing(elastance, gpus, tmp_path) -> None:
    plan = write_plan(tmp_path / "plan.json", ("left", 5, 150.0), ("right", 3, 70.0))
    answer = elastance(
        "launch", "--plan", plan, "--devices", "both", *script(tmp_path, f"open(f'{tmp_path}/ran', 'w')")
    )
    assert answer.status == 2
    assert "power limit 70 W of Made Up 300 (GPU-right): expected 100 to 300 W" in answer.err
    assert not (tmp_path / "ran").exists()
    assert [gpu.limit_w for gpu in gpus] == [250.0, 250.0]


def test_json_has_standard_output_to_itself(elastance, gpus, plan, tmp_path) -> None:
    answer = elastance(
        "launch", "--plan", plan, "--devices", "both", "--json", *script(tmp_path, "print('hello')")
    )
    document = json.loads(answer.out)
    assert "[0 left] hello" in answer.err
    assert document["gpus"][1]["id"] == "GPU-right"
    assert document["gpus"][1]["mean_power_w"] == pytest.approx(99.0)
    assert document["gpus"][1]["provenance"]["source"] == "integral"
    assert document["predicted"]["step_time_s"] == pytest.approx(0.05)
    assert document["gpus"][1]["predicted_step"]["waits_s"] == pytest.approx(0.02)
    assert document["gpus"][1]["step"] is None
    assert any(NOT_TRAINING in remark for remark in document["remarks"])


def test_what_is_refused_before_anything_starts(refused, plan, tmp_path, monkeypatch) -> None:
    assert "--plan FILE is missing" in refused("launch", "--", "true").err
    missing = tmp_path / "missing.json"
    assert f"{missing}: cannot be read" in refused("launch", "--plan", missing, "--", "true").err
    assert (
        "no directory"
        in refused("launch", "--plan", plan, "--output", tmp_path / "a" / "b", "--", "true").err
    )
    assert "Missing argument" in refused("launch", "--plan", plan).err
    assert "--master-port" in refused("launch", "--plan", plan, "--master-port", 70000, "--", "true").err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = refused("launch", "--plan", plan, "--devices", "sim:v100x2", "--", "true").err
    assert "needs the extra 'torch': pip install 'elastance[torch]'" in said


def test_a_command_that_is_not_there(elastance, plan) -> None:
    answer = elastance("launch", "--plan", plan, "--devices", "sim:v100x2", "--", "no-such-program")
    assert answer.status == 127
    assert answer.err.splitlines()[-1] == "elastance: no-such-program: command not found"


@contextmanager
def launched(plan: Path, *command: str) -> Generator[subprocess.Popen[str]]:
    """The command in a process of its own."""
    arguments = [sys.executable, "-m", "elastance", "launch", "--plan", str(plan), "--devices", "sim:v100x2"]
    with subprocess.Popen(
        [*arguments, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str]) -> list[int]:
    """Process ids of both ranks, once they have said them."""
    assert process.stdout is not None
    return [int(process.stdout.readline().rsplit(" ", 1)[-1]) for _ in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_everything_and_puts_limits_back(plan, tmp_path, name) -> None:
    waiting = ["--", sys.executable, "-c", "import os, time; print('ready', os.getpid()); time.sleep(600)"]
    number = signal.Signals[name]
    with launched(plan, *waiting) as process:
        ranks = ready(process)
        assert read_record("SIM-v100-1", Purpose.HELD) is not None
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "interrupted; all ranks were ended" in err
    assert "Traceback" not in err.replace("[0 left] Traceback", "").replace("[1 right] Traceback", "")
    assert list(state_directory().glob("*.json")) == []
    for rank in ranks:
        with pytest.raises(ProcessLookupError):
            os.kill(rank, 0)


@pytest.mark.slow
def test_a_killed_launcher_leaves_a_record_and_no_ranks(plan, tmp_path) -> None:
    joined = "from elastance.train import join; import os, time; join(); print('ready', os.getpid()); time.sleep(600)"
    with launched(plan, "--", sys.executable, "-c", joined) as process:
        ranks = [os.pidfd_open(rank) for rank in ready(process)]
        process.kill()
        process.wait()
        for rank in ranks:
            assert select.select([rank], [], [], 60)[0]
            os.close(rank)
    record = read_record("SIM-v100-1", Purpose.HELD)
    assert record is not None
    assert (record.previous_w, record.set_w) == (250.0, (120.0,))
    left = simulated_devices("sim:v100x2")[1]
    left.set_power_limit(120.0)  # hardware would have kept it
    assert [change.after_w for change in restore_abandoned_limits([left])] == [250.0]


@pytest.mark.slow
def test_a_plan_of_split_is_trained_and_compared(elastance, tmp_path) -> None:
    plan, report = tmp_path / "plan.json", tmp_path / "report.json"
    devices = ("v100", "a40", "--workload", "cifar100")
    elastance("split", *devices, "--global-batch", 96, "--minimize", "time", "--output", plan)
    shares = [gpu["batch_size"] for gpu in json.loads(plan.read_text())["gpus"]]
    answer = elastance(
        "launch", "--plan", plan, "--devices", "sim:a40,v100", "--output", report, "--",
        sys.executable, EXAMPLE, "--epochs", 2,
    )  # fmt: skip
    assert answer.status == 0, answer
    assert "[0 v100] epoch 1: loss" in answer.out
    document = json.loads(report.read_text())
    assert [gpu["name"].split()[1] for gpu in document["gpus"]] == ["Tesla", "A40"]
    assert [gpu["batch_size"] for gpu in document["gpus"]] == shares
    assert (document["steps"], document["epochs"]) == (42, 2)
    assert sum(gpu["samples"] for gpu in document["gpus"]) == 4000
    planned = json.loads(plan.read_text())
    assert document["predicted"]["step_time_s"] == pytest.approx(planned["step_time_s"] / 21)
    assert document["predicted"]["step_energy_j"] == pytest.approx(planned["step_energy_j"] / 21)
    for gpu in document["gpus"]:
        assert gpu["energy_j"] > 0
        assert gpu["provenance"]["source"] == "model"
        assert 0 < gpu["step"]["computes_s"] < document["step_time_s"] * 1.01
    assert "the prediction supposes an epoch of 21 steps" in answer.err
    assert "the joules of simulated GPUs come from a model" in answer.err
