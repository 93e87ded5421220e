"""Power limits go back to what they were, whatever happens to who changed them."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import (
    DeviceBusyError,
    DeviceError,
    DeviceLostError,
    DevicePermissionError,
    InputError,
)
from elastance.measure import limit_records
from elastance.measure.held_limits import held_limits
from elastance.measure.limit_records import Purpose, read_record, record_path, state_directory
from elastance.measure.limits import (
    PowerLimitHold,
    limit_holder,
    power_limit,
    reset_limit,
    restore_abandoned_limits,
    set_standing_limit,
    standing_limit,
)
from made_up_limits import LimitedDevice

TESTS = Path(__file__).parents[1]


@pytest.fixture
def gpu(tmp_path: Path) -> LimitedDevice:
    return LimitedDevice(tmp_path / "limit")


def records() -> list[str]:
    return sorted(path.name for path in state_directory().glob("*.json"))


def test_the_limit_goes_back_at_the_end_and_on_an_exception(gpu: LimitedDevice) -> None:
    with power_limit(gpu, 150) as hold:
        assert gpu.limit_w == 150
        hold.set(175)
        hold.set(125)
        assert gpu.limit_w == 125
    assert gpu.limit_w == 250
    with pytest.raises(KeyError), power_limit([gpu], 150):
        raise KeyError
    assert gpu.limit_w == 250
    assert records() == []


def test_what_was_is_written_down_before_it_is_changed(
    gpu: LimitedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = LimitedDevice.set_power_limit

    def watched(device: LimitedDevice, power_limit_w: float) -> None:
        record = read_record(gpu.info.id, Purpose.HELD)
        seen.append((power_limit_w, record.previous_w, record.set_w))
        original(device, power_limit_w)

    monkeypatch.setattr(LimitedDevice, "set_power_limit", watched)
    with power_limit(gpu, 150) as hold:
        hold.set(120)
    assert seen == [(150, 250, (150,)), (120, 250, (150, 120)), (250, 250, (150, 120))]


def test_a_hold_without_a_limit_changes_nothing(gpu: LimitedDevice) -> None:
    with PowerLimitHold(gpu):
        assert gpu.limit_w == 250
        assert records() == []


@pytest.mark.parametrize("watts", [99.9, 300.1, float("nan"), float("inf"), -1])
def test_a_limit_out_of_range_changes_no_device(gpu: LimitedDevice, tmp_path: Path, watts: float) -> None:
    other = LimitedDevice(tmp_path / "other", "GPU-other")
    with pytest.raises(InputError, match="expected 100 to 300 W"), power_limit([other, gpu], watts):
        pytest.fail("not reached")
    assert (gpu.limit_w, other.limit_w) == (250, 250)
    assert records() == []


def test_without_permission_for_one_the_others_go_back(gpu: LimitedDevice, tmp_path: Path) -> None:
    other = LimitedDevice(tmp_path / "other", "GPU-other")
    gpu.fault = DevicePermissionError("no right")
    with pytest.raises(DevicePermissionError, match="no right"), power_limit([other, gpu], 150):
        pytest.fail("not reached")
    assert other.limit_w == 250
    assert records() == []
    assert not held_limits.holds(other.info.id)


def test_a_limit_that_cannot_be_put_back_is_an_error_and_is_put_back_later(
    gpu: LimitedDevice, tmp_path: Path
) -> None:
    other = LimitedDevice(tmp_path / "other", "GPU-other")
    with pytest.raises(DeviceError, match="was not put back: it is gone"), power_limit([gpu, other], 150):
        gpu.fault = DeviceLostError("it is gone")
    assert (gpu.limit_w, other.limit_w) == (150, 250)
    gpu.fault = None
    (change,) = restore_abandoned_limits([gpu, other])
    assert (change.device, change.before_w, change.after_w) == (gpu, 150, 250)
    assert gpu.limit_w == 250


def test_the_error_of_the_block_is_not_hidden_by_that_of_cleaning_up(
    gpu: LimitedDevice, caplog: pytest.LogCaptureFixture
) -> None:
    hold = power_limit(gpu, 150).__enter__()
    gpu.fault = DeviceLostError("it is gone")
    with caplog.at_level(logging.ERROR):
        assert hold.__exit__(KeyError, KeyError(), None) is None
    assert "it is gone" in caplog.text
    gpu.fault = None
    restore_abandoned_limits([gpu])


@given(st.lists(st.tuples(st.sampled_from([0, 0, 110, 150, 200, 290]), st.integers(0, 99)), max_size=12))
def test_holds_that_nest_and_overlap_end_where_they_began(steps: list[tuple[int, int]]) -> None:
    """Zero lets go of one of those held, another number holds that limit."""
    gpu = LimitedDevice(state_directory().parent / "overlapping")
    held: list[PowerLimitHold] = []
    for watts, which in [*steps, *[(0, 7)] * len(steps)]:
        if watts:
            held.append(power_limit(gpu, watts).__enter__())
            assert gpu.limit_w == watts
        elif held:
            held.pop(which % len(held)).__exit__(None, None, None)
    assert not held
    assert gpu.limit_w == 250
    assert records() == []


def test_threads_may_hold_limits_side_by_side(tmp_path: Path) -> None:
    gpus = [LimitedDevice(tmp_path / f"limit{i}", f"GPU-{i}") for i in range(4)]

    def work(gpu: LimitedDevice) -> None:
        for watts in range(100, 120):
            with power_limit(gpu, watts):
                assert gpu.limit_w == watts

    threads = [threading.Thread(target=work, args=(gpu,)) for gpu in gpus]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [gpu.limit_w for gpu in gpus] == [250] * 4
    assert records() == []


# ---- other processes ----

HOLDER = """
import os, signal, sys, time
from pathlib import Path
from made_up_limits import LimitedDevice
from elastance.measure.limits import power_limit
gpu = LimitedDevice(Path(sys.argv[1]))
def wait():
    print("ready", gpu.limit_w, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def another_process(
    gpu: LimitedDevice, code: str = "with power_limit(gpu, 150): wait()", **options: object
) -> Generator[subprocess.Popen[str]]:
    """Run a process that holds the limit, and give it once it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER + code, str(gpu.file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        **options,
    )
    try:
        assert process.stdout.readline() == "ready 150.0\n"
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_polite_signal_puts_the_limit_back_and_ends_the_process(gpu: LimitedDevice, number: int) -> None:
    with another_process(gpu) as process:
        process.send_signal(number)
        assert process.wait(20) == -number
    assert gpu.limit_w == 250
    assert records() == []


def test_the_users_own_handler_runs_once_the_limit_is_back(gpu: LimitedDevice) -> None:
    code = """
signal.signal(signal.SIGTERM, lambda *_: (print("mine", gpu.limit_w, flush=True), os._exit(7)))
with power_limit(gpu, 150): wait()
"""
    with another_process(gpu, code) as process:
        process.terminate()
        assert process.stdout.readline() == "mine 250.0\n"
        assert process.wait(20) == 7


def test_nohup_is_respected(gpu: LimitedDevice) -> None:
    code = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with power_limit(gpu, 150):
    wait()
    print("still", gpu.limit_w, flush=True)
"""
    with another_process(gpu, code) as process:
        process.send_signal(signal.SIGHUP)
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "still 150.0\n"
        assert process.wait(20) == 0
    assert gpu.limit_w == 250


def test_after_a_kill_the_next_start_puts_it_back(
    gpu: LimitedDevice, caplog: pytest.LogCaptureFixture
) -> None:
    with another_process(gpu) as process:
        process.kill()
        process.wait(20)
    assert gpu.limit_w == 150
    with caplog.at_level(logging.WARNING), power_limit(gpu, 200):
        assert gpu.limit_w == 200
    assert "was killed before it could put it back" in caplog.text
    assert gpu.limit_w == 250
    assert records() == []


def test_a_live_owner_is_not_robbed(gpu: LimitedDevice) -> None:
    with another_process(gpu) as process:
        assert restore_abandoned_limits([gpu]) == []
        assert limit_holder(gpu) == process.pid
        for change in (
            lambda: power_limit(gpu, 200).__enter__(),
            lambda: set_standing_limit(gpu, 200),
            lambda: reset_limit(gpu),
        ):
            with pytest.raises(DeviceBusyError, match=f"held by process {process.pid}"):
                change()
        assert gpu.limit_w == 150
        process.communicate("done\n")
        assert process.returncode == 0
    assert limit_holder(gpu) is None
    assert gpu.limit_w == 250


def test_leaving_without_the_block_puts_it_back(gpu: LimitedDevice) -> None:
    with another_process(gpu, "power_limit(gpu, 150).__enter__(); wait(); sys.exit(3)") as process:
        process.communicate("done\n")
        assert process.returncode == 3
    assert gpu.limit_w == 250
    assert records() == []


def test_a_forked_child_puts_nothing_back(gpu: LimitedDevice) -> None:
    """Data loaders fork workers and end them by SIGTERM, or let them run to their end."""
    code = """
with power_limit(gpu, 150):
    for end in ("exit", "signal"):
        child = os.fork()
        if child == 0:
            if end == "exit":
                break
            os.kill(os.getpid(), signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (0 if end == "exit" else -15)
        assert gpu.limit_w == 150, end
    else:
        wait()
"""
    with another_process(gpu, code) as process:
        assert gpu.limit_w == 150
        process.communicate("done\n")
        assert process.returncode == 0
    assert gpu.limit_w == 250


# ---- records ----


def leave_record(gpu: LimitedDevice, **owner: object) -> None:
    """Write the record of a process that is not this one."""
    with power_limit(gpu, 150):
        document = json.loads(record_path(gpu.info.id, Purpose.HELD).read_text())
    gpu.set_power_limit(150)
    document["owner"].update(owner)
    record_path(gpu.info.id, Purpose.HELD).write_text(json.dumps(document))


def test_a_process_id_that_is_used_again_is_no_owner(gpu: LimitedDevice) -> None:
    leave_record(gpu, started="1")
    assert len(restore_abandoned_limits([gpu])) == 1
    assert gpu.limit_w == 250
    assert records() == []


def test_a_record_of_an_earlier_boot_means_nothing(gpu: LimitedDevice) -> None:
    leave_record(gpu, boot_id="another")
    assert restore_abandoned_limits([gpu]) == []
    assert gpu.limit_w == 150
    assert records() == []


def test_a_limit_changed_by_somebody_since_is_left(gpu: LimitedDevice) -> None:
    leave_record(gpu, started="1")
    gpu.set_power_limit(222)
    assert restore_abandoned_limits([gpu]) == []
    assert gpu.limit_w == 222
    assert records() == []


def test_a_process_in_another_container_may_be_alive(gpu: LimitedDevice) -> None:
    leave_record(gpu, started="1", namespace="pid:[1]")
    assert restore_abandoned_limits([gpu]) == []
    with pytest.raises(DeviceBusyError, match=r"\.held\.json"), power_limit(gpu, 200):
        pytest.fail("not reached")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"device_id": 1}'])
