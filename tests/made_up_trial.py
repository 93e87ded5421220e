"""Scripts for `elastance certify`, and a run as its reference."""

import os
from contextlib import suppress
from pathlib import Path

from elastance.elastic.trial import Trial, TrialOver
from made_up_elastic import Job, train_elastic

SCRIPT = """
import sys, torch
from elastance import elastic

torch.set_num_threads(1)
torch.manual_seed(0)
layers = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(0.5), torch.nn.Linear(4, 1)
model = torch.nn.Sequential(*layers)
optimizer = torch.optim.Adam(model.parameters(), 0.1)
data = torch.utils.data.TensorDataset(torch.randn(20, 3))
job = elastic.prepare(model, optimizer, data, workers=2, batch_size=4, epochs=2, seed=1)
for step in job.steps():
    for (inputs,) in step:
        model(inputs).square().mean().backward()
    optimizer.step()
open(sys.argv[1], "w").write("trained to the end")
"""


def train_in_trial(rank: int, job: Job, trial: Trial) -> None:
    """What the script of a trial does."""
    os.environ |= trial.environment()
    with suppress(TrialOver):
        train_elastic(rank, job)


def write_script(directory: Path, text: str = SCRIPT) -> Path:
    path = directory / "script.py"
    path.write_text(text)
    return path
