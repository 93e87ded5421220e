"""Small jobs for tests of elastic training, and the plain DDP scripts they must equal.

The DDP side uses PyTorch only, nothing of elastance. Processes are forked from one that has imported PyTorch,
so that a job of eight processes does not import it eight times.
"""

import hashlib
import multiprocessing
import os
import random
import signal
import tempfile
import traceback
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset, DistributedSampler

SEED = 100
_DEADLINE_S = 300


class ImageNet(nn.Module):
    """Convolutions, BatchNorm (buffers that depend on the rank) and dropout (random numbers in the forward pass)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(8 * 16, 12),
            nn.Dropout(0.3),
            nn.Linear(12, 5),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.body(inputs)


class Images(Dataset):
    """Augmented by the random numbers of Python, NumPy and PyTorch."""

    def __init__(self, samples: int) -> None:
        made = torch.Generator().manual_seed(1)
        self.images = torch.randn(samples, 3, 8, 8, generator=made)
        self.labels = torch.randint(0, 5, (samples,), generator=made)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[index]
        if random.random() < 0.5:
            image = image.flip(-1)
        image = image.roll(int(np.random.randint(-2, 3)), -1) + 0.1 * torch.randn(image.shape)
        return image, self.labels[index]


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 24, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, 20)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(self.embed(tokens))).flatten(0, 1)


class Tokens(Dataset):
    def __init__(self, samples: int) -> None:
        self.text = torch.randint(0, 20, (samples, 7), generator=torch.Generator().manual_seed(2))

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.text[index, :-1], self.text[index, 1:]


class Recommender(nn.Module):
    """Neural collaborative filtering: a product of embeddings beside a perceptron."""

    def __init__(self) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(30, 8), nn.Embedding(40, 8)
        self.deep = nn.Sequential(nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 4), nn.ReLU())
        self.score = nn.Linear(12, 1)

    def forward(self, pair: torch.Tensor) -> torch.Tensor:
        user, item = self.users(pair[:, 0]), self.items(pair[:, 1])
        return self.score(torch.cat([user * item, self.deep(torch.cat([user, item], 1))], 1)).squeeze(1)


class Ratings(Dataset):
    """A pair that was seen, or one drawn by NumPy's random numbers."""

    def __init__(self, samples: int) -> None:
        made = torch.Generator().manual_seed(3)
        self.seen = torch.stack([torch.randint(0, top, (samples,), generator=made) for top in (30, 40)], 1)

    def __len__(self) -> int:
        return len(self.seen)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if np.random.random() < 0.5:
            return self.seen[index], torch.tensor(1.0)
        return torch.stack([self.seen[index, 0], torch.tensor(np.random.randint(40))]), torch.tensor(0.0)


@dataclass(frozen=True)
class Recipe:
    """A model, its data, and the step a training script makes with them."""

    model: Callable[[], nn.Module]
    data: Callable[[int], Dataset]
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]
    clip: float | None = None
    mixed: bool = False

    def start(self) -> tuple[nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        model = self.model()
        if self.mixed:
            model = model.to(memory_format=torch.channels_last)
        optimizer = self.optimizer(model)
        return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.9)

    def backward(
        self, model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, scaler: torch.amp.GradScaler
    ) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.mixed):
            loss = self.loss(model(inputs), targets)
        scaler.scale(loss).backward()

    def scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler("cpu", init_scale=1000.0, growth_interval=5, enabled=self.mixed)

    def update(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler,
        scaler: torch.amp.GradScaler,
    ) -> None:
        if self.clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), self.clip)
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()


RECIPES = {
    # bfloat16 by autocast, scaled gradients, and weights whose memory is in another order than their dimensions
    "mixed": Recipe(
        ImageNet, Images, F.cross_entropy,
        lambda model: torch.optim.SGD(model.parameters(), 0.05, momentum=0.9), mixed=True,
    ),
    "image": Recipe(
        ImageNet, Images, F.cross_entropy,
        lambda model: torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-4),
    ),
    "transformer": Recipe(
        Transformer, Tokens, lambda scores, text: F.cross_entropy(scores, text.flatten()),
        lambda model: torch.optim.AdamW(model.parameters(), 0.01), clip=1.0,
    ),
    "recommender": Recipe(
        Recommender, Ratings, F.binary_cross_entropy_with_logits,
        lambda model: torch.optim.Adam(model.parameters(), 0.01),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One of the recipes with its numbers. 83 samples leave workers a short last batch, and are padded or cut."""

    recipe: str = "image"
    workers: int = 4
    cap_mb: float | None = None
    steps: int = 50
    samples: int = 83
    batch_size: int = 4
    data_workers: int = 0
    accumulate: int = 1

    def __str__(self) -> str:
        return f"{self.recipe}, {self.workers} workers, {'one bucket' if self.cap_mb is None else 'several buckets'}"

    @property
    def epochs(self) -> int:
        share = -(-self.samples // self.workers)
        return -(-self.steps // -(-share // (self.batch_size * self.accumulate)))


def digest(model: nn.Module, optimizer: torch.optim.Optimizer) -> str:
    """Sha256 of parameters, buffers and the optimizer's state."""
    hashed = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        hashed.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            raw = value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value).encode()
            hashed.update(f"{index}{name}".encode() + raw)
    return hashed.hexdigest()


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def train_with_ddp(rank: int, job: Job, *, pinned: bool = False) -> list[str]:
    """A plain DDP script; the digests of rank 0. `pinned` is the setting of level D2 that is no variable."""
    torch.backends.mkldnn.enabled = not pinned
    recipe = RECIPES[job.recipe]
    model, optimizer, scheduler = recipe.start()
    data = recipe.data(job.samples)
    seed_everything(SEED + rank)
    sampler = DistributedSampler(data, job.workers, rank)
    loader = DataLoader(data, job.batch_size, sampler=sampler, num_workers=job.data_workers)
    ddp = DistributedDataParallel(model, bucket_cap_mb=job.cap_mb)
    scaler = recipe.scaler()
    digests = []
    for epoch in range(job.epochs):
        sampler.set_epoch(epoch)
        optimizer.zero_grad()
        for number, (inputs, targets) in enumerate(loader, 1):
            updates = number % job.accumulate == 0 or number == len(loader)
            with nullcontext() if updates else ddp.no_sync():
                recipe.backward(ddp, inputs, targets, scaler)
            if updates:
                recipe.update(model, optimizer, scheduler, scaler)
                optimizer.zero_grad()
                if rank == 0:
                    digests.append(digest(model, optimizer))
    return digests


