"""Open the devices a command measures, and say plainly where their numbers come from."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from elastance.devices import Device


@contextmanager
def opened_devices(spec: str | None) -> Generator[tuple[Device, ...]]:
    """Give the devices that ``--devices`` names, and close them afterwards; made-up ones are announced on stderr.

    Power limits that a killed process left on them are put back first.

    Raises:
        DeviceError: There are none, or one cannot be measured.
        InputError: The specification is malformed.
    """
    from elastance.devices import find_devices

    devices = find_devices(spec)
    try:
        announce_made_up(devices)
        _restore_limits(devices)
        yield devices
    finally:
        for device in devices:
            device.close()


def announce_made_up(devices: Sequence[Device]) -> None:
    """Say on standard error which devices are simulated or replayed: their joules are no measurement."""
    for provenance, word in (("model", "simulated"), ("replay", "replayed")):
        count = sum(device.info.provenance == provenance for device in devices)
        if count:
            what = "device is" if count == 1 else "devices are"
            print(f"elastance: {count} {what} {word}: nothing here is measured on hardware", file=sys.stderr)


def _restore_limits(devices: Sequence[Device]) -> None:
    from elastance.errors import ElastanceError
    from elastance.measure.limits import describe_restored, restore_abandoned_limits

    try:
        for change in restore_abandoned_limits(devices):
            print(f"elastance: {describe_restored(change)}", file=sys.stderr)
    except ElastanceError as error:  # no reason not to measure
        print(f"elastance: a limit that a killed process left was not put back: {error}", file=sys.stderr)
