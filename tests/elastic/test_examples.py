"""The elastic examples print what their plain DDP twins print, and differ from them by a few lines."""

import difflib
import os
import socket
import subprocess
import sys
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
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launcher = [
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={processes}",
        f"--master-port={free_port()}",
    ]
    command = [sys.executable, *(launcher if processes > 1 else []), str(EXAMPLES / path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_an_example_prints_the_digest_of_plain_ddp():
    expected = printed(4, "plain_ddp/image_net.py")
    assert "model sha256" in expected
    assert printed(2, "image_net.py") == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "recommender"])
def test_the_others_run_too(name: str):
    assert "model sha256" in printed(1, f"{name}.py")
