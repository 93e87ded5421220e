"""Change power limits so that they are put back: at the end, on an exception, on SIGTERM, and after SIGKILL.

What a limit was is written to a file before it is changed (`elastance.measure.limit_records`). A process that ends in
whatever way puts it back itself; one that is killed leaves the file, and the next start puts the limit back.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, NamedTuple, Self

from elastance.devices import Device
from elastance.errors import DeviceBusyError, DeviceError, ElastanceError, InputError
from elastance.measure.held_limits import held_limits
from elastance.measure.limit_records import (
    LimitRecord,
    Purpose,
    delete_record,
    is_alive,
    locked_records,
    read_record,
    record_path,
    this_process,
    write_record,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

_logger = logging.getLogger(__name__)


class LimitChange(NamedTuple):
    """A power limit that was changed.

    Attributes:
        device: Whose.
        before_w: Limit before, W.
        after_w: Limit now, W.
    """

    device: Device
    before_w: float
    after_w: float


class PowerLimitHold:
    """Holds devices at a power limit while a block runs; afterwards each has the limit it had before.

    Holds may be nested and may overlap, in one process; another process that wants to change the limit of the same
    device is refused. On SIGTERM and SIGHUP the limits are put back before what the signal does otherwise, provided
    that the hold was taken in the main thread. A forked child (a data-loader worker) holds nothing.

    Args:
        devices: Device, or devices.
        power_limit_w: Limit of each, W; None leaves it as it is until `set` is called.

    Raises:
        InputError: The limit is out of a device's range; no limit has been changed then.
        DevicePermissionError: The user may not set limits; the message says how to get the right.
        DeviceBusyError: Another process holds the limit of one of the devices.
        DeviceError: A limit could not be set, or put back.
    """

    def __init__(self, devices: Device | Sequence[Device], power_limit_w: float | None = None) -> None:
        self._devices = [devices] if isinstance(devices, Device) else list(devices)
        self._power_limit_w = power_limit_w

    def __enter__(self) -> Self:
        try:
            if self._power_limit_w is not None:
                self.set(self._power_limit_w)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def set(self, power_limit_w: float) -> None:
        """Change the limit of every device, W; may be called as often as needed while the block runs."""
        for device in self._devices:
            check_power_limit(device, power_limit_w)
        for device in self._devices:
            with held_limits.undisturbed(), locked_records():
                self._set(device, power_limit_w)

    def _set(self, device: Device, power_limit_w: float) -> None:
        change = _restore_one(device)
        if change is not None:
            _logger.warning("%s", describe_restored(change))
        previous_w = device.power_limits().current_w
        record = read_record(device.info.id, Purpose.HELD)
        is_new = record is None
        if record is None:
            record = LimitRecord(device.info.id, device.info.name, previous_w, (), this_process())
        elif record.owner != this_process():
            raise _busy(record)
        if not record.covers(power_limit_w):
            record = _with_limit(record, power_limit_w)
            write_record(record, Purpose.HELD)
        try:
            device.set_power_limit(power_limit_w)
        except BaseException:
            if is_new:
                delete_record(device.info.id, Purpose.HELD)
            raise
        held_limits.hold(self, device, previous_w, _put_back)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failures = self._release()
        for failure in failures:
            # An exception on its way out of the block matters more than what went wrong while cleaning up.
            _logger.error("%s", failure)
        if failures and error is None:
            raise failures[0]

    def _release(self) -> list[DeviceError]:
        failures: list[DeviceError] = []
        for device in self._devices:
            try:
                with held_limits.undisturbed():
                    held_limits.release(self, device)
            except ElastanceError as error:
                failures.append(
                    DeviceError(
                        f"the power limit was not put back: {error}; the next start of elastance tries again, as does"
                        " `elastance limit reset`"
                    )
                )
        return failures


def power_limit(devices: Device | Sequence[Device], power_limit_w: float) -> PowerLimitHold:
    """Hold devices at a power limit while a block runs.

    Args:
        devices: Device, or devices.
        power_limit_w: Limit of each, W.

    Returns:
        The hold, to be entered; its `PowerLimitHold.set` changes the limit while the block runs.
    """
    return PowerLimitHold(devices, power_limit_w)


def restore_abandoned_limits(devices: Iterable[Device]) -> list[LimitChange]:
    """Put back the limits that processes left changed when they were killed.

    A limit that somebody else has changed since is left as it is.

    Args:
        devices: Devices to look after.

    Returns:
        What was put back.

    Raises:
        DeviceError: A limit could not be put back; its record stays.
    """
    # Without a record there is nothing to lock: looking must not need a writable directory.
    left = [device for device in devices if record_path(device.info.id, Purpose.HELD).exists()]
    if not left:
        return []
    with held_limits.undisturbed(), locked_records():
        return [change for device in left if (change := _restore_one(device)) is not None]


def set_standing_limit(device: Device, power_limit_w: float) -> LimitChange:
    """Set a limit that stays until `reset_limit` or a reboot, and remember the one before.

    Args:
        device: Whose limit.
        power_limit_w: New limit, W.

    Raises:
        InputError: It is out of range.
        DevicePermissionError: The user may not set limits.
        DeviceBusyError: A process holds the limit.
    """
    check_power_limit(device, power_limit_w)
    with held_limits.undisturbed(), locked_records():
        _restore_one(device)
        _refuse_if_held(device)
        before_w = device.power_limits().current_w
        earlier = read_record(device.info.id, Purpose.STANDING)
        record = earlier or LimitRecord(device.info.id, device.info.name, before_w, (), this_process())
        write_record(_with_limit(record, power_limit_w), Purpose.STANDING)
        try:
            device.set_power_limit(power_limit_w)
        except BaseException:
            if earlier is None:
                delete_record(device.info.id, Purpose.STANDING)
            raise
    return LimitChange(device, before_w, power_limit_w)


def reset_limit(device: Device) -> LimitChange:
    """Put back the limit from before `set_standing_limit`; without such a record, the device's default.

    Args:
        device: Whose limit.

    Raises:
        DevicePermissionError: The user may not set limits.
        DeviceBusyError: A process holds the limit.
    """
    with held_limits.undisturbed(), locked_records():
        restored = _restore_one(device)
        _refuse_if_held(device)
        limits = device.power_limits()
        standing = read_record(device.info.id, Purpose.STANDING)
        after_w = limits.default_w if standing is None else standing.previous_w
        if abs(after_w - limits.current_w) > 1e-3:
            device.set_power_limit(after_w)
        delete_record(device.info.id, Purpose.STANDING)
    return LimitChange(device, restored.before_w if restored else limits.current_w, after_w)


def standing_limit(device: Device) -> LimitRecord | None:
    """Return the record of a standing limit of a device; None if there is none."""
    return read_record(device.info.id, Purpose.STANDING)


def limit_holder(device: Device) -> int | None:
    """Return the id of the process that holds the limit of a device; None if none does."""
    record = read_record(device.info.id, Purpose.HELD)
    return record.owner.pid if record is not None and is_alive(record.owner) else None


def check_power_limit(device: Device, power_limit_w: float) -> None:
    """Refuse a limit that a device cannot have.

    Raises:
        InputError: It is out of range, or no number.
    """
    limits = device.power_limits()
    if not (math.isfinite(power_limit_w) and limits.min_w <= power_limit_w <= limits.max_w):
        raise InputError(
            f"power limit {power_limit_w:g} W of {device.info.name} ({device.info.id}): expected {limits.min_w:g} to"
            f" {limits.max_w:g} W"
        )


def describe_restored(change: LimitChange) -> str:
    """Return what was put back after a kill, in words."""
    info = change.device.info
    return (
        f"the power limit of {info.name} ({info.id}) is {change.after_w:g} W again: a process that had set it to"
        f" {change.before_w:g} W was killed before it could put it back"
    )


def _restore_one(device: Device) -> LimitChange | None:
    """Put back what a dead process, or a failed release of this one, left; the records are locked."""
    record = read_record(device.info.id, Purpose.HELD)
    if record is None:
        return None
    own = record.owner == this_process()
    if (own and held_limits.holds(device.info.id)) or (not own and is_alive(record.owner)):
        return None
    current_w = device.power_limits().current_w
    changed = record.covers(current_w) and abs(current_w - record.previous_w) > 1e-3
    if changed:
        device.set_power_limit(record.previous_w)
    delete_record(device.info.id, Purpose.HELD)
    return LimitChange(device, current_w, record.previous_w) if changed else None


def _put_back(device: Device, previous_w: float, is_last: bool) -> None:
    """Set the limit from before a hold; with the last hold of the device its record goes."""
    with locked_records():
        device.set_power_limit(previous_w)
        if is_last:
            delete_record(device.info.id, Purpose.HELD)


def _refuse_if_held(device: Device) -> None:
    record = read_record(device.info.id, Purpose.HELD)
    if record is not None:
        raise _busy(record)


def _busy(record: LimitRecord) -> DeviceBusyError:
    path = record_path(record.device_id, Purpose.HELD)
    return DeviceBusyError(
        f"the power limit of {record.device_name} ({record.device_id}) is held by process {record.owner.pid} and put"
        f" back when that ends ({path})"
    )


def _with_limit(record: LimitRecord, power_limit_w: float) -> LimitRecord:
    return LimitRecord(
        record.device_id, record.device_name, record.previous_w, (*record.set_w, power_limit_w), record.owner
    )
