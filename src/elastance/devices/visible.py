"""Which GPUs a framework would see: the rules of CUDA_VISIBLE_DEVICES and of its AMD relatives.

As CUDA treats it (programming guide, "CUDA Environment Variables", and what its runtime is seen to do): the list ends
before the first entry that names no GPU, an empty list hides every GPU, and so does a GPU that is named twice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from elastance.errors import InputError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NUMBER = re.compile(r"\s*\+?(\d+)")
"""The number an entry begins with; CUDA ignores what follows it."""

_IDENTITY = re.compile(r"\s*(GPU-|MIG-)", re.IGNORECASE)


def visible_nvidia(uuids: Sequence[str], names: Sequence[str], environment: Mapping[str, str]) -> list[int]:
    """Return the positions of the NVIDIA GPUs that CUDA would see, in its order.

    Args:
        uuids: UUID of every GPU, in the driver's order, ``GPU-...``.
        names: Product name of every GPU.
        environment: Environment variables.

    Raises:
        InputError: CUDA would count unlike GPUs in an order that only it knows.
        NotSupportedError: The variable names a MIG instance.
    """
    text = environment.get("CUDA_VISIBLE_DEVICES")
    if text is None:
        return list(range(len(uuids)))
    chosen = _chosen("CUDA_VISIBLE_DEVICES", text, uuids)
    numbered = bool(chosen) and not _IDENTITY.match(text)
    in_bus_order = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    if numbered and not in_bus_order and len(set(names)) > 1 and len(chosen) < len(uuids):
        raise InputError(
            f"CUDA_VISIBLE_DEVICES={text} does not say which of these unlike GPUs ({', '.join(names)}): CUDA counts"
            " the fastest first, the driver by bus; set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the GPUs by UUID"
        )
    return chosen


def visible_amd(uuids: Sequence[str], environment: Mapping[str, str]) -> list[int]:
    """Return the positions of the AMD GPUs that HIP would see: ROCR's selection, and HIP's among them.

    Args:
        uuids: UUID of every GPU, in the driver's order.
        environment: Environment variables.
    """
    seen = list(range(len(uuids)))
    outer = environment.get("ROCR_VISIBLE_DEVICES")
    if outer is not None:
        seen = _chosen("ROCR_VISIBLE_DEVICES", outer, uuids)
    # HIP reads the NVIDIA variable too, where its own is not set.
    for variable in ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"):
        inner = environment.get(variable)
        if inner is not None:
            return [seen[i] for i in _chosen(variable, inner, [uuids[i] for i in seen])]
    return seen


def find_uuid(prefix: str, uuids: Sequence[str]) -> int | None:
    """Return the position of the one UUID that begins with `prefix`; None if there is none, or more than one."""
    wanted = prefix.strip().lower()
    matches = [i for i, uuid in enumerate(uuids) if uuid.lower().startswith(wanted)]
    return matches[0] if len(matches) == 1 else None


def _chosen(variable: str, text: str, uuids: Sequence[str]) -> list[int]:
    """Return the positions that the value of a variable stands for."""
    if _IDENTITY.match(text) and text.strip().upper().startswith("MIG-"):
        raise NotSupportedError(
            f"{variable}={text} names a MIG instance: the driver counts energy for whole GPUs only; measure the whole"
            " GPU with MIG off (sudo nvidia-smi -mig 0)"
        )
    by_identity = bool(_IDENTITY.match(text))
    chosen: list[int] = []
    for entry in text.split(","):
        position = find_uuid(entry, uuids) if by_identity else _position(entry, len(uuids))
        if position is None:
            break
        if position in chosen:
            return []
        chosen.append(position)
    return chosen


def _position(entry: str, count: int) -> int | None:
    match = _NUMBER.match(entry)
    return int(match[1]) if match and int(match[1]) < count else None
