"""The example models in several sizes, each with made-up data: an image net, a transformer, a recommender."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import Dataset

from elastance.elastic.measuring.task import Model, Size

if TYPE_CHECKING:
    from collections.abc import Callable

_SAMPLES = 4096
"""Samples of every data set: several steps of eight workers per epoch."""


class _Dimensions(NamedTuple):
    batch_size: int
    width: int
    extent: int


_DIMENSIONS = {
    # channels of the first convolution; side of an image
    (Model.IMAGE_NET, Size.TINY): _Dimensions(4, 4, 8),
    (Model.IMAGE_NET, Size.CPU): _Dimensions(32, 16, 32),
    (Model.IMAGE_NET, Size.CUDA): _Dimensions(128, 64, 64),
    # width of the model; tokens of a text
    (Model.TRANSFORMER, Size.TINY): _Dimensions(4, 16, 8),
    (Model.TRANSFORMER, Size.CPU): _Dimensions(16, 128, 32),
    (Model.TRANSFORMER, Size.CUDA): _Dimensions(32, 512, 256),
    # width of the embeddings; items judged per user
    (Model.RECOMMENDER, Size.TINY): _Dimensions(4, 8, 4),
    (Model.RECOMMENDER, Size.CPU): _Dimensions(64, 32, 128),
    (Model.RECOMMENDER, Size.CUDA): _Dimensions(256, 64, 512),
}

_TOKENS, _USERS, _ITEMS, _CLASSES = 200, 2000, 3000, 8


@dataclass(frozen=True)
class Workload:
    """A model with its data and the step that a training script makes with them.

    Attributes:
        model: Makes the model.
        data: Map-style data set.
        batch_size: Samples per mini-batch.
        loss: Of outputs and targets.
        optimizer: Makes the optimizer.
    """

    model: Callable[[], nn.Module]
    data: Dataset[Any]
    batch_size: int
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    optimizer: Callable[[nn.Module], torch.optim.Optimizer]


def workload(model: Model, size: Size) -> Workload:
    """Return one of the models in one of the sizes."""
    batch_size, width, extent = _DIMENSIONS[model, size]
    if model is Model.IMAGE_NET:
        return Workload(
            lambda: ImageNet(width),
            Images(extent),
            batch_size,
            functional.cross_entropy,
            lambda net: torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=1e-4),
        )
    if model is Model.TRANSFORMER:
        return Workload(
            lambda: Transformer(width),
            Texts(extent),
            batch_size,
            lambda scores, text: functional.cross_entropy(scores, text.flatten()),
            lambda net: torch.optim.AdamW(net.parameters(), 1e-3),
        )
    return Workload(
        lambda: Recommender(width),
        Ratings(extent),
        batch_size,
        lambda scores, liked: functional.binary_cross_entropy_with_logits(scores, liked.flatten()),
        lambda net: torch.optim.Adam(net.parameters(), 1e-3),
    )


class ImageNet(nn.Sequential):
    """Three convolutions with BatchNorm, and dropout."""

    def __init__(self, width: int) -> None:
        layers: list[nn.Module] = []
        channels = (3, width, 2 * width, 4 * width)
        for before, after in itertools.pairwise(channels):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if after < channels[-1] else [nn.AdaptiveAvgPool2d(4)]
        super().__init__(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * width, _CLASSES))


class Transformer(nn.Module):
    """Two layers of attention, with dropout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(_TOKENS, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, _TOKENS)

    def forward(self, texts: torch.Tensor) -> torch.Tensor:
        """Return the scores of every token at every place, one row per place."""
        return self.head(self.layers(self.tokens(texts))).flatten(0, 1)


class Recommender(nn.Module):
    """Neural collaborative filtering: a product of embeddings beside a perceptron."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.users, self.items = nn.Embedding(_USERS, width), nn.Embedding(_ITEMS, width)
        self.deep = nn.Sequential(
            *(nn.Linear(2 * width, 4 * width), nn.ReLU(), nn.Dropout(0.1)),
            *(nn.Linear(4 * width, 2 * width), nn.ReLU()),
        )
        self.score = nn.Linear(3 * width, 1)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Return a score per pair of a user and an item."""
        pairs = pairs.flatten(0, 1)
        user, item = self.users(pairs[:, 0]), self.items(pairs[:, 1])
        return self.score(torch.cat([user * item, self.deep(torch.cat([user, item], 1))], 1)).squeeze(1)


class Images(Dataset[Any]):
    """Noise with a label in it, moved sideways and blurred at random."""

    def __init__(self, side: int) -> None:
        made = torch.Generator().manual_seed(0)
        self._images = torch.randn(256, 3, side, side, generator=made)
        self._labels = torch.randint(0, _CLASSES, (256,), generator=made)
        self._images += self._labels.view(-1, 1, 1, 1) / _CLASSES

    def __len__(self) -> int:
        return _SAMPLES

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self._images[index % 256].roll(int(torch.randint(-2, 3, ())), -1)
        return image + 0.1 * torch.randn(image.shape), self._labels[index % 256]


class Texts(Dataset[Any]):
    """Texts of made-up tokens, each followed by itself."""

    def __init__(self, tokens: int) -> None:
        self._texts = torch.randint(
            0, _TOKENS, (_SAMPLES, tokens), generator=torch.Generator().manual_seed(0)
        )

    def __len__(self) -> int:
        return _SAMPLES

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._texts[index], self._texts[index]


class Ratings(Dataset[Any]):
    """A user and items drawn at random, of which every seventh is liked."""

    def __init__(self, items: int) -> None:
        self._items = items

    def __len__(self) -> int:
        return _SAMPLES

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        items = torch.randint(_ITEMS, (self._items,))
        pairs = torch.stack([torch.full_like(items, index % _USERS), items], 1)
        return pairs, (items % 7 == index % 7).float()
