"""`elastance doctor`, on machines with every kind of trouble."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pynvml
import pytest

from made_up_nvml import FakeGpu, FakeNvml, put_under_the_binding
from made_up_powercap import write_two_sockets
from made_up_time import Now

SECOND = "GPU-22222222-aaaa-bbbb-cccc-000000000000"


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    """The doctor's time: waiting passes it on the spot."""
    now = Now(1000.0)

    def sleep(seconds: float) -> None:
        now.s += seconds

    monkeypatch.setattr("elastance.cli.examination.time", SimpleNamespace(monotonic=now, sleep=sleep))
    return now


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    put_under_the_binding(None, monkeypatch)
    monkeypatch.setitem(sys.modules, "amdsmi", None)
    monkeypatch.setenv("ELASTANCE_POWERCAP", str(tmp_path / "none"))


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch, now: Now) -> FakeNvml:
    """Two GPUs whose counters follow the time."""
    nvml = FakeNvml([FakeGpu(), FakeGpu(SECOND, "NVIDIA V100")])
    put_under_the_binding(nvml, monkeypatch)

    def count(_library: FakeNvml, gpu: FakeGpu, value) -> None:
        value._obj.value = int(now.s * gpu.energy_mj)

    for gpu in nvml.gpus:
        gpu.energy_mj = gpu.instant_mw  # mJ per s
    monkeypatch.setattr(FakeNvml, "_nvmlDeviceGetTotalEnergyConsumption", count)
    return nvml


def report(elastance, *arguments: str):
    answer = elastance("doctor", "--json", *arguments)
    return answer.status, json.loads(answer.out)


def test_a_bare_machine_has_a_reason_for_every_back_end(elastance) -> None:
    answer = elastance("doctor")
    assert answer.status == 1
    for text in ("libnvidia-ml.so.1", "elastance[amd]", "powercap", "sim:v100"):
        assert text in answer.out
    status, document = report(elastance)
    assert (status, document["healthy"], document["devices"]) == (1, False, [])
    assert all(backend["absence"] for backend in document["backends"])


def test_simulated_devices_are_fine_and_labelled(elastance) -> None:
    answer = elastance("doctor", "--devices", "sim:v100x2")
    assert answer.status == 0
    assert "2 made up: not hardware" in answer.out
    status, document = report(elastance, "--devices", "sim:v100x2")
    assert status == 0
    assert [device["provenance"] for device in document["devices"]] == ["model", "model"]


def test_healthy_gpus(elastance, nvml: FakeNvml) -> None:
    status, document = report(elastance)
    assert (status, document["problems"], document["advice"]) == (0, [], [])
    first, second = document["devices"]
    assert (first["selected"], second["id"]) == (True, SECOND)
    assert first["capabilities"]["power"] == {"works": True, "value": 181.25, "unit": "W", "problem": None}
    assert abs(first["cross_check"]["disagreement"]) < 1e-5  # whole mJ
    assert document["versions"]["NVIDIA driver"] == "580.65.06"
    assert nvml.holders == 0
    assert nvml.gpus[0].limit_mw == 300_000


def test_a_counter_that_disagrees_is_a_problem(elastance, nvml: FakeNvml) -> None:
    nvml.gpus[1].energy_mj *= 2
    status, document = report(elastance)
    assert status == 1
    (problem,) = document["problems"]
    assert SECOND in problem
    assert "disagree by +100%" in problem
    assert "but see the problems" in document["verdict"]


def test_missing_rights_are_advice_with_the_command(elastance, nvml: FakeNvml) -> None:
    nvml.gpus[0].errors["nvmlDeviceSetPowerManagementLimit"] = pynvml.NVML_ERROR_NO_PERMISSION
    status, document = report(elastance)
    assert status == 0
    (advice,) = document["advice"]
    assert "nvidia-smi -i" in advice


def test_a_gpu_in_mig_mode_is_a_problem_as_commands_refuse_it(elastance, nvml: FakeNvml) -> None:
    nvml.gpus[1].mig = 1
    status, document = report(elastance)
    assert status == 1
    assert "MIG" in document["problems"][0]
    assert [device["error"] is None for device in document["devices"]] == [True, False]
    answer = elastance("doctor")
    assert "?" in answer.out
    assert "1 of 2 devices can be measured" in answer.out


def test_a_hidden_gpu_is_examined_but_marked(elastance, nvml: FakeNvml, monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-22")
    _, document = report(elastance)
    assert [device["selected"] for device in document["devices"]] == [False, True]
    assert "NVIDIA A40 *" in elastance("doctor").out


def test_unreadable_powercap_names_the_command(elastance, monkeypatch, tmp_path: Path) -> None:
    root = write_two_sockets(tmp_path / "powercap")
    monkeypatch.setenv("ELASTANCE_POWERCAP", str(root))
    read_text = Path.read_text

    def forbidden(path: Path, *arguments: object, **options: object) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", forbidden)
    status, document = report(elastance)
    assert status == 1
    assert any("sudo chmod a+r" in line for line in document["problems"] + document["advice"])


def test_a_gpu_lost_while_it_is_examined_is_a_problem(elastance) -> None:
    status, document = report(elastance, "--devices", "sim:v100x2,lost=0.1")
    assert status == 1
    assert any("gone" in problem for problem in document["problems"])


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "1e9"])
def test_seconds_are_checked(elastance, seconds: str) -> None:
    answer = elastance("doctor", f"--seconds={seconds}")
    assert answer.status == 2
    assert "expected 0.1 to 600" in answer.err


def test_a_specification_that_names_nothing_is_refused(elastance) -> None:
    answer = elastance("doctor", "--devices", "nvidia:0")
    assert answer.status == 2
    assert "libnvidia-ml.so.1" in answer.err
