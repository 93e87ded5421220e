"""What `elastance profile` recorded of applications, for simulations of clusters: step times, draw, and power limits.

A split profile says what a step of one GPU takes at each batch size under each power limit; the manifest beside it
says of how many steps its totals are, on which GPU type, and of which script. Between measured batch sizes time and
energy are linear; beyond them nothing is known.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError, TraceError
from elastance.runs import Provenance
from elastance.traces.profiles import SplitProfile, read_profile
from elastance.traces.sources import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class ApplicationProfile:
    """One application on one GPU type.

    Attributes:
        application: As workloads name it.
        gpu: Name of the GPU type.
        steps: How many steps the totals of the profile are of.
        profile: What was measured.
    """

    application: str
    gpu: str
    steps: int
    profile: SplitProfile

    @property
    def provenance(self) -> str:
        """``"recorded"``, or ``"model"`` where the GPU was simulated."""
        return "recorded" if self.profile.provenance is Provenance.TRACE else "model"

    def at(self, batch_size: int) -> dict[float, tuple[float, float]]:
        """Return seconds of a step and mean power, W, by power limit, W.

        Raises:
            InputError: The batch size is not between those that were measured.
        """
        sizes = self.profile.batch_sizes
        if not sizes[0] <= batch_size <= sizes[-1]:
            raise InputError(
                f"{self.application} on {self.gpu}: batch size {batch_size} is not in its profile "
                f"{self.profile.path}, which reaches from {sizes[0]} to {sizes[-1]}; profile it too"
            )
        upper = bisect_left(sizes, batch_size)
        high = sizes[upper]
        low = sizes[upper - 1] if high != batch_size else high
        share = (batch_size - low) / (high - low) if high != low else 0.0
        found: dict[float, tuple[float, float]] = {}
        for limit_w in self.profile.power_limits_w:
            of_size = {point.batch_size: point for point in self.profile.at_limit(limit_w)}
            time_s, energy_j = (
                (1.0 - share) * of_low + share * of_high
                for of_low, of_high in (
                    (of_size[low].time_s, of_size[high].time_s),
                    (of_size[low].energy_j, of_size[high].energy_j),
                )
            )
            found[float(limit_w)] = (time_s / self.steps, energy_j / time_s)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return where it is from, as plain values."""
        return {
            "application": self.application,
            "gpu": self.gpu,
            "path": self.profile.path,
            "sha256": self.profile.sha256,
            "batch_sizes": list(self.profile.batch_sizes),
            "power_limits_w": list(self.profile.power_limits_w),
            "provenance": self.provenance,
        }


def read_application_profiles(named: Sequence[str | Path]) -> tuple[ApplicationProfile, ...]:
    """Read what `elastance profile` wrote.

    Args:
        named: Folders it wrote, or split profiles in them. ``APPLICATION=`` before one says whose it is; without, it
            is the network that the profile was labelled with (``--job``), or the script's name.

    Raises:
        TraceError: There is no such folder or file, it is not from `elastance profile`, or has no split profile.
        InputError: Two are of the same application and GPU type.
    """
    found: dict[tuple[str, str], ApplicationProfile] = {}
    for text in map(str, named):
        application, separator, path = text.partition("=")
        if not separator:
            application, path = "", text
        profile = _read(application.strip(), Path(path))
        key = (profile.application, profile.gpu)
        if key in found:
            raise InputError(
                f"two profiles of {key[0]} on {key[1]}: {found[key].profile.path} and {profile.profile.path}"
            )
        found[key] = profile
    return tuple(found.values())


def _read(application: str, path: Path) -> ApplicationProfile:
    if not path.exists():
        raise TraceError("no such folder or file; `elastance profile -o DIR` writes one", path=path)
    directory = path if path.is_dir() else path.parent
    manifest = _manifest(directory)
    try:
        gpu, steps, network = (
            str(manifest["gpu"]["file_name"]).lower(),
            manifest["split_steps"],
            str(manifest["job"]["network"]).lower(),
        )
        count = int(manifest["gpu"]["count"])
    except (KeyError, TypeError, ValueError):
        raise TraceError("not a manifest of `elastance profile`", path=directory / MANIFEST) from None
    file = path if path.is_file() else directory / f"{gpu}.json"
    if not isinstance(steps, int) or steps <= 0 or not file.exists():
        why = f"it was measured on {count} GPUs together" if count > 1 else "nothing is measured in full yet"
        raise TraceError(
            f"no split profile in it: {why}; the step of one GPU is needed: `elastance profile --devices 0`",
            path=directory,
        )
    if file.name != f"{gpu}.json":
        raise TraceError(f"not the split profile of its folder, which is {gpu}.json", path=file)
    return ApplicationProfile(application or network, gpu, steps, read_profile(file))


def _manifest(directory: Path) -> Any:  # noqa: ANN401
    path = directory / MANIFEST
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise TraceError(
            f"there is no {MANIFEST} beside the profile, so of how many steps it is and on which GPU is not known; "
            "name a folder that `elastance profile` wrote",
            path=directory,
        ) from None
    except (OSError, ValueError) as error:
        raise TraceError(f"cannot be read: {error}", path=path) from None
