"""Load samples of a map-style data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def fetch(dataset: Any, indices: list[int], collate: Callable[[list[Any]], Any]) -> Any:  # noqa: ANN401
    """Load the samples `indices` and put them together."""
    if hasattr(dataset, "__getitems__"):
        return collate(dataset.__getitems__(indices))
    return collate([dataset[index] for index in indices])
