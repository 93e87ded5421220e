"""`elastance measure`: the command's streams, signals and status are its own; the joules are ours."""

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from elastance.measure import child as child_module

SIM = ("--devices", "sim:v100x2,seed=1,period=0")
PYTHON = sys.executable


def document_of(path: Path) -> dict:
    return json.loads(path.read_text())


def test_it_measures_and_passes_the_status_on(elastance, tmp_path) -> None:
    script = "import sys; print('to stdout'); print('to stderr', file=sys.stderr); sys.exit(7)"
    answer = elastance("measure", *SIM, "--json", tmp_path / "run.json", "--", PYTHON, "-c", script)
    assert answer.status == 7
    assert answer.out == ""
    for text in ("gpu 0", "gpu 1", "simulated", "model, counter", "Wh)", "not measured on hardware (model)"):
        assert text in answer.err, answer.err
    assert "cost" not in answer.err
    document = document_of(tmp_path / "run.json")
    assert set(document) == {
        "energy_j", "time_s", "mean_power_w", "complete", "devices", "exit_status", "cost", "co2_g"
    }  # fmt: skip
    assert (document["exit_status"], document["cost"], document["co2_g"]) == (7, None, None)
    assert document["complete"] is True
    assert [device["id"] for device in document["devices"]] == ["SIM-v100-0", "SIM-v100-1"]
    assert document["energy_j"] == pytest.approx(sum(device["energy_j"] for device in document["devices"]))
    assert document["mean_power_w"] == pytest.approx(document["energy_j"] / document["time_s"])
    for device in document["devices"]:
        assert {"id", "name", "energy_j", "mean_power_w", "provenance"} <= set(device)
        assert {"source", "samples", "max_gap_s", "uncertainty_j"} <= set(device["provenance"])
        assert (device["provenance"]["source"], device["provenance"]["method"]) == ("model", "counter")


