"""What is written down before a power limit is changed, so that it can be put back even after SIGKILL.

One small file per device and purpose, replaced as a whole, in the user's state directory (or $ELASTANCE_STATE).
Limits do not survive a reboot, so neither does the meaning of a record: it names the boot it belongs to. Who holds a
limit is named by process id and start time, as ids are used again.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from elastance.errors import DeviceError, InputError, NotSupportedError
from elastance.files import replacing

if TYPE_CHECKING:
    from collections.abc import Generator

VARIABLE = "ELASTANCE_STATE"
"""Environment variable that names another state directory."""

_PATIENCE_S = 10.0
"""How long another process may take to write a record: milliseconds, if nothing is wrong."""


class Purpose(StrEnum):
    """Why a limit was changed."""

    HELD = "held"
    """For as long as a process runs, or a part of it."""
    STANDING = "standing"
    """Until it is reset."""


class Process(NamedTuple):
    """A process, told apart from every other since the machine was made.

    Attributes:
        boot_id: Which boot it belongs to.
        pid: Its id.
        started: When it started, in clock ticks since the boot.
        namespace: The namespace its id belongs to; containers have their own.
    """

    boot_id: str
    pid: int
    started: str
    namespace: str


@dataclass(frozen=True)
class LimitRecord:
    """A power limit that was, or is about to be, changed.

    Attributes:
        device_id: Which device.
        device_name: Its name, for messages.
        previous_w: Limit to go back to, W.
        set_w: Every limit that was set in its place, W.
        owner: Who set it; of a standing record only the boot matters.
    """

    device_id: str
    device_name: str
    previous_w: float
    set_w: tuple[float, ...]
    owner: Process

    def covers(self, power_limit_w: float) -> bool:
        """Return whether a limit is one that was set, so that nobody else has changed it since."""
        return any(abs(power_limit_w - one) < 0.5 for one in self.set_w)


def state_directory() -> Path:
    """Return where records are kept; it need not exist."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named) / "limits"
    import platformdirs

    return platformdirs.user_state_path("elastance") / "limits"


def record_path(device_id: str, purpose: Purpose) -> Path:
    """Return the file of a device's record."""
    return state_directory() / f"{quote(device_id, safe='')}.{purpose.value}.json"


@contextmanager
def locked_records() -> Generator[None]:
    """Keep every other process from the records while the block runs.

    Raises:
        InputError: The directory cannot be made or written to.
        DeviceError: Another process does not let go.
    """
    import filelock

    directory = state_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(directory / "lock", timeout=_PATIENCE_S)
        lock.acquire()
    except filelock.Timeout:
        raise DeviceError(f"{directory}/lock: another process holds it; is one stopped (Ctrl-Z)?") from None
    except OSError as error:
        raise InputError(
            f"{directory}: cannot be written ({error.strerror}), so that a power limit could not be put back after a"
            f" crash; name another directory with ${VARIABLE}"
        ) from None
    try:
        yield
    finally:
        lock.release()


def read_record(device_id: str, purpose: Purpose) -> LimitRecord | None:
    """Return the record of a device; None if there is none, or it belongs to an earlier boot.

    Raises:
        DeviceError: The file is no record.
    """
    path = record_path(device_id, purpose)
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
        record = LimitRecord(
            str(document["device_id"]),
            str(document["device_name"]),
            float(document["previous_w"]),
            tuple(float(one) for one in document["set_w"]),
            Process(**document["owner"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeviceError(
            f"{path}: is no record of a power limit ({error}); look at it, then delete it"
        ) from None
    if record.owner.boot_id != _boot_id():
        path.unlink(missing_ok=True)  # the reboot has reset the limit
        return None
    return record


def write_record(record: LimitRecord, purpose: Purpose) -> None:
    """Write a record, whole or not at all.

    Raises:
        InputError: It cannot be written.
    """
    document = {**asdict(record), "owner": record.owner._asdict()}
    with replacing(record_path(record.device_id, purpose)) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def delete_record(device_id: str, purpose: Purpose) -> None:
    """Delete a record; no error if there is none.

    Raises:
        InputError: It cannot be deleted.
    """
    path = record_path(device_id, purpose)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be deleted: {error.strerror}") from None


def this_process() -> Process:
    """Return this process.

    Raises:
        NotSupportedError: The system does not tell processes apart.
    """
    started = _started(os.getpid())
    if started is None:
        raise NotSupportedError("power limits can be changed safely on Linux only: there is no /proc here")
    return Process(_boot_id(), os.getpid(), started, _namespace())


def is_alive(process: Process) -> bool:
    """Return whether a process of this boot still runs; in another container, where nobody can tell, that it does."""
    return process.namespace != _namespace() or _started(process.pid) == process.started


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return "unknown"


def _started(pid: int) -> str | None:
    try:
        # The name before it, in parentheses, may hold spaces and parentheses; then the start time is the 20th field.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "unknown"
