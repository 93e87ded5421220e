"""One checkpoint: a line that says what it is, then what PyTorch saved, with length and checksum.

Files hold tensors, numbers and lists only, and are read as such: opening a checkpoint runs no code from it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from elastance.errors import CheckpointError
from elastance.files import replacing

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
"""Version of the format; files of another one are refused."""

_MAGIC = b"elastance checkpoint "


@dataclass(frozen=True)
class Header:
    """What a checkpoint says about itself before it is loaded.

    Attributes:
        step: Global steps done.
        identity: The job it belongs to, as of `elastance.elastic.identity`.
        bytes: Length of what follows.
        sha256: Digest of what follows.
        format: Version of the format.
    """

    step: int
    identity: dict[str, Any]
    bytes: int
    sha256: str
    format: int = FORMAT


def write(path: Path, step: int, identity: dict[str, Any], content: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all, and read it back.

    Raises:
        CheckpointError: What was written is not what is read.
        InputError: The file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(content, buffer)
    payload = buffer.getbuffer()
    header = Header(step, identity, len(payload), hashlib.sha256(payload).hexdigest())
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_MAGIC + json.dumps(vars(header), sort_keys=True).encode() + b"\n")
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    _sync_directory(path.parent)
    read(path)


def read_header(path: Path) -> Header:
    """Read what a checkpoint says about itself.

    Raises:
        CheckpointError: It is no checkpoint, or one of another format.
    """
    try:
        with path.open("rb") as file:
            return _header(file.readline(), path)
    except OSError as error:
        raise CheckpointError(f"cannot be read: {error.strerror}", path=path) from None


def read(path: Path) -> dict[str, Any]:
    """Read and check a checkpoint.

    Raises:
        CheckpointError: It is no checkpoint, one of another format, truncated, or changed since it was written.
    """
    try:
        with path.open("rb") as file:
            header = _header(file.readline(), path)
            payload = file.read()
    except OSError as error:
        raise CheckpointError(f"cannot be read: {error.strerror}", path=path) from None
    if len(payload) != header.bytes:
        raise CheckpointError(
            f"is truncated or has grown: holds {len(payload)} bytes of state, {header.bytes} were written",
            path=path,
        )
    if hashlib.sha256(payload).hexdigest() != header.sha256:
        raise CheckpointError("is damaged: its checksum is not that of what was written", path=path)
    try:
        return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            "holds objects that are no tensors, numbers, strings, lists or dictionaries, from the state_dict of the "
            f"optimizer, the scheduler or an extra: {str(error).splitlines()[0]}",
            path=path,
        ) from None


def _header(line: bytes, path: Path) -> Header:
    if not line.startswith(_MAGIC):
        raise CheckpointError("is not a checkpoint of elastance", path=path)
    try:
        fields: dict[str, Any] = json.loads(line.removeprefix(_MAGIC))
    except ValueError:
        raise CheckpointError("is truncated or damaged: its first line is not whole", path=path) from None
    if fields.get("format") != FORMAT:
        raise CheckpointError(
            f"has format {fields.get('format')}, expected {FORMAT}: it is of another version of elastance",
            path=path,
        )
    return Header(**fields)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
