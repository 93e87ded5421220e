"""`elastance top`: frames, and a real terminal."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import pytest

from elastance.cli.top_frame import ASCII, frame
from elastance.devices.simulated import simulated_devices
from elastance.measure.live import LiveReading, live_readings
from made_up_time import Now

QUICK = ("--interval", "0.1")


def _readings(spec: str, count: int = 31) -> tuple[LiveReading, ...]:
    now = Now(7.0)

    def wait(seconds: float) -> bool:
        now.s += seconds
        return False

    return list(islice(live_readings(simulated_devices(spec, clock=now), 1.0, wait=wait, clock=now), count))[
        -1
    ]


def test_a_frame_for_eighty_columns() -> None:
    lines = frame(_readings("sim:v100,a40,noise=0"), 3725.0, width=80, hint="q quits").plain.splitlines()
    assert lines[0].startswith("elastance top  2 devices  1:02:05  ")
    assert lines[0].endswith("q quits")
    assert lines[1] == "2 simulated: their numbers are not measured on hardware"
    assert lines[2].startswith("gpu0  NVIDIA Tesla V100 PCIe (simulated)")
    assert lines[2].endswith("SIM-v100-0 model")
    for text in ("/ 250 W", "°C", "100 %", "24.0/32.0 GiB", " kJ", "▆▆▆"):
        assert text in lines[3]
    assert len(lines) == 6
    assert all(len(line) <= 80 for line in lines)
    assert [len(lines[3]), len(lines[5])] == [80, 80]


def test_real_devices_have_no_made_up_line() -> None:
    (reading,) = _readings("sim:v100")
    real = reading._replace(device=replace(reading.device, provenance=None))
    assert "measured on hardware" not in frame([real], 1.0, width=80).plain


@pytest.mark.parametrize(("height", "lines", "more"), [(24, 18, False), (12, 10, False), (6, 6, True)])
def test_a_low_terminal_shows_what_fits(height: int, lines: int, more: bool) -> None:
    shown = frame(_readings("sim:v100x8", 3), 1.0, width=80, height=height).plain.splitlines()
    assert len(shown) == lines
    assert shown[-1].startswith("... and 5 more" if more else "gpu7" if height == 12 else "  ")
    assert all(len(line) <= 80 for line in shown)


def test_what_a_device_does_not_tell_is_a_dash() -> None:
    (reading,) = _readings("sim:v100", 3)
    silent = reading._replace(temperature_c=None, utilization=None, memory_bytes=None, power_limit_w=None)
    line = frame([silent], 1.0, width=80).plain.splitlines()[-1]
    assert line.count(" - ") == 3
    assert "/" not in line
    assert len(line) == 80


def test_a_lost_device_says_why() -> None:
    lines = frame(_readings("sim:v100x2,lost=5", 11), 10.0, width=80).plain.splitlines()
    assert lines[-1].startswith("      no reading: is gone (simulated: lost)")
    assert lines[-1].endswith("J")
    assert len(lines[-1]) == 80


def test_without_unicode_it_is_plain_ascii() -> None:
    assert frame(_readings("sim:v100", 3), 1.0, width=80, glyphs=ASCII).plain.isascii()


def test_once_prints_one_frame(elastance) -> None:
    answer = elastance("top", "--once", *QUICK, "--devices", "sim:v100x2")
    assert answer.status == 0
    assert answer.out.count("elastance top") == 1
    assert len(answer.out.splitlines()) == 6
    assert "\x1b" not in answer.out


def test_json_has_the_same_in_numbers(elastance) -> None:
    answer = elastance("top", "--json", *QUICK, "--devices", "sim:v100,lost=0")
    (device,) = json.loads(answer.out)["devices"]
    assert (device["energy_j"], device["power_w"]) == (None, None)
    assert "is gone" in device["problem"]
    (device,) = json.loads(elastance("top", "--json", *QUICK, "--devices", "sim:a40").out)["devices"]
    assert device["energy_j"] > 0
    assert (device["id"], device["power_limit_w"], device["provenance"]) == (
        "SIM-a40-0",
        300,
        {"source": "model"},
    )


def test_top_refuses_in_one_line(refused, elastance) -> None:
    assert (
        "load=7: expected a number from 0 to 1"
        in refused("top", "--once", "--devices", "sim:v100,load=7").err
    )
    answer = elastance("top", "--once", "--interval", "0.01", "--devices", "sim:v100")
    assert answer.status == 2
    assert answer.err.endswith("elastance: interval 0.01 s: expected seconds, at least 0.1\n")


COMMAND = [sys.executable, "-m", "elastance", "top", *QUICK, "--devices", "sim:v100x2"]


def test_a_pipe_gets_frame_after_frame() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        seen = [child.stdout.readline() for _ in range(14)]
        child.send_signal(signal.SIGINT)
        child.communicate()
    assert child.returncode == 0
    assert [number for number, line in enumerate(seen) if line.startswith("elastance top")] == [0, 7]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("end", [b"q", signal.SIGINT, signal.SIGTERM])
def test_a_terminal_is_left_as_it_was(end: bytes | signal.Signals) -> None:
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    before = termios.tcgetattr(theirs)
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(COMMAND, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as child:
        seen = b""
        while seen.count(b"elastance top") < 2:
            seen += os.read(ours, 65536)
        during = termios.tcgetattr(theirs)
        if isinstance(end, bytes):
            os.write(ours, end)
        else:
            child.send_signal(end)
        while seen.count(b"\x1b[?1049l") < 1 or not seen.endswith(b"\n"):
            seen += os.read(ours, 65536)
        assert child.wait(timeout=30) == 0
    after = termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)
    assert not during[3] & termios.ICANON
    assert after == before
    screen, _, left = seen.rpartition(b"\x1b[?1049l")
    assert screen.count(b"\x1b[?1049h") == 1
    assert b"\x1b[2J" not in screen.split(b"elastance top", 1)[1]  # drawn over, never cleared: no flicker
    assert b"\x1b[?25h" in seen
    assert b"q quits" in screen
    assert b"elastance top" in left
