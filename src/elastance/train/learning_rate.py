"""Scale a learning rate to another batch size, by a rule that fits the optimizer."""

from __future__ import annotations

import math
from enum import StrEnum

from elastance.errors import InputError
from elastance.job import scale_learning_rate


class LearningRateRule(StrEnum):
    """How a learning rate follows the batch size."""

    LINEAR = "linear"
    """In proportion, as suits plain SGD (Goyal et al., 2017)."""
    SQRT = "sqrt"
    """With the square root of the ratio, as suits adaptive optimizers (Zeus, NSDI'23, section 5)."""
    NONE = "none"
    """Not at all."""
    AUTO = "auto"
    """As suits the optimizer: linear for SGD, square root for Adam, AdamW and Adadelta."""


def learning_rate_for(
    batch_size: int,
    *,
    default_batch_size: int,
    default_learning_rate: float,
    rule: LearningRateRule | str = LearningRateRule.AUTO,
    optimizer: object | None = None,
) -> float:
    """Return the learning rate for a batch size, given the one that suits the default.

    Args:
        batch_size: Samples per optimizer step, over all workers.
        default_batch_size: The size that `default_learning_rate` suits.
        default_learning_rate: As it says.
        rule: How to scale.
        optimizer: Needed by ``"auto"`` only: its name, its class or a PyTorch optimizer.

    Raises:
        InputError: A size or rate is not positive, there is no such rule, or ``"auto"`` has no optimizer.
        UnknownNameError: ``"auto"`` knows no rule for this optimizer.
    """
    if batch_size < 1 or default_batch_size < 1:
        raise InputError(f"batch sizes {batch_size} and {default_batch_size}: expected at least 1 sample")
    if not 0.0 < default_learning_rate < math.inf:
        raise InputError(f"learning rate {default_learning_rate}: expected a positive number")
    try:
        chosen = LearningRateRule(rule)
    except ValueError:
        raise InputError(
            f"learning-rate rule {rule!r}: expected one of {', '.join(LearningRateRule)}"
        ) from None
    if chosen is LearningRateRule.AUTO:
        if optimizer is None:
            raise InputError("learning-rate rule 'auto' needs the optimizer: name it, or choose another rule")
        return scale_learning_rate(
            _name_of(optimizer),
            default_learning_rate,
            default_batch_size=default_batch_size,
            batch_size=batch_size,
        )
    if chosen is LearningRateRule.NONE:
        return default_learning_rate
    ratio = batch_size / default_batch_size
    return default_learning_rate * (math.sqrt(ratio) if chosen is LearningRateRule.SQRT else ratio)


def _name_of(optimizer: object) -> str:
    if isinstance(optimizer, str):
        return optimizer
    return optimizer.__name__ if isinstance(optimizer, type) else type(optimizer).__name__
