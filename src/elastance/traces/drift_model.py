"""Synthetic drift traces: epochs per slice drawn around a smooth curve whose best batch size wanders.

On slice s a run at batch size b needs ``round(e * 2 ** (k (log2 b - m(s))**2) * noise)`` epochs, at least one: the
fewest (e) at the size 2**m(s), where ``m(s) = middle + swing/2 * cos(2 pi (s - 1) / period + phase)`` in octaves.
e is what the built-in model of the workload needs at its best size; k makes the smallest size need `contrast` times
as many epochs where the largest is best, and the other way round; the noise is log-normal; the phase, like everything
drawn, follows from the seed.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from elastance.catalog import find_workload
from elastance.errors import InputError
from elastance.files import check_writable, replacing
from elastance.traces.builtin import load_models
from elastance.traces.drift import MANIFEST_SUFFIX, SYNTHETIC
from elastance.traces.schema import DRIFT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MADE_BY = "elastance data synthesize drift"


@dataclass(frozen=True)
class DriftSettings:
    """How a synthetic data set drifts.

    Attributes:
        workload: Whose batch sizes, target metric and epochs are used.
        slices: How many slices.
        seed: Same seed, same bytes.
        repeats: Runs per batch size and slice.
        noise: Standard deviation of the logarithm of a run's epochs.
        swing: How far the best batch size wanders, octaves; None: three quarters of what is on offer.
        period: Slices until it is back; None: all of them.
        contrast: Epochs of the smallest size, in those of the largest, where that is best; and the other way round.

    Raises:
        UnknownNameError: No such workload.
        InputError: A number is out of range.
    """

    workload: str = "sentiment140"
    slices: int = 38
    seed: int = 1
    repeats: int = 10
    noise: float = 0.1
    swing: float | None = None
    period: float | None = None
    contrast: float = 2.5

    def __post_init__(self) -> None:
        find_workload(self.workload)
        for name, value, least in (
            ("slices", self.slices, 1),
            ("repeats", self.repeats, 1),
            ("seed", self.seed, 0),
        ):
            if value < least:
                raise InputError(f"{name} {value} is below {least}")
        if not 0.0 <= self.noise < 1.0:
            raise InputError(f"noise {self.noise} is not in [0, 1)")
        if self.swing is not None and not 0.0 <= self.swing < math.inf:
            raise InputError(f"swing {self.swing} is not a number of octaves from 0")
        if self.period is not None and not 1.0 <= self.period < math.inf:
            raise InputError(f"period {self.period} is not a number of slices from 1")
        if not 1.0 <= self.contrast < 1000.0:
            raise InputError(
                f"contrast {self.contrast} is not in [1, 1000): epochs of the worst size per one of the best"
            )


class DriftModel:
    """The curve that a synthetic drift trace is drawn around.

    Args:
        settings: How the data set drifts.
    """

    def __init__(self, settings: DriftSettings) -> None:
        self.settings = settings
        self.workload = find_workload(settings.workload)
        models = load_models()
        self.batch_sizes = models.convergence[self.workload.name].batch_sizes
        self._phase_rng, self._epoch_rng = map(
            np.random.default_rng, np.random.SeedSequence(settings.seed).spawn(2)
        )
        self._phase = self._phase_rng.uniform(0.0, 2.0 * math.pi)
        octaves = np.log2(self.batch_sizes)
        self._middle, extent = (octaves[0] + octaves[-1]) / 2.0, octaves[-1] - octaves[0]
        self._swing = 0.75 * extent if settings.swing is None else settings.swing
        self._steepness = math.log2(settings.contrast) / extent**2
        self.fewest_epochs = min(
            models.epochs(self.workload.name, size, self.workload.target_metric).mean
            for size in self.batch_sizes
        )

    def best_size(self, number: int) -> float:
        """Return the batch size that needs the fewest epochs on slice `number`, from 1; between those on offer."""
        settings = self.settings
        turn = (number - 1) / (settings.period or settings.slices)
        return float(2.0 ** (self._middle + self._swing / 2.0 * math.cos(2.0 * math.pi * turn + self._phase)))

    def epochs(self, number: int, batch_size: int) -> float:
        """Return the epochs of the median run at `batch_size` on slice `number`."""
        distance = math.log2(batch_size / self.best_size(number))
        return self.fewest_epochs * 2.0 ** (self._steepness * distance**2)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of the drift trace, in the order of `DRIFT`'s columns, then ``synthetic``; once."""
        of, models = self.workload, load_models()
        for number in range(1, self.settings.slices + 1):
            for size in self.batch_sizes:
                rate = models.learning_rate(of.name, size)
                named = (of.dataset, of.network, size, of.optimizer, rate)
                noise = np.exp(self.settings.noise * self._epoch_rng.standard_normal(self.settings.repeats))
                for run, factor in enumerate(noise.tolist(), start=1):
                    epochs = max(1, round(self.epochs(number, size) * factor))
                    yield (*named, run, of.target_metric, epochs, number, SYNTHETIC)


def synthesize_drift(path: Path, settings: DriftSettings | None = None) -> tuple[Path, Path]:
    """Write a synthetic drift trace, and beside it a manifest that says how it was made.

    Every row says that it is synthetic, so the file needs no manifest and may be renamed.

    Returns:
        The trace and the manifest.

    Raises:
        InputError: The file cannot be written, or does not end in ``.csv``.
    """
    if path.suffix != ".csv":
        raise InputError(f"{path}: a drift trace is written as CSV; give a name that ends in .csv")
    model = DriftModel(settings or DriftSettings())
    manifest = check_writable(path.with_name(path.name + MANIFEST_SUFFIX))
    described = {
        "synthetic": True,
        "made_by": MADE_BY,
        **asdict(model.settings),
        "fewest_epochs": model.fewest_epochs,
        "best_sizes": [model.best_size(number) for number in range(1, model.settings.slices + 1)],
    }
    # The manifest goes first, as with synthetic traces.
    with replacing(manifest) as temporary:
        temporary.write_text(json.dumps(described, indent=2) + "\n", "utf-8")
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*DRIFT.columns, *DRIFT.optional])
        writer.writerows(model.rows())
    return path, manifest
