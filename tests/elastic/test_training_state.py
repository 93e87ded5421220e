import copy

import torch
from torch import nn

from elastance.elastic.training_state import TrainingState


class Averaging(nn.Module):
    """Has a buffer that its state dict leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("mean", torch.zeros(2), persistent=False)
        self.register_buffer("count", torch.zeros(()))


def test_everything_comes_back():
    model = Averaging()
    optimizer = torch.optim.SGD(model.parameters(), 1.0, momentum=0.5)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    state = TrainingState(model, optimizer, {"scheduler": schedule})
    model.weight.sum().backward()
    optimizer.step()
    schedule.step()
    model.mean += 3
    model.count += 1
    saved = copy.deepcopy(state.to_plain())
    for _ in range(2):
        optimizer.step()
        schedule.step()
    model.mean += 5
    state.restore(saved)
    assert model.weight.tolist() == [0, 0]
    assert (model.mean.tolist(), model.count.item()) == ([3, 3], 1)
    assert optimizer.state[model.weight]["momentum_buffer"].tolist() == [1, 1]
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert schedule.last_epoch == 1
