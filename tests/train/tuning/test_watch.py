"""Scripts that are stopped at their threshold, or shown to be alive; small shell scripts on a clock moved by hand."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")

from elastance.cost import EtaCost
from elastance.devices import find_devices
from elastance.errors import DatabaseError
from elastance.measure import EnergyMeter
from elastance.train.tuning.watch import Watch

FOREVER = "while :; do sleep 0.02; done"


def watched(script: str, tmp_path: Path, *, threshold_j: float | None = 1e6, alive=lambda: None, **pace):
    """Run a shell script on a device whose joules begin to run once the file ``ready`` is there."""
    ready, hours = tmp_path / "ready", itertools.count(1)
    devices = find_devices("sim:v100,period=0", clock=lambda: 3600.0 * next(hours) if ready.exists() else 0.0)
    pace = {"grace_s": 60.0, "poll_s": 0.01, "beat_s": 60.0} | pace
    with EnergyMeter(devices, estimate_short=True) as meter:
        watch = Watch(meter, EtaCost(1.0, 250.0), threshold_j, alive, **pace)
        status = watch.run(["sh", "-c", f"cd {tmp_path}; {script}"], {"PATH": "/usr/bin:/bin"})
    return watch, status


def test_a_script_that_cost_too_much_is_told_to_stop(tmp_path: Path) -> None:
    watch, status = watched(f"trap 'echo stopped > out; exit 3' TERM; touch ready; {FOREVER}", tmp_path)
    assert watch.stopped
    assert status == 3
    assert (tmp_path / "out").read_text() == "stopped\n"


def test_one_that_does_not_listen_is_killed_after_its_grace(tmp_path: Path) -> None:
    watch, status = watched(f"trap '' TERM; touch ready; {FOREVER}", tmp_path, grace_s=0.0)
    assert watch.stopped
    assert status == 137


def test_what_the_script_started_is_stopped_too(tmp_path: Path) -> None:
    """As of a shell script that trains: the shell dies of SIGTERM at once, training is killed after its grace."""
    inner = f"trap '' TERM; echo $$ > pid; touch ready; {FOREVER}"
    watch, status = watched(f'sh -c "{inner.replace("$", chr(92) + "$")}"; :', tmp_path, grace_s=0.0)
    assert watch.stopped
    assert status in (137, 143)
    pid = int((tmp_path / "pid").read_text())
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    assert state.stdout.strip()[:1] in ("", "Z")


def test_a_script_below_its_threshold_is_left_alone(tmp_path: Path) -> None:
    watch, status = watched("touch ready; exit 5", tmp_path, threshold_j=1e12)
    assert not watch.stopped
    assert status == 5


def test_without_a_threshold_nothing_is_stopped(tmp_path: Path) -> None:
    watch, status = watched("touch ready; exit 0", tmp_path, threshold_j=None)
    assert not watch.stopped
    assert status == 0


def test_a_run_is_shown_to_be_alive_while_it_runs(tmp_path: Path) -> None:
    beats = []

    def alive() -> None:
        beats.append(None)
        if len(beats) == 1:
            raise DatabaseError("the database is being restarted")  # no reason to stop
        (tmp_path / "beaten").touch()

    _, status = watched("until [ -e beaten ]; do sleep 0.01; done", tmp_path, alive=alive, beat_s=0.001)
    assert status == 0
    assert len(beats) >= 2


def test_a_device_that_is_lost_ends_the_watch_only(tmp_path: Path) -> None:
    devices = find_devices("sim:v100,period=0")
    with EnergyMeter(devices, estimate_short=True) as meter:
        watch = Watch(meter, EtaCost(1.0, 250.0), 1.0, lambda: None, poll_s=0.001)
        devices[0].fault = DatabaseError("gone")
        assert watch.run([sys.executable, "-c", "pass"], {}) == 0
    assert not watch.stopped
