"""Several ranks, really: processes of torch.distributed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from elastance.train.ranks import gather_from_ranks

TWO_RANKS = """
import sys
import torch.distributed as distributed
from elastance.devices import find_devices
from elastance.train import LeastEtaCost, PowerLimitOptimizer, SweepSteps
from made_up_time import Now
from made_up_training import TrainingGpu, train
rank, store = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
now = Now()
gpu = TrainingGpu(now, f"GPU-{rank}")
with PowerLimitOptimizer([gpu], steps=SweepSteps(1, 2, 4), clock=now) as tuner:
    train(tuner, now, 50, lambda: gpu.step_time_s() * (1 + rank))
    first = tuner.profile.windows[0]
    print(tuner.state.power_limit_w, tuner.profile.max_power_w, round(first.energy_j, 2), round(first.time_s, 4))
distributed.destroy_process_group()
"""


def test_alone_without_torch() -> None:
    assert gather_from_ranks("mine") == ["mine"]


def test_nothing_imports_torch_before_it_is_used() -> None:
    script = "import sys, elastance.train; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.slow
def test_two_processes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    tests = Path(__file__).parents[1]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_RANKS, str(rank), str(tmp_path / "store")],
            env=os.environ | {"PYTHONPATH": str(tests), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [rank.communicate(timeout=120)[0] for rank in ranks]
    # Steps under 250 W: 0.13 s on the first rank, twice that on the second, both at 225 W.
    energy_j, time_s = 3 * 4 * 0.13 * 225.0, 2 * 4 * 0.13
    assert said[0] == said[1]
    assert said[0].split()[1:] == ["500.0", f"{energy_j:.1f}", f"{time_s:.2f}"]
