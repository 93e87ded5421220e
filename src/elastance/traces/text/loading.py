"""Load slices with the Hugging Face library `datasets` (extra ``text``)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError, MissingExtraError
from elastance.traces.text.slicing import read_manifest

if TYPE_CHECKING:
    from os import PathLike

    from datasets import DatasetDict  # pyright: ignore[reportMissingTypeStubs]

_FEATURES: dict[type, str] = {int: "int64", float: "float64", str: "string", bool: "bool"}


def load_slice(
    directory: Path | str | PathLike[str],
    number: int,
    *,
    cache_directory: Path | str | PathLike[str] | None = None,
) -> DatasetDict:
    """Load one slice that `elastance data capriccio` cut.

    Args:
        directory: Holds the slices and their manifest.
        number: Which slice, from 1.
        cache_directory: Where `datasets` keeps its converted copy; its own cache by default.

    Returns:
        ``train`` and ``validation``, each with the columns ``date``, ``text``, ``label`` and those kept.

    Raises:
        InputError: The library is missing, the directory holds no finished slices, or not that one.
    """
    try:
        datasets: Any = importlib.import_module("datasets")
    except ImportError:
        raise MissingExtraError("loading slices", "text") from None
    directory = Path(directory)
    manifest = read_manifest(directory)
    count = len(manifest["slices"])
    if not 1 <= number <= count:
        raise InputError(f"slice {number}: {directory} has slices 1 to {count}")
    files = {
        "train": str(directory / f"{number}_train.json"),
        "validation": str(directory / f"{number}_val.json"),
    }
    for file in files.values():
        if not Path(file).exists():
            raise InputError(f"{file}: the slice is missing; cut the text again")
    return datasets.load_dataset(
        "json",
        data_files=files,
        features=_features(manifest, datasets),
        cache_dir=None if cache_directory is None else str(cache_directory),
    )


def _features(manifest: dict[str, Any], datasets: Any) -> Any:  # noqa: ANN401
    """The types of the columns where they are known, so that none is guessed from texts that look like times."""
    labels = [json.loads(label) for label in manifest["slices"][0]["train_labels"]]
    kinds = {_FEATURES[type(label)] for label in labels}
    if len(kinds) != 1 or manifest["columns"]["kept"]:
        return None
    types = {"date": "int64", "text": "string", "label": kinds.pop()}
    return datasets.Features({name: datasets.Value(kind) for name, kind in types.items()})