def test_the_output_of_the_command_is_untouched() -> None:
    shown = subprocess.run(
        [PYTHON, "-m", "elastance", "measure", *SIM, "--", "sh", "-c", "cat; echo oops >&2"],
        input="through the pipe", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout == "through the pipe"
    assert "oops\n" in shown.stderr
    assert " J +- " in shown.stderr


def test_json_may_go_to_standard_output_after_the_commands_own() -> None:
    shown = subprocess.run(
        [PYTHON, "-m", "elastance", "measure", *SIM, "--json", "-", "--", "echo", "first"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, document = shown.stdout.split("\n", 1)
    assert first == "first"
    assert json.loads(document)["exit_status"] == 0


def test_options_after_the_command_are_the_commands(elastance, tmp_path) -> None:
    answer = elastance(
        "measure", *SIM, PYTHON, "-c", "import sys; sys.exit(len(sys.argv))", "--json", "x", "--"
    )
    assert answer.status == 4


def test_cost_and_co2(elastance, tmp_path) -> None:
    answer = elastance(
        "measure", *SIM, "--price", "0.5", "--carbon", "400", "--json", tmp_path / "run.json", "--", "true"
    )
    document = document_of(tmp_path / "run.json")
    kwh = document["energy_j"] / 3.6e6
    assert document["cost"] == pytest.approx(0.5 * kwh)
    assert document["co2_g"] == pytest.approx(400.0 * kwh)
    assert "cost" in answer.err
    assert "CO2" in answer.err


def write_hours(path: Path, first: datetime, hours: int) -> None:
    start = first.replace(minute=0, second=0, microsecond=0)
    rows = [f"{(start + timedelta(hours=hour)).isoformat()},{100 * hour}" for hour in range(hours)]
    path.write_text("\n".join(["hour_start,g_per_kwh", *rows]) + "\n")


def test_co2_by_the_hour(elastance, tmp_path) -> None:
    write_hours(tmp_path / "grid.csv", datetime.now(UTC) - timedelta(hours=4), 5 + 24)
    answer = elastance(
        "measure", *SIM, "--carbon", tmp_path / "grid.csv", "--json", tmp_path / "run.json", "--", "true"
    )
    assert answer.status == 0
    document = document_of(tmp_path / "run.json")
    grams = document["co2_g"] / document["energy_j"] * 3.6e6
    assert (
        380.0 < grams < 530.0
    )  # 400, or on the full hour a share of 500; the edges are not quite the window's


def test_hours_that_do_not_cover_now_are_refused_before_anything_runs(refused, tmp_path) -> None:
    write_hours(tmp_path / "grid.csv", datetime(2020, 1, 1, tzinfo=UTC), 24)
    witness = tmp_path / "ran"
    answer = refused("measure", *SIM, "--carbon", tmp_path / "grid.csv", "--", "touch", witness)
    assert "no carbon intensity is known for the hour from" in answer.err
    assert not witness.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--price", "-1"), "--price -1: expected a number that is not negative"),
        (("--price", "nan"), "--price nan"),
        (("--interval", "0"), "interval 0 s"),
        (("--carbon", "much"), "neither a number of g/kWh nor a CSV"),
        (("--json", "no/such/directory/run.json"), "there is no directory"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(elastance, tmp_path, arguments, message) -> None:
    witness = tmp_path / "ran"
    answer = elastance("measure", *SIM, *arguments, "--", "touch", witness)
    assert answer.status == 2
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert not witness.exists()


def test_without_a_command_there_is_nothing_to_measure(refused) -> None:
    assert "Missing argument" in refused("measure", *SIM).err


def test_a_missing_command_is_127_and_one_that_cannot_run_126(elastance, tmp_path) -> None:
    missing = elastance("measure", *SIM, "--", "no-such-command-here")
    assert missing.status == 127
    assert missing.err.splitlines()[-1] == "elastance: no-such-command-here: command not found"
    plain = tmp_path / "plain.txt"
    plain.write_text("not a program")
    unusable = elastance("measure", *SIM, "--", plain)
    assert unusable.status == 126
    assert "cannot be executed: Permission denied" in unusable.err.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE])
def test_a_command_killed_by_a_signal_is_measured_all_the_same(elastance, tmp_path, number) -> None:
    answer = elastance(
        "measure", *SIM, "--json", tmp_path / "run.json", "--", "sh", "-c", f"kill -{number} $$"
    )
    assert answer.status == 128 + number
    document = document_of(tmp_path / "run.json")
    assert document["exit_status"] == 128 + number
    assert document["complete"] is True
    assert document["energy_j"] is not None


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_signals_reach_the_command_and_the_result_is_printed(tmp_path, name) -> None:
    script = (
        "import signal, sys\n"
        f"signal.signal(signal.{name}, lambda number, frame: sys.exit(42))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    running = subprocess.Popen(
        [PYTHON, "-m", "elastance", "measure", *SIM, "--json", tmp_path / "run.json", "--", PYTHON, "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(getattr(signal, name))
        _, err = running.communicate()
    assert running.returncode == 42, err
    assert " J +- " in err
    assert "Traceback" not in err
    assert document_of(tmp_path / "run.json")["exit_status"] == 42


def test_what_the_keyboard_sends_to_both_is_not_sent_twice(monkeypatch) -> None:
    for in_foreground, expected in ((True, []), (False, [signal.SIGINT])):
        sent: list[int] = []
        child = type("Child", (), {"send_signal": lambda self, number, sent=sent: sent.append(number)})()
        monkeypatch.setattr(child_module, "_is_in_foreground", lambda answer=in_foreground: answer)
        with child_module._forwarding() as forward_to:
            signal.raise_signal(signal.SIGINT)
            forward_to(child)
            assert sent == expected
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            assert sent == [*expected, signal.SIGTERM, *expected]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_the_command_waits_for_is_in_the_wall_time(elastance, tmp_path) -> None:
    """The child of the child ends last; the window holds it."""
    busy = "import time; end = time.monotonic() + 0.2\nwhile time.monotonic() < end: pass"
    script = f"{PYTHON} -c '{busy}' & wait"
    elastance("measure", *SIM, "--json", tmp_path / "whole.json", "--", "sh", "-c", script)
    assert document_of(tmp_path / "whole.json")["time_s"] > 0.2


def test_a_device_lost_meanwhile_is_said_and_the_others_count(elastance, tmp_path) -> None:
    answer = elastance(
        "measure", "--devices", "sim:v100x2,lost=0.05", "--json", tmp_path / "run.json", "--",
        PYTHON, "-c", "import time; end = time.monotonic() + 0.2\nwhile time.monotonic() < end: pass",
    )  # fmt: skip
    assert answer.status == 0
    assert "SIM-v100-1: no reading" in answer.err
    assert "incomplete" in answer.err
    document = document_of(tmp_path / "run.json")
    assert document["complete"] is False
    assert document["devices"][0]["energy_j"] == document["energy_j"] > 0.0
    assert document["devices"][1]["energy_j"] is None
    assert "is gone" in document["devices"][1]["problem"]


def test_a_result_that_cannot_be_written_is_said(elastance) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    shown = subprocess.run(
        ["bash", "-c", f"{PYTHON} -m elastance measure --devices sim:v100 --json - -- true > /dev/full"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.returncode == 2
    assert "elastance: the result was not written" in shown.stderr
    assert " J +- " in shown.stderr


def test_a_replayed_profile_is_labelled(elastance, tmp_path, public_traces) -> None:
    profile = public_traces / "profiles" / "V100+resnet50+gpu0.csv"
    answer = elastance("measure", "--devices", f"replay:{profile}", "--", "true")
    assert answer.status == 0
    assert "replay, counter" in answer.err
    assert "not measured on hardware (replay)" in answer.err


def test_no_thread_is_left_behind(elastance) -> None:
    before = set(threading.enumerate())
    elastance("measure", "--devices", "sim:v100,counter=no", "--", "true")
    assert set(threading.enumerate()) == before
