"""`elastance limit`: set, show, reset, and put back."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pynvml
import pytest

from elastance.devices import find_devices
from elastance.measure.limit_records import state_directory
from elastance.measure.limits import power_limit
from made_up_nvml import FakeGpu, FakeNvml, put_under_the_binding

FIRST = "GPU-11111111-aaaa-bbbb-cccc-000000000000"
SIM = ("--devices", "sim:v100")


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    nvml = FakeNvml([FakeGpu(), FakeGpu("GPU-22222222-aaaa-bbbb-cccc-000000000000")])
    put_under_the_binding(nvml, monkeypatch)
    return nvml


def limits_mw(nvml: FakeNvml) -> list[int]:
    return [gpu.limit_mw for gpu in nvml.gpus]


def test_a_limit_stands_until_it_is_reset(elastance, nvml: FakeNvml) -> None:
    nvml.gpus[0].limit_mw = 250_000
    answer = elastance("limit", "set", "200")
    assert answer.status == 0
    assert f"{FIRST}): 250 W -> 200 W; `elastance limit reset` puts it back" in answer.out
    assert limits_mw(nvml) == [200_000, 200_000]
    assert "set; 250 W before" in elastance("limit", "show").out
    (device,) = json.loads(elastance("limit", "show", "--json", "--devices", "nvidia:0").out)["devices"]
    assert device["power_limit"] == {"current_w": 200.0, "default_w": 300.0, "min_w": 100.0, "max_w": 300.0}
    assert device["before_standing_w"] == 250.0
    answer = elastance("limit", "reset", "--json")
    assert [device["after_w"] for device in json.loads(answer.out)["devices"]] == [250.0, 300.0]
    assert limits_mw(nvml) == [250_000, 300_000]
    assert nvml.holders == 0


def test_a_limit_may_last_as_long_as_a_command(elastance, nvml: FakeNvml) -> None:
    answer = elastance("limit", "set", "200", "--", sys.executable, "-c", "raise SystemExit(7)")
    assert answer.status == 7
    assert nvml.calls.count("nvmlDeviceSetPowerManagementLimit") == 4
    assert limits_mw(nvml) == [300_000, 300_000]


def test_a_command_that_is_not_there_leaves_no_limit(elastance, nvml: FakeNvml) -> None:
    answer = elastance("limit", "set", "200", "--", "there-is-no-such-program")
    assert answer.status == 127
    assert limits_mw(nvml) == [300_000, 300_000]


def test_a_limit_out_of_range_changes_nothing(elastance, nvml: FakeNvml) -> None:
    nvml.gpus[1].range_mw = (150_000, 300_000)
    answer = elastance("limit", "set", "120")
    assert answer.status == 2
    assert "expected 150 to 300 W" in answer.err
    assert limits_mw(nvml) == [300_000, 300_000]


def test_without_the_right_the_ways_to_it_are_told(elastance, nvml: FakeNvml) -> None:
    nvml.gpus[0].errors["nvmlDeviceSetPowerManagementLimit"] = pynvml.NVML_ERROR_NO_PERMISSION
    for command in ((), ("--", "true")):
        answer = elastance("limit", "set", "200", *command)
        assert answer.status == 2
        assert answer.err.count("\n") == 1
        for way in ("sudo", f"nvidia-smi -i {FIRST} -pl 200", "--cap-add SYS_ADMIN"):
            assert way in answer.err
    assert not list(state_directory().glob("*.json"))


def test_what_was_set_before_a_refusal_is_told(elastance, nvml: FakeNvml) -> None:
    nvml.gpus[1].errors["nvmlDeviceSetPowerManagementLimit"] = pynvml.NVML_ERROR_NO_PERMISSION
    answer = elastance("limit", "set", "200")
    assert answer.status == 2
    assert f"{FIRST}): 300 W -> 200 W" in answer.out


def test_a_device_without_a_limit_says_so(elastance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from made_up_powercap import write_two_sockets

    monkeypatch.setenv("ELASTANCE_POWERCAP", str(write_two_sockets(tmp_path / "powercap")))
    assert "has no power limit" in elastance("limit", "show", "--devices", "cpu").out
    answer = elastance("limit", "set", "100", "--devices", "cpu")
    assert answer.status == 2
    assert "has no power limit" in answer.err


def test_simulated_devices_keep_a_standing_limit_from_call_to_call(elastance) -> None:
    assert elastance("limit", "set", "150", *SIM).status == 0
    answer = elastance("limit", "show", *SIM)
    assert "150 W" in answer.out
    assert "simulated" in answer.err
    assert "150 W -> 250 W" in elastance("limit", "reset", *SIM).out
    assert "150 W" not in elastance("limit", "show", *SIM).out


@pytest.mark.parametrize(
    "verb", [("limit", "show"), ("measure", "--", "true"), ("doctor", "--seconds", "0.1")]
)
def test_whatever_starts_next_puts_back_what_a_kill_left(
    elastance, nvml: FakeNvml, verb: tuple[str, ...]
) -> None:
    hold = power_limit(find_devices("nvidia:0"), 200).__enter__()
    (record,) = state_directory().glob("*.held.json")
    left = json.loads(record.read_text())
    hold.__exit__(None, None, None)
    left["owner"]["started"] = "1"  # a process whose number was used again
    record.write_text(json.dumps(left))
    nvml.gpus[0].limit_mw = 200_000
    answer = elastance(*verb)
    assert "is 300 W again" in answer.err + answer.out
    assert limits_mw(nvml) == [300_000, 300_000]
    assert not record.exists()


def test_a_limit_that_cannot_be_put_back_does_not_stop_a_measurement(elastance, nvml: FakeNvml) -> None:
    (state_directory() / f"{FIRST}.held.json").parent.mkdir(parents=True)
    (state_directory() / f"{FIRST}.held.json").write_text("{")
    answer = elastance("measure", "--", "true")
    assert answer.status == 0
    assert "was not put back" in answer.err


def test_json_is_not_mixed_into_a_commands_output(elastance) -> None:
    answer = elastance("limit", "set", "150", *SIM, "--json", "--", "true")
    assert answer.status == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_from_outside(elastance, number: int) -> None:
    """SIGTERM goes to the command, then the limit is put back; after SIGKILL the record waits for the next start."""
    child = "print('running', flush=True); import sys; sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-m", "elastance", "limit", "set", "150", *SIM, "--", sys.executable, "-c", child],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    with process:
        assert process.stdout.readline() == "running\n"
        (record,) = state_directory().glob("*.held.json")
        assert json.loads(record.read_text())["previous_w"] == 250.0
        (device,) = json.loads(elastance("limit", "show", "--json", *SIM).out)["devices"]
        assert device["held_by_process"] == process.pid
        refused = elastance("limit", "set", "200", *SIM)
        assert (refused.status, f"held by process {process.pid}" in refused.err) == (2, True)
        process.send_signal(number)
        process.wait(20)
        process.stdin.close()  # lets the command end that outlives a killed one
    if number == signal.SIGTERM:
        assert process.returncode == 128 + number
    else:
        assert record.exists()
        assert elastance("limit", "show", *SIM).status == 0  # the simulated limit went with its process
    assert not record.exists()
