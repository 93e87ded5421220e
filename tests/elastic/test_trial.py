"""What a script writes down for `elastance certify`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from elastance.elastic import Level, Placement
from elastance.elastic.trial import Trial
from elastance.elastic.trial_record import digests
from elastance.errors import InputError
from made_up_elastic import Job, in_processes
from made_up_trial import train_in_trial

JOB = Job("image", 3, 0.002, steps=4)


def test_a_script_is_told_by_its_environment(monkeypatch: pytest.MonkeyPatch):
    assert Trial.asked() is None
    trial = Trial("here", "2:2+1", "D0", 7)
    for name, value in trial.environment().items():
        monkeypatch.setenv(name, value)
    assert Trial.asked() == trial
    assert trial.checked(3) == (Placement((2, 1)), Level.D0)
    with pytest.raises(InputError, match="the script has 4 logical workers.*certify with --workers 4"):
        trial.checked(4)
    with pytest.raises(
        InputError, match="on 2 executors the script has 2 logical workers, not 3: give prepare"
    ):
        trial.checked(2)


def test_what_is_to_be_kept_survives_the_environment(monkeypatch: pytest.MonkeyPatch):
    trial = Trial("here", "2:2+1", "D0", 7, scan_step=3, keep=((2, "parameter 0.weight"),))
    for name, value in trial.environment().items():
        monkeypatch.setenv(name, value)
    assert Trial.asked() == trial


def test_the_reference_is_plain_ddp_and_elastic_runs_write_down_the_same(tmp_path: Path):
    written: list[list[dict]] = []
    kept = []
    for placement, reference in [("3x1", True), ("2:2+1", False)]:
        directory = tmp_path / placement[0]
        directory.mkdir()
        trial = Trial(
            str(directory), placement, "D1", 3, reference, scan_step=2, keep=((1, "parameter body.0.weight"),)
        )
        in_processes(int(placement[0]), train_in_trial, JOB, trial)
        written.append(
            [json.loads(line) for line in (directory / "executor-0.jsonl").read_text().splitlines()]
        )
        kept.append(np.load(directory / "kept-0-0.npy"))
        noted = json.loads((directory / "operators.json").read_text())
        assert "aten.convolution_backward.default" in [operator["name"] for operator in noted]
        surroundings = json.loads((directory / "surroundings.json").read_text())
        assert surroundings["threads"] == 1
        assert surroundings["gradient_bytes"] == 4 * surroundings["parameters"] > 0
    by_ddp, elastic = written
    assert kept[0].shape == (6, 3, 3, 3)
    assert (kept[0] == kept[1]).all()
    assert all(line["cpu_time_s"] > 0 < line["peak_memory_bytes"] for line in by_ddp + elastic)
    assert [line["step"] for line in by_ddp] == [1, 2, 3]
    assert [line["tensors"] for line in by_ddp] == [line["tensors"] for line in elastic]
    assert by_ddp[0]["sent_bytes"] == 0 < elastic[0]["sent_bytes"]


def test_every_tensor_has_a_digest_of_its_own():
    model = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    optimizer = torch.optim.Adam(model.parameters())
    before = digests(model, optimizer)
    assert list(before) == [
        *(f"parameter {name}" for name in ("0.weight", "0.bias", "1.weight", "1.bias")),
        *(f"buffer 1.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")),
    ]
    model(torch.ones(2, 2)).sum().backward()
    optimizer.step()
    after = digests(model, optimizer)
    assert after["buffer 1.running_mean"] != before["buffer 1.running_mean"]
    assert {"optimizer 0.weight exp_avg", "optimizer 0.weight step"} < set(after)
