"""The note beside a recorded power log: which device it is of, and whether that was a real one.

The published format has no place for it, and other programs that read it would stumble over one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from elastance.devices import DeviceInfo, DeviceKind
from elastance.errors import PowerLogError
from elastance.files import replacing
from elastance.runs import Provenance

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIX = ".manifest.json"


def manifest_path(log: Path) -> Path:
    """Return where the note beside `log` is."""
    return log.with_name(log.name + _SUFFIX)


def write_manifest(log: Path, device: DeviceInfo, **facts: Any) -> None:  # noqa: ANN401
    """Write the note beside `log`, with other `facts` about the recording.

    Raises:
        InputError: It cannot be written.
    """
    document = {
        "made_by": "elastance record",
        "device": {
            "id": device.id,
            "name": device.name,
            "kind": device.kind.value,
            "index": device.index,
            "backend": device.backend,
            "provenance": None if device.provenance is None else device.provenance.value,
        },
        **facts,
    }
    with replacing(manifest_path(log)) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def read_manifest(log: Path) -> DeviceInfo | None:
    """Return which device `log` is of; None if there is no note beside it.

    Raises:
        PowerLogError: There is one that cannot be used.
    """
    path = manifest_path(log)
    try:
        device = json.loads(path.read_text("utf-8"))["device"]
        recorded = device["provenance"]
        return DeviceInfo(
            id=str(device["id"]),
            name=str(device["name"]),
            kind=DeviceKind(device["kind"]),
            index=int(device["index"]),
            backend=str(device["backend"]),
            provenance=None if recorded is None else Provenance(recorded),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PowerLogError(f"cannot be read: {error.strerror}", path=path) from None
    except (ValueError, KeyError, TypeError) as error:
        raise PowerLogError(f"is no note of a recording ({error!r})", path=path) from None
