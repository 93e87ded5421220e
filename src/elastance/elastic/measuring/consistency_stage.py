"""One stage of a job as one of its processes trains it, with the digests of every step."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parallel import DistributedDataParallel

from elastance.elastic import collectives
from elastance.elastic.measuring.consistency import WORKERS, Step
from elastance.elastic.measuring.models import workload
from elastance.elastic.measuring.trainings import batches
from elastance.elastic.numerics import pin_kernels
from elastance.elastic.preparation import prepare
from elastance.elastic.random_state import RandomState, seed_all
from elastance.elastic.recovery import Suspended
from elastance.elastic.trial_record import digests

if TYPE_CHECKING:
    from elastance.elastic.measuring.consistency import Stage
    from elastance.elastic.measuring.models import Workload

_SEED = 100
_EPOCHS = 1000


def train_stage(rank: int, stage: Stage) -> list[Step]:
    """Train one stage; what became of each of its steps."""
    torch.set_num_threads(1)
    device = torch.device(stage.device)
    if stage.pinned:
        pin_kernels(device)
    recipe = workload(stage.model, stage.size)
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    model = recipe.model().to(device)
    optimizer = recipe.optimizer(model)
    if stage.level is None:
        return _with_ddp(rank, stage, recipe, model, optimizer)
    return _elastic(stage, recipe, model, optimizer)


def _with_ddp(
    rank: int, stage: Stage, recipe: Workload, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> list[Step]:
    seed_all(_SEED + rank)
    untyped: Any = DistributedDataParallel
    parallel = untyped(model)
    own_batches = batches(recipe, WORKERS, rank)
    steps: list[Step] = []
    for _ in range(stage.stop_at):
        optimizer.zero_grad()
        loss = _backward(recipe, parallel, next(own_batches), stage.device)
        seen = (loss, _random_digest(stage)) if rank == WORKERS - 1 else (None, "")
        optimizer.step()
        steps.append(Step(*seen, _state_digest(model, optimizer)))
    collectives.wait_for_all(collectives.gloo_group())
    return steps


def _elastic(
    stage: Stage, recipe: Workload, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> list[Step]:
    job = prepare(
        model,
        optimizer,
        recipe.data,
        workers=WORKERS,
        batch_size=recipe.batch_size,
        epochs=_EPOCHS,
        seed=_SEED,
        level=stage.level or "none",
        placement=stage.placement,
        checkpoints=stage.checkpoints,
    )
    steps: list[Step] = []
    with suppress(Suspended):
        for step in job.steps():
            seen: tuple[float | None, str] = (None, "")
            for batch in step:
                loss = _backward(recipe, model, batch, stage.device)
                if step.rank == WORKERS - 1:
                    seen = (loss, _random_digest(stage))
            optimizer.step()
            steps.append(Step(*seen, _state_digest(model, optimizer)))
            if step.index + 1 == stage.stop_at:
                if stage.is_last:
                    break
                job.request_checkpoint(stop=True)
    job.executor.wait_for_all()
    return steps


def _backward(recipe: Workload, model: Any, batch: Any, device: str) -> float:  # noqa: ANN401
    inputs, targets = batch
    loss = recipe.loss(model(inputs.to(device)), targets.to(device))
    torch.autograd.backward(loss)
    return float(loss.detach())


def _random_digest(stage: Stage) -> str:
    state = RandomState.capture(torch.device(stage.device))
    parts = [repr(state.python), repr(state.numpy[1].tobytes()), repr(state.torch.numpy().tobytes())]
    if state.device is not None:
        parts.append(repr(state.device.numpy().tobytes()))
    return hashlib.sha256("".join(parts).encode()).hexdigest()


def _state_digest(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> str:
    named = digests(model, optimizer)
    return hashlib.sha256(
        "".join(f"{name} {digest}\n" for name, digest in named.items()).encode()
    ).hexdigest()
