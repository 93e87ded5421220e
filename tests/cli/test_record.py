"""`elastance record` and `elastance energy`, as a user runs them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SIM = ("--devices", "sim:v100")
QUICK = ("--interval", "0.005", "--duration", "0.02")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "power.csv"
    lines = [f"2026-01-01 00:00:{second:02d}.000000000,{100_000 + 1000 * second}" for second in range(11)]
    path.write_text("\n".join(["Time,Power", *lines, ""]))
    return path


def test_record_then_energy(elastance, tmp_path: Path) -> None:
    output = tmp_path / "power.csv"
    answer = elastance(
        "record", "--output", output, *QUICK, *SIM, "--columns", "temperature,memory", "--json"
    )
    assert answer.status == 0
    assert "simulated: nothing here is measured on hardware" in answer.err
    assert "(model: not measured)" in answer.err
    recorded = json.loads(answer.out)
    (device,) = recorded["devices"]
    assert (device["id"], device["error"], device["provenance"]["source"]) == ("SIM-v100-0", None, "model")
    assert output.read_text().startswith("Time,Power,Temp,Mem\n")

    summary = json.loads(elastance("energy", output, "--json").out)
    assert summary["energy_j"] == pytest.approx(recorded["energy_j"], rel=1e-4)
    assert summary["logs"][0]["device"]["id"] == "SIM-v100-0"
    assert summary["logs"][0]["provenance"]["source"] == "model"
    shown = elastance("energy", output).out
    assert "(simulated)" in shown
    assert " model " in shown


def test_energy_of_several_logs(elastance, tmp_path: Path) -> None:
    elastance("record", "-o", tmp_path / "p.parquet", *QUICK, "--devices", "sim:v100,a40")
    logs = sorted(tmp_path.glob("*.parquet"))
    assert [path.name for path in logs] == ["p+gpu0.parquet", "p+gpu1.parquet"]
    document = json.loads(elastance("energy", *logs, "--json").out)
    assert document["energy_j"] == pytest.approx(sum(of["energy_j"] for of in document["logs"]))
    assert elastance("energy", *logs).out.splitlines()[-1].startswith("total")


def test_energy_of_a_window(elastance, log: Path) -> None:
    answer = elastance("energy", log, "--start", "-3", "--json")
    (of,) = json.loads(answer.out)["logs"]
    assert (of["energy_j"], of["mean_power_w"], of["max_power_w"], of["time_s"]) == (325.5, 108.5, 110, 3)
    assert (of["first"], of["last"]) == ("2026-01-01 00:00:07.000000000", "2026-01-01 00:00:10.000000000")
    assert of["provenance"] == {"source": "integral", "samples": 4, "max_gap_s": 1.0}
    assert (of["device"], of["torn_last_line"]) == (None, False)
    shown = elastance("energy", log, "--end", "5").out
    assert "512.5 J" in shown
    assert "102.5 W" in shown


def test_a_torn_line_is_said(elastance, log: Path) -> None:
    log.write_bytes(log.read_bytes()[:-1])
    answer = elastance("energy", log, "--json")
    assert answer.err == f"elastance: {log}: the last line was cut short and is left out\n"
    assert json.loads(answer.out)["logs"][0]["provenance"]["samples"] == 10


def test_energy_refuses_in_one_line(refused, log: Path, tmp_path: Path) -> None:
    assert "no such file" in refused("energy", tmp_path / "x.csv").err
    assert "not before end" in refused("energy", log, "--start", "5", "--end", "2").err
    log.write_text(log.read_text().replace(",105000", ",105 W"))
    assert "row 7: Power '105 W': expected a whole number" in refused("energy", log).err


def test_record_refuses_in_one_line(refused, log: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ELASTANCE_DEVICES", "sim:v100,noise=9")
    assert "noise" in refused("record", "-o", tmp_path / "new.csv").err
    assert sorted(tmp_path.iterdir()) == [log]


def test_record_keeps_a_log_that_is_there(elastance, log: Path) -> None:
    before = log.read_text()
    answer = elastance("record", "-o", log, *QUICK, *SIM)
    assert answer.status == 2
    assert "is there already" in answer.err
    assert log.read_text() == before
    assert elastance("record", "-o", log, *QUICK, *SIM, "--force").status == 0
    assert log.read_text() != before


def test_a_lost_device_is_said_and_its_log_stays(elastance, tmp_path: Path) -> None:
    output = tmp_path / "power.csv"
    answer = elastance("record", "-o", output, "--interval", "0", "--devices", "sim:v100,lost=0.2", "--json")
    assert answer.status == 2
    assert "the recording of SIM-v100-0 ended early" in answer.err
    assert "is gone" in json.loads(answer.out)["devices"][0]["error"]
    assert elastance("energy", output).status == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_recording_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    """Through a pipe: lines arrive one by one, while it records."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "elastance", "record", "-o", str(pipe), "--interval", "0.001", *SIM]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child,
        pipe.open("rb", buffering=0) as lines,
    ):
        first = [lines.readline() for _ in range(5)]
        child.send_signal(number)
        rest = lines.readlines()
        assert child.stderr is not None
        said = child.stderr.read()
    assert child.returncode == 0
    assert first[0] == b"Time,Power\n"
    assert all(line.endswith(b"\n") for line in rest)
    assert f"{len(first) - 1 + len(rest):,} samples" in said
