"""What `prepare` refuses, and the loop it gives."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import IterableDataset, TensorDataset

from elastance import elastic
from elastance.errors import CheckpointError, InputError, UnknownNameError

DATA = TensorDataset(torch.arange(12.0).view(6, 2))


def make(
    model: nn.Module | None = None, dataset: Any = DATA, optimizer: Any = torch.optim.SGD, **changed: Any
) -> elastic.ElasticJob:
    model = model or nn.Linear(2, 1)
    optimizer = optimizer(model.parameters() if len(list(model.parameters())) else [torch.zeros(1)], 0.1)
    numbers: dict[str, Any] = {"workers": 2, "batch_size": 1, "epochs": 1, "seed": 0}
    return elastic.prepare(model, optimizer, dataset, **{**numbers, **changed})


class Stream(IterableDataset):
    def __iter__(self):
        return iter([torch.zeros(2)])


class UsesHalf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Linear(2, 1), nn.Linear(2, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.used(inputs)


@pytest.mark.parametrize("name", ["workers", "batch_size", "epochs"])
def test_numbers_below_one_are_refused(name: str):
    with pytest.raises(InputError, match=f"{name}=0: expected at least 1"):
        make(**{name: 0})


def test_unknown_level_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean D1"):
        make(level="D11")


def test_an_iterable_data_set_is_refused():
    with pytest.raises(InputError, match="order that no seed fixes"):
        make(dataset=Stream())


def test_a_model_without_parameters_is_refused():
    with pytest.raises(InputError, match="nothing to train"):
        make(nn.ReLU())


def test_a_placement_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"placement 2x2 has 4 logical workers on 2 executors, .* 2 on 1"):
        make(placement="2x2")


def test_an_epoch_without_a_step_is_refused():
    with pytest.raises(InputError, match="no full mini-batch of 4"):
        make(batch_size=4, drop_last=True)


def train(model: nn.Module, *, turns: int = 1, most: int = 9, **changed: Any) -> None:
    """Iterate each step `turns` times, `most` mini-batches each."""
    for step in make(model, **changed).steps():
        for _ in range(turns):
            for (inputs,), _ in zip(step, range(most), strict=False):
                model(inputs.long() if isinstance(model, nn.Embedding) else inputs).sum().backward()


def test_leaving_a_step_early_is_refused():
    with pytest.raises(InputError, match="global step 0 ended before every logical worker"):
        train(nn.Linear(2, 1), most=1)


def test_iterating_a_step_twice_is_refused():
    with pytest.raises(InputError, match="iterated once"):
        train(nn.Linear(2, 1), turns=2)


def test_unused_parameters_are_named():
    with pytest.raises(InputError, match=r"worker 0: no gradient for idle\.weight, idle\.bias"):
        train(UsesHalf())


def test_sparse_gradients_are_refused():
    with pytest.raises(InputError, match="weight has a sparse gradient"):
        train(nn.Embedding(20, 2, sparse=True))


def test_steps_say_where_they_are():
    model = nn.Linear(2, 1)
    job = make(model, epochs=2)
    seen = []
    for step in job.steps():
        ranks = []
        for (inputs,) in step:
            ranks.append(step.rank)
            model(inputs).sum().backward()
        seen.append((step.index, step.epoch, step.batch, step.ends_epoch, ranks))
    assert seen == [(i, i // 3, i % 3, i % 3 == 2, [0, 1]) for i in range(6)]
    assert job.finished
    assert list(job.steps()) == []


def random_numbers_move(model: nn.Module, **changed: Any) -> bool:
    """Whether training draws from the process's own random numbers."""
    job = make(model, **changed)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for step in job.steps():
        for (inputs,) in step:
            torch.rand(7)
            model(inputs).sum().backward()
    return not torch.equal(torch.rand(3), expected)


def test_random_numbers_of_the_process_are_left_alone():
    assert not random_numbers_move(nn.Linear(2, 1))


