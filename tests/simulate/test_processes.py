import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from elastance.errors import InputError, WorkerError
from elastance.simulate.processes import in_processes


def doubled(number: int) -> int:
    return 2 * number


def refuse(number: int) -> int:
    raise InputError(f"not {number}")


def die(number: int) -> int:
    os._exit(number)


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_part_is_answered_once(jobs: int) -> None:
    assert dict(in_processes(doubled, [5, 6, 7], jobs)) == {0: 10, 1: 12, 2: 14}


def test_no_parts() -> None:
    assert list(in_processes(doubled, [], 2)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_worker_is_raised_here(jobs: int) -> None:
    with pytest.raises(InputError, match="not"):
        list(in_processes(refuse, [1, 2, 3], jobs))


def test_a_worker_that_dies() -> None:
    with pytest.raises(WorkerError, match="worker process died"):
        list(in_processes(die, [1, 2, 3], 2))


def test_no_process_to_do_the_work() -> None:
    with pytest.raises(InputError, match="at least one process"):
        list(in_processes(doubled, [1], 0))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
            import os, time
            from elastance.simulate.processes import in_processes

            def work(part):
                return os.getpid()

            if __name__ == "__main__":
                for number, pid in in_processes(work, list(range(4)), 2):
                    print(pid, flush=True)
                    time.sleep(60)
        """)
    )
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert alive(worker)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    patience = time.monotonic() + 30
    while alive(worker) and time.monotonic() < patience:
        time.sleep(0.01)
    assert not alive(worker)
