"""Data parallel training with unequal shares: each rank its part of every batch, gradients weighted accordingly.

The arithmetic is in `shares`; `sampler` picks the samples, `weighting` weighs the gradients, `loader` goes through
the steps. `joining` makes a rank one of many, and `account` tells the launcher how far it is.
"""

from elastance.train.data_parallel.joining import join
from elastance.train.data_parallel.loader import GlobalStep, ShareLoader
from elastance.train.data_parallel.sampler import ShareSampler
from elastance.train.data_parallel.share import Share
from elastance.train.data_parallel.shares import BatchShares, MicroBatch
from elastance.train.data_parallel.weighting import GradientWeights

__all__ = [
    "BatchShares",
    "GlobalStep",
    "GradientWeights",
    "MicroBatch",
    "Share",
    "ShareLoader",
    "ShareSampler",
    "join",
]
