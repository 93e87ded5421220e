"""Write synthetic traces in the published layout, drawn from the built-in models and labelled as such."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.catalog import find_gpu
from elastance.errors import InputError
from elastance.files import replacing
from elastance.traces.builtin import load_models
from elastance.traces.schema import POWER, TRAIN, Schema
from elastance.traces.sources import MANIFEST, POWER_STEM, TRAIN_STEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def synthesize_traces(
    directory: Path, gpus: Sequence[str], *, seed: int, repeats: int = 5, noise: float = 0.0
) -> tuple[Path, ...]:
    """Write a train trace, a power trace per GPU type, and a manifest that says they are synthetic.

    Args:
        directory: Where to; created if need be.
        gpus: GPU types.
        seed: Same seed, same bytes.
        repeats: Runs per batch size, each with its own draw of how fast it learns.
        noise: Standard deviation of log-normal noise on time and power; 0 = the models' own values.

    Returns:
        The files written.

    Raises:
        UnknownNameError: The models do not cover a GPU type.
        InputError: A number is out of range, or the directory cannot be written to.
    """
    if repeats < 1:
        raise InputError(f"{repeats} repeats: at least one run per batch size is needed")
    if not 0.0 <= noise < 1.0:
        raise InputError(f"noise {noise} is not in [0, 1)")
    if seed < 0:
        raise InputError(f"seed {seed} is negative; seeds are whole numbers from 0")
    names = [find_gpu(gpu).name for gpu in gpus]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{directory}: cannot be created: {error.strerror}") from None
    models = load_models()
    train_seed, *power_seeds = np.random.SeedSequence(seed).spawn(1 + len(names))
    files = [directory / MANIFEST, directory / f"{TRAIN_STEM}.csv"]
    # The manifest goes first: no synthetic table may ever lie there unlabelled.
    _write_manifest(files[0], {"seed": seed, "repeats": repeats, "noise": noise, "gpus": names})
    _write_csv(files[1], TRAIN, models.train_rows(repeats, rng=np.random.default_rng(train_seed)))
    for name, power_seed in zip(names, power_seeds, strict=True):
        files.append(directory / f"{POWER_STEM}{name}.csv")
        rows = models.power_rows(name, np.random.default_rng(power_seed), noise)
        _write_csv(files[-1], POWER, rows)
    return tuple(files)


def _write_manifest(path: Path, parameters: dict[str, Any]) -> None:
    manifest = {
        "synthetic": True,
        "made_by": "elastance data synthesize traces",
        "model": "built-in models fitted to the public Zeus traces",
        **parameters,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def _write_csv(path: Path, schema: Schema, rows: Iterable[Sequence[object]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(schema.columns)
        writer.writerows(rows)
