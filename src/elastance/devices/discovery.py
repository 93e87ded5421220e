"""Find the devices to measure: what ``--devices`` or $ELASTANCE_DEVICES say, else what a framework would see."""

from __future__ import annotations

import importlib
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from elastance.devices.contract import DeviceKind
from elastance.devices.visible import find_uuid, visible_amd, visible_nvidia
from elastance.errors import DeviceError, InputError, NoDeviceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from elastance.devices.contract import Clock, Device
    from elastance.devices.inventory import Candidate, Inventory

GRAMMAR = (
    "terms separated by commas: gpu, cpu, dram, all, nvidia, nvidia:0, amd:0, rapl, a GPU's number or UUID,"
    " sim:v100x4, replay:FILE"
)
"""What ``--devices`` takes, for messages and help texts."""

VARIABLE = "ELASTANCE_DEVICES"
"""Environment variable that stands in for ``--devices``."""

_MADE_UP = ("sim:", "replay:")

_TERM = re.compile(r"gpu|cpu|dram|all|rapl|\d+|(nvidia|amd)(:.+)?|(sim|replay):.*|(?i:gpu-.*)")
"""What begins a term of its own."""

_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD"}

BACKENDS = ("nvidia", "amd", "rapl")
"""The back ends that look for hardware, in the order they are asked."""


def find_devices(spec: str | None = None, *, clock: Clock = time.monotonic) -> tuple[Device, ...]:
    """Open the devices to measure.

    Without a specification these are the GPUs that CUDA (or HIP) would see, and on a machine without a GPU the CPU
    packages. Naming a GPU by number or UUID overrides CUDA_VISIBLE_DEVICES; numbers are the driver's, as nvidia-smi
    shows them.

    Args:
        spec: Terms separated by commas, e.g. ``"gpu,cpu"``, ``"nvidia:0"``, ``"sim:v100x4,load=0.5"``; parts that are
            no terms of their own (``load=0.5``) belong to the simulation or recording before
            them. Default: $ELASTANCE_DEVICES.
        clock: Monotonic clock, for what the devices derive from time.

    Returns:
        At least one device, in the order asked for, none twice. The caller closes them.

    Raises:
        InputError: The specification is malformed.
        NoDeviceError: There is no such device; the message says why for each back end that was asked.
        DeviceError: A device that was asked for does not answer or cannot be measured.
    """
    if spec is None:
        spec = os.environ.get(VARIABLE) or None
    return _Search(clock).find(split_terms(spec) if spec is not None else None)


def split_terms(spec: str) -> list[str]:
    """Split a specification into its terms; what can be no term of its own stays with the sim: or replay: before it.

    Raises:
        InputError: What should be a term is none.
    """
    terms: list[str] = []
    for part in _with_whole_names([part.strip() for part in spec.split(",")]):
        if _TERM.fullmatch(part):
            terms.append(part)
        elif part and terms and terms[-1].startswith(_MADE_UP):
            terms[-1] += f",{part}"
        else:
            raise InputError(f"devices {spec!r}: expected {GRAMMAR}")
    return terms


def _with_whole_names(parts: list[str]) -> list[str]:
    """Put the names of files to replay together again where they have commas in them."""
    whole: list[str] = []
    while parts:
        taken = 1
        if parts[0].startswith("replay:"):
            names = (",".join(parts[:count]).removeprefix("replay:") for count in range(len(parts), 0, -1))
            taken += next((name.count(",") for name in names if Path(name).expanduser().is_file()), 0)
        whole.append(",".join(parts[:taken]))
        parts = parts[taken:]
    return whole


def take_inventory(backend: str, *, clock: Clock = time.monotonic) -> Inventory:
    """Ask one back end what it sees; never raises for what is not there.

    Args:
        backend: One of `BACKENDS`.
        clock: Monotonic clock.
    """
    module = importlib.import_module(f"elastance.devices.{backend}")
    return cast("Callable[..., Inventory]", module.inventory)(clock=clock)


