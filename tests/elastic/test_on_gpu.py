"""The same equality on one GPU: 1, 2 and 4 executors over gloo, with the random numbers of CUDA."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from elastance.elastic import Level, Placement
from elastance.elastic.certification import certify
from elastance.elastic.numerics import environment

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

SCRIPT = """
import torch
from torch import nn
from elastance import elastic

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(512, 4)
).cuda()
optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
torch.backends.cudnn.deterministic = True
images, labels = torch.randn(400, 3, 8, 8), torch.randint(0, 4, (400,))
data = torch.utils.data.TensorDataset(images, labels)
job = elastic.prepare(model, optimizer, data, workers=4, batch_size=8, epochs=10, seed=1, bucket_cap_mb=0.01)
for step in job.steps():
    for images, labels in step:
        nn.functional.cross_entropy(model(images.cuda()), labels.cuda()).backward()
    optimizer.step()
"""


@pytest.mark.parametrize("level", [Level.D1, Level.D2])
def test_bits_are_those_of_ddp_on_the_same_gpu(level: Level, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    placements = [Placement.parse(text) for text in ("1x4", "2x2", "4x1")]
    certificate = certify([sys.executable, str(script)], placements, level, 50)
    assert certificate.equal, certificate.verdict
    assert certificate.reference.steps == 50
    assert certificate.reference.device_memory_bytes
    assert certificate.environment["device"] == torch.cuda.get_device_name()


def test_without_the_random_numbers_of_cuda_bits_differ(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    without = "from elastance.elastic import random_state\nrandom_state.torch.cuda.set_rng_state = lambda *_: None\n"
    script.write_text(without + SCRIPT)
    certificate = certify([sys.executable, str(script)], [Placement.parse("1x4")], Level.D1, 5)
    assert not certificate.equal


def test_d2_is_refused_without_its_setting_and_pins_with_it(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        SCRIPT.replace("workers=4", "workers=4, level='D2'") + "print(torch.backends.cudnn.enabled)"
    )
    bare = {**os.environ, "CUBLAS_WORKSPACE_CONFIG": ""}
    for settings, status in ((bare, 1), (bare | environment(Level.D2), 0)):
        done = subprocess.run(
            [sys.executable, script], env=settings, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == status, done.stderr
        assert ("CUBLAS_WORKSPACE_CONFIG=:4096:8" in done.stderr) == (status == 1)
        assert done.stdout.strip() == ("False" if status == 0 else "")
