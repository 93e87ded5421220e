"""What is to be profiled: a command, batch sizes, and the power limits its GPUs can have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError, NoDeviceError
from elastance.train.limit_profile import whole_limits
from elastance.train.placeholders import fill_command
from elastance.train.profiling.windows import check_spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices import Device
    from elastance.train.profiling.products import JobIdentity


@dataclass(frozen=True)
class ProfileJob:
    """What is to be profiled.

    Attributes:
        command: The script, with a placeholder ``{batch_size}``.
        batch_sizes: What takes its place.
        limits_w: Power limits, from high to low, W.
        sets_limits: Whether they are to be set; otherwise there is one, which is there already.
        devices: Specification of the GPUs, for the script to find them again.
        identity: Whose rows the power trace has.
        samples: Samples of an epoch; None if the script tells how many steps it has.
        spread: How far apart trials may lie, as a share of their mean.
        most_window_s: Windows do not grow beyond this, s.

    Raises:
        InputError: The command has no placeholder for several sizes, or another one; or a number is out of range.
    """

    command: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    limits_w: tuple[int, ...]
    sets_limits: bool
    devices: str | None
    identity: JobIdentity
    samples: int | None = None
    spread: float = 0.02
    most_window_s: float = 20.0

    def __post_init__(self) -> None:
        check_spread(self.spread)
        commands = {tuple(self.command_for(size)) for size in self.batch_sizes}
        if len(commands) < len(self.batch_sizes):
            raise InputError("the command has no {batch_size}: it would train with the same size every time")
        if self.samples is not None and self.samples < 1:
            raise InputError(f"{self.samples} samples: expected a positive number")

    def command_for(self, batch_size: int) -> list[str]:
        """Return the command that trains with a batch size."""
        return fill_command(self.command, {"batch_size": batch_size})

    def settings(self, gpus: Sequence[Device]) -> dict[str, Any]:
        """Return what measurements must have in common to be comparable."""
        return {
            "command": list(self.command),
            "scripts": _digests(self.command),
            "devices": [{"id": gpu.info.id, "name": gpu.info.name} for gpu in gpus],
            "simulation": self.devices if any(gpu.info.provenance for gpu in gpus) else None,
            "power_limits_w": list(self.limits_w),
            "sets_limits": self.sets_limits,
            "spread": self.spread,
            "most_window_s": self.most_window_s,
        }


def choose_limits(gpus: Sequence[Device], wanted: str, step_w: float = 25.0) -> tuple[tuple[int, ...], bool]:
    """Return the power limits to measure, from high to low, W, and whether they are to be set.

    Args:
        gpus: GPUs of one type.
        wanted: ``"auto"``: down from the maximum in equal steps, the minimum included; ``"none"``: as it is; or watts
            separated by commas.
        step_w: Distance of the limits of ``"auto"``, W.

    Raises:
        NoDeviceError: There is no GPU.
        InputError: The text is none of these, or a GPU cannot have such a limit; or the GPUs are of several types.
        DeviceError: A GPU has no power limit.
    """
    names = sorted({gpu.info.name for gpu in gpus})
    if not names:
        raise NoDeviceError("only GPUs can be profiled, and none was found; --devices sim:v100 simulates one")
    if len(names) > 1:
        raise InputError(
            f"the GPUs are of several types ({', '.join(names)}): profile one type at a time, with --devices"
        )
    ranges = [gpu.power_limits() for gpu in gpus]
    least_w, most_w = max(of.min_w for of in ranges), min(of.max_w for of in ranges)
    if wanted == "none":
        current_w = {round(of.current_w) for of in ranges}
        if len(current_w) > 1:
            raise InputError(
                f"the GPUs have different power limits ({', '.join(map(str, sorted(current_w)))} W)"
            )
        return tuple(current_w), False
    if wanted == "auto":
        return whole_limits(least_w, most_w, step_w), True
    try:
        limits_w = sorted({int(part) for part in wanted.split(",")}, reverse=True)
    except ValueError:
        raise InputError(
            f"--power-limits {wanted!r}: expected auto, none, or whole watts such as 250,200,150"
        ) from None
    for limit_w in limits_w:
        if not least_w <= limit_w <= most_w:
            raise InputError(
                f"--power-limits {wanted!r}: {limit_w} W: {names[0]} takes {least_w:g} to {most_w:g} W"
            )
    return tuple(limits_w), True


def _digests(command: Sequence[str]) -> dict[str, str]:
    """SHA-256 of the scripts that a command names."""
    return {
        word: hashlib.sha256(Path(word).read_bytes()).hexdigest()
        for word in command
        if word.endswith((".py", ".sh")) and Path(word).is_file()
    }
