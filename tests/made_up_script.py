"""A training script without a framework, for `elastance profile`; does what its arguments say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import sys, time
from pathlib import Path
from elastance.train import profiled_steps

size = int(sys.argv[1])
here = Path(__file__).parent
if (here / f"fail-{size}").exists():
    raise MemoryError(f"out of memory with {size}")
with (here / "started").open("a") as started:
    started.write(f"{size}\\n")
steps = 0
for epoch in range(2):
    for batch in profiled_steps(range(8)):
        steps += 1
        time.sleep(0.0005)
        if (here / f"hang-{size}").exists() and list((here / "out" / "cells").glob(f"bs{size}-*.json")):
            hung = (here / "hung").open("w")
            print("hung", file=hung, flush=True)
            sys.stdin.read()
(here / "trained-on").touch()
"""


def write_script(directory: Path) -> Path:
    """Write the script; beside it, an empty file fail-32 makes batch size 32 fail, hang-32 stop after a
    limit and write to the file (or pipe) hung, which it then keeps open."""
    path = directory / "train.py"
    path.write_text(_SCRIPT)
    return path
