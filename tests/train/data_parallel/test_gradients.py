"""Ranks with unequal shares take the very steps of one process with the whole batch: real processes, over gloo."""

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import made_up_ddp  # noqa: E402 (needs torch)
from elastance.train.launching import JobEnd, RankProcess, started_ranks  # noqa: E402

pytestmark = pytest.mark.slow


def trained(directory: Path, sizes: str, at_once: str, samples: int) -> list[dict]:
    """What each rank saw."""
    logs = directory / "logs"
    logs.mkdir()
    own = {"ELASTANCE_BATCH_SIZES": sizes, "ELASTANCE_MICRO_BATCH_SIZES": at_once, "OMP_NUM_THREADS": "1"}
    ranks = [RankProcess(str(rank), own) for rank in range(len(sizes.split(",")))]
    command = [sys.executable, made_up_ddp.__file__, str(directory), str(samples)]
    with started_ranks(command, ranks, logs) as running:
        assert running.until_ended() == JobEnd()
    return [torch.load(directory / f"{rank}.pt") for rank in range(len(ranks))]


def alone(batch_size: int, samples: int) -> list:
    """What one process sees that takes every batch whole, in plain PyTorch."""
    model, data = made_up_ddp.made_up_model(), made_up_ddp.made_up_data(samples)
    optimizer = torch.optim.SGD(model.parameters(), lr=made_up_ddp.RATE, momentum=made_up_ddp.MOMENTUM)
    seen = []
    for epoch in range(made_up_ddp.EPOCHS):
        order = np.random.default_rng((made_up_ddp.SEED, epoch)).permutation(samples)
        for begin in range(0, samples, batch_size):
            inputs, targets = data[order[begin : begin + batch_size]]
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(inputs), targets).backward()
            seen.append(made_up_ddp.flat_gradients(model))
            optimizer.step()
    return [*seen, torch.cat([parameter.detach().flatten() for parameter in model.parameters()])]


def close(one: list, other: list) -> bool:
    """Whether all gradients and the parameters agree to the round-off of float32."""
    return len(one) == len(other) and all(
        torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(
    ("sizes", "at_once", "samples"),
    [
        ("5,3", "2,3", 50),  # micro-batches 2+2+1 and 3; the last batch of an epoch has 2 samples
        ("7,4,1", "7,4,1", 73),  # the last batch has 1 sample: two ranks have none
    ],
)
def test_steps_are_those_of_one_process(sizes: str, at_once: str, samples: int, tmp_path: Path) -> None:
    ranks = trained(tmp_path, sizes, at_once, samples)
    expected = alone(sum(map(int, sizes.split(","))), samples)
    assert len(expected) == 22  # 21 steps, and the parameters
    for rank in ranks:
        assert close(rank["weighted"], expected)
        assert all(torch.equal(a, b) for a, b in zip(rank["weighted"], ranks[0]["weighted"], strict=True))
        # Without weights the first step is another one already.
        assert not close(rank["plain"][:1], expected[:1])
        assert not close(rank["plain"], expected)