class _Search:
    """One search: asks each back end once at most, and closes what it opened if it fails."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._inventories: dict[str, Inventory] = {}

    def find(self, terms: Sequence[str] | None) -> tuple[Device, ...]:
        found: dict[str, Device] = {}
        try:
            if terms is None:
                self._open(self._by_default(), found)
            for term in terms or ():
                if term.startswith(_MADE_UP):
                    self._add(self._made_up(term), found)
                else:
                    self._open(self._candidates(term), found)
        except BaseException:
            for device in found.values():
                device.close()
            raise
        return tuple(found.values())

    def _open(self, candidates: Sequence[Candidate], found: dict[str, Device]) -> None:
        for candidate in candidates:
            if candidate.info.id not in found:
                found[candidate.info.id] = candidate.opened()

    def _add(self, devices: Sequence[Device], found: dict[str, Device]) -> None:
        for device in devices:
            if device.info.id in found:
                device.close()
                raise InputError(f"device {device.info.id} is named twice")
            found[device.info.id] = device

    def _made_up(self, term: str) -> tuple[Device, ...]:
        if term.startswith("sim:"):
            from elastance.devices.simulated import simulated_devices

            return simulated_devices(term, clock=self._clock)
        from elastance.devices.replay import replay_devices

        return replay_devices(term, clock=self._clock)

    def _by_default(self) -> Sequence[Candidate]:
        candidates = self._gpus() or self._of_kind(DeviceKind.CPU)
        if not candidates:
            raise self._nothing("no energy counter was found", BACKENDS)
        return candidates

    def _candidates(self, term: str) -> Sequence[Candidate]:
        word, _, which = term.partition(":")
        if term == "all":
            candidates = [*self._gpus(), *self._of_kind(DeviceKind.CPU), *self._of_kind(DeviceKind.DRAM)]
            return candidates or self._missing("no energy counter was found", BACKENDS)
        if term == "gpu":
            return self._gpus() or self._missing("no GPU was found", ("nvidia", "amd"))
        if term in ("cpu", "rapl"):
            return self._of_kind(DeviceKind.CPU) or self._missing("no CPU counter was found", ("rapl",))
        if term == "dram":
            return self._of_kind(DeviceKind.DRAM) or self._missing("no memory counter was found", ("rapl",))
        if term in ("nvidia", "amd"):
            return self._visible(term) or self._missing(f"no {_VENDORS[term]} GPU was found", (term,))
        if which:
            return [self._named(which, (word,))]
        return [self._named(term, ("nvidia", "amd"))]

    def _named(self, which: str, backends: tuple[str, ...]) -> Candidate:
        """Return the one GPU with this number or this beginning of its UUID."""
        known = [candidate for backend in backends for candidate in self._inventory(backend).candidates]
        if not known:
            raise self._nothing(f"there is no GPU {which}", backends)
        if which.isdigit():
            matches = [candidate for candidate in known if candidate.info.index == int(which)]
        else:
            position = find_uuid(which, [candidate.info.id for candidate in known])
            matches = [] if position is None else [known[position]]
        if len(matches) == 1:
            return matches[0]
        listed = ", ".join(f"{one.info.backend}:{one.info.index} = {one.info.id}" for one in known)
        problem = "several GPUs are numbered" if matches else "there is no one GPU"
        raise NoDeviceError(f"{problem} {which}; known: {listed}")

    def _gpus(self) -> list[Candidate]:
        return [*self._visible("nvidia"), *self._visible("amd")]

    def _visible(self, backend: str) -> list[Candidate]:
        candidates = self._inventory(backend).candidates
        return [candidates[i] for i in visible_positions(candidates, os.environ)]

    def _of_kind(self, kind: DeviceKind) -> list[Candidate]:
        return [candidate for candidate in self._inventory("rapl").candidates if candidate.info.kind is kind]

    def _inventory(self, backend: str) -> Inventory:
        if backend not in self._inventories:
            self._inventories[backend] = take_inventory(backend, clock=self._clock)
        return self._inventories[backend]

    def _missing(self, what: str, backends: Sequence[str]) -> Sequence[Candidate]:
        raise self._nothing(what, backends)

    def _nothing(self, what: str, backends: Sequence[str]) -> DeviceError:
        """Return the error; with the reason where one back end was asked, else it would be more than a line."""
        why = ""
        if len(backends) == 1:
            hidden = (
                "there is no such counter"
                if backends[0] == "rapl"
                else "every GPU is hidden by the environment"
            )
            why = f" ({self._inventory(backends[0]).absence or hidden})"
        return NoDeviceError(
            f"{what}{why}; `elastance doctor` says why, `--devices sim:v100` tries the command on a simulated GPU"
        )


def visible_positions(candidates: Sequence[Candidate], environment: Mapping[str, str]) -> list[int]:
    """Return the positions of the GPUs of one vendor that a framework would see.

    Args:
        candidates: Every device of one back end.
        environment: Environment variables.
    """
    ids = [candidate.info.id for candidate in candidates]
    if candidates and candidates[0].info.backend == "nvidia":
        return visible_nvidia(ids, [candidate.info.name for candidate in candidates], environment)
    return visible_amd(ids, environment)
