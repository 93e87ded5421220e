import pytest

pytest.importorskip("torch")

from elastance.elastic.measuring.costs import DDP, WITH, WITHOUT, Effort, memory, switching
from elastance.elastic.measuring.gang import alone, require_device, started
from elastance.elastic.measuring.task import Model, Size, Task, Way
from elastance.errors import InputError, WorkerError

TINY = Effort(Size.TINY, repeats=2, steps=1, workers=2)


@pytest.mark.slow
def test_every_way_of_training_times_each_of_its_mini_batches():
    with started(alone(2)) as gang:
        for model in Model:
            ddp = gang.steps(model, TINY.task(Way.DDP, 2), 2)
            assert [len(of) for of in ddp] == [2, 2]
            elastic = gang.steps(model, TINY.task(Way.ELASTIC, 4), 1)
            assert [len(step.micro_batches_s) for [step] in elastic] == [2, 2]
            summed = gang.steps(model, TINY.task(Way.ACCUMULATION, 3), 1)
            assert len(summed[0][0].micro_batches_s) == 3
        [lone] = gang.steps(Model.IMAGE_NET, TINY.task(Way.DDP, 1), 1)  # the other process takes no part
        assert 0 < sum(lone[0].micro_batches_s) < lone[0].time_s
        with pytest.raises(InputError, match="level D2 needs one thread"):
            gang.steps(Model.IMAGE_NET, Task(Way.ELASTIC, 2, "D2", size=Size.TINY), 1)
        with pytest.raises(WorkerError, match="process 0"):
            gang.steps(Model.IMAGE_NET, TINY.task(Way.DDP, 2), 1)


@pytest.mark.slow
def test_switching_and_memory_are_measured():
    blocks = switching(TINY)
    assert {(of.model, of.name, of.repeat) for of in blocks} == {
        (model, name, repeat) for model in Model for name in (WITH, WITHOUT) for repeat in (0, 1)
    }
    found = memory(TINY, [1])
    assert [(of.name, of.workers) for of in found] == [(DDP, 1), ("elastic", 1)]
    assert all(50e6 < of.memory_bytes < 4e9 for of in found)  # PyTorch alone is more than the former


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch):
    require_device("cpu")
    with pytest.raises(InputError, match="device 'tpu': expected cpu or cuda"):
        require_device("tpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match="finds no CUDA device on this machine"):
        require_device("cuda")