def test_a_broken_record_is_named(gpu: LimitedDevice, content: str) -> None:
    leave_record(gpu)
    record_path(gpu.info.id, Purpose.HELD).write_text(content)
    with pytest.raises(DeviceError, match=r"held\.json: is no record of a power limit"):
        restore_abandoned_limits([gpu])


def test_without_a_place_for_records_no_limit_is_changed(
    gpu: LimitedDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ELASTANCE_STATE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="ELASTANCE_STATE"), power_limit(gpu, 150):
        pytest.fail("not reached")
    assert gpu.limit_w == 250


def test_looking_for_abandoned_limits_writes_nothing(
    gpu: LimitedDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTANCE_STATE", str(tmp_path / "state"))
    assert restore_abandoned_limits([gpu]) == []
    assert not (tmp_path / "state").exists()


def test_without_proc_limits_are_refused(gpu: LimitedDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit_records, "_started", lambda _: None)
    with pytest.raises(DeviceError, match="Linux only"), power_limit(gpu, 150):
        pytest.fail("not reached")
    assert gpu.limit_w == 250


# ---- standing limits ----


def test_a_standing_limit_stays_until_it_is_reset_to_what_was_before(gpu: LimitedDevice) -> None:
    assert set_standing_limit(gpu, 200)[1:] == (250, 200)
    assert set_standing_limit(gpu, 180)[1:] == (200, 180)
    assert standing_limit(gpu).previous_w == 250
    with power_limit(gpu, 120):
        pass
    assert gpu.limit_w == 180
    assert reset_limit(gpu)[1:] == (180, 250)
    assert (gpu.limit_w, records()) == (250, [])


def test_without_a_record_a_reset_means_the_default(gpu: LimitedDevice) -> None:
    assert reset_limit(gpu)[1:] == (250, 300)
    gpu.fault = DevicePermissionError("no right")
    assert reset_limit(gpu)[1:] == (300, 300), "what is so already needs no right"


def test_a_reset_also_ends_what_a_killed_process_left(gpu: LimitedDevice) -> None:
    leave_record(gpu, started="1")
    assert reset_limit(gpu)[1:] == (150, 300)
    assert records() == []


def test_a_standing_limit_that_was_refused_leaves_no_record(gpu: LimitedDevice) -> None:
    gpu.fault = DevicePermissionError("no right")
    with pytest.raises(DevicePermissionError):
        set_standing_limit(gpu, 200)
    assert records() == []
