"""The elastic examples print what their plain DDP twins print, and differ from them by a few lines."""

import difflib
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("torch")

EXAMPLES = Path(__file__).parents[2] / "examples" / "elastic"
NAMES = ["image_net", "transformer", "recommender"]
MOST_CHANGED_LINES = 10


def code(path: str) -> list[str]:
    """Lines without indentation, blank ones and the docstring of the module."""
    text = (EXAMPLES / path).read_text().split('"""\n', 1)[1]
    return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("name", NAMES)
def test_few_lines_differ_from_plain_ddp(name: str):
    changes = list(difflib.ndiff(code(f"plain_ddp/{name}.py"), code(f"{name}.py")))
    assert 0 < sum(line.startswith("+ ") for line in changes) <= MOST_CHANGED_LINES


def printed(processes: int, path: str) -> str:
    launcher = [
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={processes}",
        f"--master-port={free_port()}",
    ]
    return said_by([sys.executable, *(launcher if processes > 1 else []), str(EXAMPLES / path)])


def said_by(command: list[str]) -> str:
    """Standard output of a command, which leaves no process behind whatever becomes of it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=240)
        except BaseException:
            # torchrun gives its workers sessions of their own, and ends them when it is asked to.
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(40)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, err
    return out


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_an_example_prints_the_digest_of_plain_ddp():
    expected = printed(4, "plain_ddp/image_net.py")
    assert "model sha256" in expected
    assert printed(2, "image_net.py") == expected
    launch = [sys.executable, "-m", "elastance", "launch", "--workers", "4", "--executors", "3", "--"]
    launched = said_by([*launch, sys.executable, str(EXAMPLES / "image_net.py")])
    assert launched == f"[executor 0] {expected}"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "recommender"])
def test_the_others_run_too(name: str):
    assert "model sha256" in printed(1, f"{name}.py")
