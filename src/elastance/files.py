"""Write files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Generator


def check_writable(path: Path) -> Path:
    """Return `path` if a file could be written there.

    Raises:
        InputError: It is a directory, or its directory is missing or not writable.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a directory, a file name is needed")
    parent = path.parent
    if not parent.is_dir():
        raise InputError(f"{path}: there is no directory {parent}; create it first")
    if not os.access(parent, os.W_OK):
        raise InputError(f"{path}: no permission to write to {parent}")
    return path


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Give a temporary path beside `path` that takes its place once the block is left without an exception.

    Whatever goes wrong, Ctrl-C included, `path` holds either what it held before or the whole new content.

    Raises:
        InputError: The file cannot be written.
    """
    check_writable(path)
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(descriptor)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes private files
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
