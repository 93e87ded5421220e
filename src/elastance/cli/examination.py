"""What `elastance doctor` finds out: opens devices one by one, so that none that fails hides another."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from elastance.errors import DeviceError, InputError, NoDeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.devices import Device, DeviceInfo
    from elastance.devices.inventory import Inventory
    from elastance.measure.capabilities import Capability
    from elastance.measure.cross_check import CrossCheck


@dataclass(frozen=True)
class Examination:
    """What was found out about one device.

    Attributes:
        info: Which device.
        selected: Whether commands measure it.
        error: Why it could not be opened; None if it could.
        capabilities: What it can tell, by name; empty if it could not be opened.
        check: Comparison of its counter with its power; None if it could not be opened.
        power_from_counter: Whether its power is a difference of the counter.
    """

    info: DeviceInfo
    selected: bool
    error: str | None = None
    capabilities: dict[str, Capability] = field(default_factory=dict[str, "Capability"])
    check: CrossCheck | None = None
    power_from_counter: bool = False

    @property
    def measurable(self) -> bool:
        """Whether its energy can be told one way or the other."""
        return any(
            self.capabilities[name].works for name in ("counter", "power") if name in self.capabilities
        )


@dataclass(frozen=True)
class Report:
    """What was found out in all.

    Attributes:
        inventories: What each back end sees.
        examinations: The devices, opened or not.
        problems: What does not work though it should, one line each.
        advice: What else could work, one line each.
    """

    inventories: list[Inventory]
    examinations: list[Examination]
    problems: list[str]
    advice: list[str]

    @property
    def measurable(self) -> list[Examination]:
        """The devices whose energy can be told."""
        return [one for one in self.examinations if one.measurable]

    @property
    def healthy(self) -> bool:
        """Whether energy can be measured, and nothing is wrong."""
        return bool(self.measurable) and not self.problems

    @property
    def verdict(self) -> str:
        """The report in a line."""
        if not self.measurable:
            return (
                "no energy can be measured here; `--devices sim:v100` tries every command on a simulated GPU"
            )
        made_up = sum(one.info.provenance is not None for one in self.measurable)
        what = f"{len(self.measurable)} of {len(self.examinations)} devices can be measured"
        if made_up:
            what += f" ({made_up} made up: not hardware)"
        return what if self.healthy else f"{what}, but see the problems above"


def examine(spec: str | None, seconds: float, on_progress: Callable[[float], None]) -> Report:
    """Examine the devices of a specification, or every device there is.

    Args:
        spec: What to examine; None = everything.
        seconds: How long to compare counters and power, s.
        on_progress: Told the time passed of that, s.

    Raises:
        InputError: The specification is malformed.
        DeviceError: A device that it names is not there or cannot be opened.
    """
    from elastance.devices.discovery import BACKENDS, find_devices, take_inventory
    from elastance.measure.capabilities import probe_capabilities
    from elastance.measure.cross_check import cross_check

    inventories = [take_inventory(backend, clock=time.monotonic) for backend in BACKENDS]
    problems: list[str] = []
    refused: list[Examination] = []
    if spec is not None:
        opened = list(find_devices(spec, clock=time.monotonic))
        selected = {device.info.id for device in opened}
    else:
        opened, refused = _open_all(inventories)
        selected = _selected_by_default(problems)
    try:
        restored = _restored(opened, problems)
        probed = {device.info.id: probe_capabilities(device) for device in opened}
        checks = (
            cross_check(opened, seconds, clock=time.monotonic, sleep=time.sleep, on_progress=on_progress)
            if opened
            else []
        )
    finally:
        for device in opened:
            device.close()
    examinations = [
        Examination(
            device.info,
            device.info.id in selected,
            capabilities=probed[device.info.id],
            check=check,
            power_from_counter=device.power_from_counter,
        )
        for device, check in zip(opened, checks, strict=True)
    ]
    examinations += [replace(one, selected=one.info.id in selected) for one in refused]
    problems += _problems(examinations)
    advice = [line for line in (*restored, *_advice(examinations)) if line not in problems]
    return Report(inventories, examinations, problems, advice)


def _restored(devices: list[Device], problems: list[str]) -> list[str]:
    """Put back the limits that killed processes left, and say so."""
    from elastance.measure.limits import describe_restored, restore_abandoned_limits

    try:
        return [describe_restored(change) for change in restore_abandoned_limits(devices)]
    except (DeviceError, InputError) as error:
        problems.append(f"a power limit that a killed process left was not put back: {error}")
        return []


def _open_all(inventories: list[Inventory]) -> tuple[list[Device], list[Examination]]:
    opened: list[Device] = []
    refused: list[Examination] = []
    for inventory in inventories:
        for candidate in inventory.candidates:
            try:
                opened.append(candidate.opened())
            except DeviceError as error:
                refused.append(Examination(candidate.info, selected=False, error=str(error)))
    return opened, refused


def _selected_by_default(problems: list[str]) -> set[str]:
    """Return the ids of what a command measures without --devices; what prevents it is a problem."""
    from elastance.devices import find_devices

    try:
        devices = find_devices()
    except NoDeviceError:
        return set()
    except (InputError, DeviceError) as error:
        problems.append(str(error))
        return set()
    for device in devices:
        device.close()
    return {device.info.id for device in devices}


def _problems(examinations: list[Examination]) -> list[str]:
    problems: list[str] = []
    for one in examinations:
        where = f"{one.info.name} ({one.info.id})"
        if one.error is not None:
            continue
        if not one.measurable:
            problems.append(f"{where}: {one.capabilities['power'].problem}")
        elif one.check is not None and one.check.problem is not None:
            problems.append(f"{where}: {one.check.problem}")
        elif one.check is not None and one.check.disagrees:
            problems.append(
                f"{where}: counter and power disagree by {one.check.disagreement:+.0%}: run again with --seconds"
                " 10 at a steady load; if it stays, believe neither before you have compared them with a power meter"
            )
    return problems


def _advice(examinations: list[Examination]) -> list[str]:
    advice: list[str] = [one.error for one in examinations if one.error is not None]
    for one in examinations:
        where = f"{one.info.name} ({one.info.id})"
        if one.capabilities and one.capabilities["power_limit"].works:
            setting = one.capabilities["set_power_limit"]
            if setting.problem is not None:
                advice.append(setting.problem)
        counter = one.capabilities.get("counter")
        if counter is not None and counter.problem is not None and one.measurable:
            reason = counter.problem if counter.problem.startswith(where) else f"{where}: {counter.problem}"
            advice.append(f"{reason}; its power is polled and integrated instead")
    return advice