def test_switching_can_be_left_out_for_measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("ELASTANCE_WITHOUT_SWITCHING", "1")
    assert random_numbers_move(nn.Linear(2, 1))
    with pytest.raises(InputError, match="for measuring, without checkpoints"):
        make(checkpoints=tmp_path)


def test_importing_the_package_does_not_import_torch():
    code = "import sys, elastance.elastic as e; e.Placement.parse('2x2'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_torch_the_extra_is_named():
    code = "import sys; sys.modules['torch'] = None; from elastance import elastic; elastic.prepare"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "pip install 'elastance[torch]'" in done.stderr


def test_periodic_checkpoints_need_a_directory():
    with pytest.raises(InputError, match="name a directory too"):
        make(checkpoint_every=3)
    with pytest.raises(InputError, match=r"prepare\(checkpoints=\.\.\.\)"):
        make().request_checkpoint()


def some_checkpoint(directory: Path) -> Path:
    """Of a job that was trained to its end."""
    model = nn.Linear(2, 1)
    for step in make(model, checkpoints=directory).steps():
        for (inputs,) in step:
            model(inputs).sum().backward()
    [path] = directory.iterdir()
    return path


def test_a_job_goes_on_from_its_checkpoint(tmp_path: Path):
    some_checkpoint(tmp_path)
    assert make(checkpoints=tmp_path, epochs=2).step == 3


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "seed 0, this job has 1"),
        ({"workers": 3}, "logical workers 2, this job has 3"),
        ({"level": "D0"}, "level 'D1', this job has 'D0'"),
        ({"batch_size": 2}, "batch size per logical worker 1, this job has 2"),
        ({"accumulate": 3}, r"mini-batches per global step \(accumulate\) 1, this job has 3"),
        ({"shuffle": False}, "shuffle True, this job has False"),
        ({"data_workers": 1}, "data workers 0, this job has 1"),
        ({"bucket_cap_mb": 1.0}, "bucket_cap_mb None, this job has 1.0"),
        (
            {"dataset": TensorDataset(torch.arange(10.0).view(5, 2))},
            "samples in the data set 6, this job has 5",
        ),
        (
            {"dataset": TensorDataset(torch.arange(12.0).flip(0).view(6, 2))},
            "other samples for the same indices",
        ),
        ({"model": nn.Linear(2, 2)}, r"weight is float32 \[1, 2\], this model's float32 \[2, 2\]"),
        ({"optimizer": torch.optim.Adam}, "optimizer 'SGD', this job has 'Adam'"),
        ({"extra": {"scaler": torch.amp.GradScaler("cpu")}}, r"extra \[\], this job has \['scaler'\]"),
    ],
)
def test_a_checkpoint_of_another_job_is_refused_and_left_alone(
    changed: dict[str, Any], named: str, tmp_path: Path
):
    path = some_checkpoint(tmp_path)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"belongs to another job: .*{named}"):
        make(checkpoints=tmp_path, **changed)
    assert [other.read_bytes() for other in tmp_path.iterdir()] == [before]


def test_a_checkpoint_of_another_format_is_refused_and_left_alone(tmp_path: Path):
    path = some_checkpoint(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 7', 1))
    before = path.read_bytes()
    with pytest.raises(
        CheckpointError, match="has format 7, expected 1: it is of another version of elastance"
    ):
        make(checkpoints=tmp_path)
    assert path.read_bytes() == before


def test_accumulation_says_how_many_mini_batches_a_step_has():
    model = nn.Linear(2, 1)
    seen = []
    for step in make(model, accumulate=2).steps():
        mini_batches = 0
        for (inputs,) in step:
            model(inputs).sum().backward()
            mini_batches += 1
        seen.append((step.batch, step.mini_batches, mini_batches, step.ends_epoch))
    assert seen == [(0, 2, 4, False), (1, 1, 2, True)]
