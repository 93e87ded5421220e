"""Find the GPU of this machine that each GPU of a plan means."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from elastance.catalog import ASSUMED_IDLE_POWER_W
from elastance.devices import DeviceKind
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from elastance.devices import Device
    from elastance.train.launching.plan import LaunchPlan, PlannedGpu


_MODEL = re.compile(r"[a-z]+\d+[a-z]*|\d+[a-z]+")
"""What the name of a GPU model looks like: a10, rtx6000, 2080ti."""

_VARIANT = re.compile(r"\d+gi?b?|sxm\d*|hbm\d\w*")
"""What does so, too, but names a memory or a socket that other models have as well."""


class PlacedGpu(NamedTuple):
    """A GPU of the plan that takes part, and which device it is.

    Attributes:
        planned: What the plan has for it.
        device: The device.
    """

    planned: PlannedGpu
    device: Device


def place(plan: LaunchPlan, devices: Sequence[Device], *, in_order: bool) -> tuple[PlacedGpu, ...]:
    """Give every GPU of the plan that takes part a device of its type, the first one that is left.

    A profile says by its name which GPU it is of: ``a10.json`` or ``cifar_a10.json`` is an "NVIDIA A10". Names
    that are no GPU type are placed in the order of the devices, but only if the user has named these.

    Args:
        plan: The plan.
        devices: Devices there are.
        in_order: Whether the user has named the devices, so that their order means something.

    Raises:
        InputError: There are too few devices of a type, or nobody can tell which one is meant.
    """
    left = [device for device in devices if device.info.kind is DeviceKind.GPU]
    if in_order and all(not _names_a_type(gpu.profile, left) for gpu in plan.gpus):
        return _in_order(plan, left)
    placed: list[PlacedGpu] = []
    for gpu in plan.ranks:
        match = next((device for device in left if is_of_type(gpu.profile, device.info.name)), None)
        if match is None:
            raise _missing(plan, gpu, devices, _names_a_type(gpu.profile, devices))
        left.remove(match)
        placed.append(PlacedGpu(gpu, match))
    return tuple(placed)


def is_of_type(profile: str, product: str) -> bool:
    """Return whether the name of a profile contains the type of a product: "cifar_a10" that of "NVIDIA A10G".

    Args:
        profile: Name of a profile.
        product: The vendor's name of a GPU.
    """
    wanted = _words(profile)
    words = _words(product)
    # "Quadro RTX 6000" is written rtx6000; the G of an A10G makes no other GPU of it, the 0 of an A100 does.
    known = {*words, *(first + second for first, second in pairwise(words))}
    types = {word for word in wanted if _MODEL.fullmatch(word) and not _VARIANT.fullmatch(word)}
    return any(word == one or (one[:-1] == word and one[-1].isalpha()) for word in types for one in known)


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def _names_a_type(profile: str, devices: Sequence[Device]) -> bool:
    known = any(word in ASSUMED_IDLE_POWER_W for word in _words(profile))
    return known or any(is_of_type(profile, device.info.name) for device in devices)


def _in_order(plan: LaunchPlan, devices: Sequence[Device]) -> tuple[PlacedGpu, ...]:
    if len(devices) == len(plan.gpus):
        pairs = zip(plan.gpus, devices, strict=True)
        return tuple(PlacedGpu(gpu, device) for gpu, device in pairs if gpu.batch_size)
    if len(devices) == len(plan.ranks):
        return tuple(PlacedGpu(gpu, device) for gpu, device in zip(plan.ranks, devices, strict=True))
    raise InputError(
        f"{plan.path} is for {len(plan.gpus)} GPUs ({_listed(gpu.profile for gpu in plan.gpus)}), --devices names"
        f" {len(devices)}: name as many, in the plan's order"
    )


def _missing(plan: LaunchPlan, gpu: PlannedGpu, devices: Sequence[Device], is_type: bool) -> InputError:
    needed = sum(other.profile == gpu.profile for other in plan.ranks)
    there = _listed(device.info.name for device in devices) or "none"
    hint = (
        "; choose GPUs with --devices"
        if is_type
        else "; name the GPUs in the plan's order with --devices, or the profile after its GPU"
    )
    return InputError(f"{plan.path} needs {needed} x {gpu.profile}, which is not what is here: {there}{hint}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in Counter(names).items())
