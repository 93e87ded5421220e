"""What a profile becomes: the split profile and the power trace that other commands read."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from elastance.catalog import GPUS
from elastance.traces import POWER
from elastance.train.limit_profile import LimitProfile, LimitWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elastance.train.profiling.plan import Cell

SPLIT_STEPS = 1000
"""Steps the totals of every split profile are of, whatever its windows: profiles of unlike GPUs go into one plan, and
all of a plan must be of equally many steps."""


class JobIdentity(NamedTuple):
    """Whose rows the power trace has."""

    dataset: str
    network: str
    optimizer: str


@dataclass(frozen=True)
class Products:
    """What was made of the measurements.

    Attributes:
        files: File name to content.
        split_steps: Steps the totals of the split profile are of; None without one.
        notes: What is missing, and why.
    """

    files: dict[str, str]
    split_steps: int | None
    notes: tuple[str, ...]

    @property
    def digests(self) -> dict[str, str]:
        """File name to the SHA-256 of its content."""
        return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.files.items()}


def gpu_file_name(product_name: str) -> str:
    """Return a GPU's product name as file names have it: v100 for the catalogue's, nvidia left out elsewhere."""
    name = product_name.removesuffix(" (simulated)")
    known = next((gpu.name for gpu in GPUS if gpu.model == name), None)
    # "RTX 4090" is written rtx4090, which `elastance launch` takes for a GPU model.
    words: list[str] = re.findall(r"[a-z0-9]+", re.sub(r"\b([a-z]+) (\d+)\b", r"\1\2", name.lower()))
    makers = ("nvidia", "amd", "tesla", "quadro", "geforce", "instinct")
    return known or "-".join(word for word in words if word not in makers) or "gpu"


def make_products(
    cells: Sequence[Cell],
    limits_w: Sequence[int],
    gpu: str,
    identity: JobIdentity,
    samples: int | None = None,
) -> Products:
    """Make the files of the batch sizes that were measured under every limit.

    The split profile is that of one GPU, so that several make none. In the power trace limits are those of all GPUs
    together, as energies are, and an epoch is its training steps.

    Args:
        cells: What was measured.
        limits_w: Every limit, W.
        gpu: Name of the GPU type, for file names.
        identity: Whose rows the trace has.
        samples: Samples of an epoch; None takes the steps of an epoch from the measurements.
    """
    by_size: dict[int, dict[int, Cell]] = {}
    for cell in cells:
        by_size.setdefault(cell.batch_size, {})[cell.power_limit_w] = cell
    whole = {size: of for size, of in sorted(by_size.items()) if all(limit in of for limit in limits_w)}
    files: dict[str, str] = {}
    notes: list[str] = []
    partial = sorted(by_size.keys() - whole.keys())
    if partial:
        notes.append(f"left out of the files, as not every limit was measured: batch size {_listed(partial)}")
    used = [whole[size][limit] for size in whole for limit in sorted(limits_w)]
    steps = None
    if used and used[0].gpus == 1:
        steps = SPLIT_STEPS
        files[f"{gpu}.json"] = _split_profile(used)
    elif used:
        notes.append(f"no split profile: it is of one GPU, measured were {used[0].gpus} together")
    epochs = {size: _epoch_steps(size, of.values(), samples) for size, of in whole.items()}
    unknown = [size for size, known in epochs.items() if known is None]
    if unknown:
        notes.append(
            f"no power trace: the length of an epoch with batch size {_listed(unknown)} is unknown; give --samples N"
        )
    elif used:
        files[f"summary_power_{gpu}.csv"] = _power_trace(used, epochs, identity)
    return Products(files, steps, tuple(notes))


def best_limit(cells: Sequence[Cell], eta: float) -> Cell:
    """Return which of one batch size's measurements has the least eta-cost; the higher limit on ties."""
    from elastance.train.selectors import LeastEtaCost

    ordered = sorted(cells, key=lambda cell: -cell.power_limit_w)
    windows = tuple(
        LimitWindow(float(cell.power_limit_w), cell.step_energy_j, cell.step_time_s) for cell in ordered
    )
    max_power_w = float(ordered[0].power_limit_w * ordered[0].gpus)
    limit_w = LeastEtaCost(eta).choose(LimitProfile(windows, max_power_w, 1))
    return next(cell for cell in ordered if cell.power_limit_w == limit_w)


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))


def _split_profile(cells: Sequence[Cell]) -> str:
    sizes: dict[str, list[dict[str, float]]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.batch_size, -cell.power_limit_w)):
        sizes.setdefault(str(cell.batch_size), []).append(
            {
                "power_limit": cell.power_limit_w,
                "energy": SPLIT_STEPS * cell.step_energy_j,
                "time": SPLIT_STEPS * cell.step_time_s,
            }
        )
    return json.dumps(sizes, indent=1) + "\n"


def _epoch_steps(batch_size: int, cells: Iterable[Cell], samples: int | None) -> float | None:
    if samples is not None:
        return samples / batch_size
    return next((cell.epoch_steps for cell in cells if cell.epoch_steps is not None), None)


def _power_trace(cells: Sequence[Cell], epochs: dict[int, float | None], identity: JobIdentity) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(POWER.columns)
    for cell in cells:
        steps = epochs[cell.batch_size]
        assert steps is not None
        writer.writerow(
            [
                identity.dataset,
                identity.network,
                cell.batch_size,
                identity.optimizer,
                cell.power_limit_w * cell.gpus,
                steps * cell.step_time_s,
                cell.step_energy_j / cell.step_time_s,
            ]
        )
    return text.getvalue()