def train_elastic(
    rank: int,
    job: Job,
    placement: str | None = None,
    *,
    stop_at: int | None = None,
    die_at: int | None = None,
    **options: Any,
) -> list[str]:
    """The same with elastance, on however many executors there are; the digests of this executor.

    Executor 0 may ask to stop after `stop_at` global steps; the last one is killed after `die_at` steps.
    """
    from elastance import elastic

    recipe = RECIPES[job.recipe]
    model, optimizer, scheduler = recipe.start()
    scaler = recipe.scaler()
    run = elastic.prepare(
        model,
        optimizer,
        recipe.data(job.samples),
        workers=job.workers,
        batch_size=job.batch_size,
        epochs=job.epochs,
        seed=SEED,
        placement=placement,
        bucket_cap_mb=job.cap_mb,
        accumulate=job.accumulate,
        scheduler=scheduler,
        extra={"scaler": scaler},
        **options,
    )
    digests = []
    with suppress(elastic.Suspended):
        for step in run.steps():
            for inputs, targets in step:
                recipe.backward(model, inputs, targets, scaler)
            recipe.update(model, optimizer, scheduler, scaler)
            digests.append(digest(model, optimizer))
            if step.index + 1 == stop_at and rank == 0:
                run.request_checkpoint(stop=True)
            if step.index + 1 == die_at and rank == run.executor.placement.executors - 1:
                os.kill(os.getpid(), signal.SIGKILL)
    return digests


def in_processes(
    world: int,
    function: Callable[..., Any],
    *args: Any,
    environments: list[dict[str, str]] | None = None,
    **options: Any,
) -> list[Any]:
    """What `function(rank, *args, **options)` returns in each of `world` processes that form a gloo group.

    With `environments` each process imports PyTorch with variables of its own, which takes seconds.
    """
    context: Any = multiprocessing.get_context("spawn" if environments else "forkserver")
    if not environments:
        context.set_forkserver_preload(["torch._dynamo", "elastance.elastic.preparation"])
    with tempfile.TemporaryDirectory() as meeting:
        pipes = [context.Pipe(duplex=False) for _ in range(world)]
        processes = [
            context.Process(
                target=_in_group,
                args=(rank, world, meeting, pipes[rank][1], function, args, options),
                daemon=False,
            )
            for rank in range(world)
        ]
        for process, variables in zip(processes, environments or [{}] * world, strict=True):
            with mock.patch.dict(os.environ, variables):
                process.start()
        for _, sender in pipes:
            sender.close()
        try:
            return [
                _received(process, receiver) for process, (receiver, _) in zip(processes, pipes, strict=True)
            ]
        finally:
            for process in processes:
                process.join(5)
                if process.is_alive():
                    process.kill()
                    process.join()


def _received(process: Any, receiver: Any) -> Any:
    if not wait([receiver], _DEADLINE_S):
        raise TimeoutError(f"{process.name} did not answer")
    try:
        kind, value = receiver.recv()
    except EOFError:
        process.join(5)
        raise RuntimeError(f"{process.name} died with status {process.exitcode}") from None
    if kind == "error":
        raise RuntimeError(value)
    return value


def _in_group(
    rank: int, world: int, meeting: str, sender: Any, function: Callable[..., Any], args: Any, options: Any
) -> None:
    torch.set_num_threads(1)
    multiprocessing.set_start_method(
        "fork", force=True
    )  # as in a script; else the children of children start anew
    dist.init_process_group("gloo", f"file://{Path(meeting) / 'store'}", rank=rank, world_size=world)
    try:
        answer = ("done", function(rank, *args, **options))
    except Exception:
        sender.send(("error", traceback.format_exc()))
        raise
    # A process that leaves while others still talk to it makes gloo abort them.
    dist.barrier()
    dist.destroy_process_group()
    sender.send(answer)
    sender.close()
