"""The directory a profile grows in: one file per finished measurement, and a manifest that says what they are of.

A directory belongs to one command, its GPUs and its limits. Whatever ends a run, the measurements that are finished
are there, whole, and the same command goes on with the others.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout

from elastance.errors import DeviceBusyError, InputError
from elastance.files import replacing
from elastance.train.profiling.plan import Cell, read_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

MANIFEST = "manifest.json"
MADE_BY = "elastance profile"

_CELLS, _LOGS, _LOCK = "cells", "logs", ".lock"
_IN_WORDS = {
    "command": "the command",
    "scripts": "the script's content",
    "devices": "the devices",
    "simulation": "the simulation",
    "power_limits_w": "the power limits",
    "sets_limits": "whether limits are set",
    "spread": "the spread",
    "most_window_s": "the longest window",
}


class ProfileDirectory:
    """A directory of measurements, in use by this process alone while the block runs.

    Args:
        path: Where it is; created if need be.
        settings: What every measurement in it must have been made with, plain JSON values.
        restart: Whether to drop what is in it.

    Raises:
        InputError: It holds something else, or measurements that were made otherwise; or it cannot be written to.
        DeviceBusyError: Another process is profiling into it.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, restart: bool = False) -> None:
        self.path = path
        self._settings = settings
        self._restart = restart
        self._lock = FileLock(path / _LOCK, timeout=0)

    def __enter__(self) -> Self:
        manifest = self._read_manifest()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise DeviceBusyError(f"{self.path}: another `elastance profile` is writing there") from None
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from None
        try:
            if self._restart:
                shutil.rmtree(self.cells_path, ignore_errors=True)
            elif manifest is not None and self.cells():
                self._check_same(manifest["settings"])
            self.cells_path.mkdir(exist_ok=True)
            (self.path / _LOGS).mkdir(exist_ok=True)
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    @property
    def cells_path(self) -> Path:
        """Where the measurements are."""
        return self.path / _CELLS

    def log_path(self, batch_size: int) -> Path:
        """Return where the script's output with a batch size goes."""
        return self.path / _LOGS / f"bs{batch_size}.log"

    def cells(self) -> dict[tuple[int, int], Cell]:
        """Return every finished measurement by batch size and power limit (W), in this order.

        Raises:
            InputError: A file is none, or has another name than it should.
        """
        found: dict[tuple[int, int], Cell] = {}
        for path in self.cells_path.glob("*.json"):
            if path.name.startswith("."):  # a temporary file of a killed process
                continue
            cell = read_model(path, Cell)
            if path.name != cell.file_name:
                raise InputError(f"{path}: is about batch size {cell.batch_size} at {cell.power_limit_w} W")
            found[cell.batch_size, cell.power_limit_w] = cell
        return {key: found[key] for key in sorted(found)}

    def write_manifest(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Write and return the manifest: `facts`, with a list of ``files`` among them, and settings.

        A file that the manifest before listed and this one does not is deleted.

        Raises:
            InputError: It cannot be written.
        """
        earlier: dict[str, Any] = self._read_manifest() or {}
        manifest = {"made_by": MADE_BY, "version": 1, **facts, "settings": self._settings}
        self.write_files({MANIFEST: json.dumps(manifest, indent=2, allow_nan=False) + "\n"})
        for name in set(earlier.get("files", ())).difference(facts["files"]):
            (self.path / name).unlink(missing_ok=True)
        return manifest

    def write_files(self, files: Mapping[str, str]) -> None:
        """Write files, by name, each whole or not at all.

        Raises:
            InputError: One cannot be written.
        """
        for name, text in files.items():
            with replacing(self.path / name) as temporary:
                temporary.write_text(text, "utf-8")

    def _read_manifest(self) -> dict[str, Any] | None:
        path = self.path / MANIFEST
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: is a file, a directory is needed")
        try:
            manifest: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if (manifest["made_by"], manifest["version"]) == (MADE_BY, 1) and {"settings", "files"} <= set(
                manifest
            ):
                return manifest
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            pass
        raise InputError(f"{self.path}: holds something else than a profile: name another directory")

    def _check_same(self, earlier: dict[str, Any]) -> None:
        """Refuse to mix measurements that cannot be compared."""
        for key, words in _IN_WORDS.items():
            if earlier.get(key) != self._settings[key]:
                was, now = (_short(of.get(key), key) for of in (earlier, self._settings))
                raise InputError(
                    f"{self.path}: was measured with {words} {was}, not {now}: name another directory, or drop"
                    " what is there with --restart"
                )


def _short(value: Any, key: str) -> str:  # noqa: ANN401
    if key == "command":
        return repr(" ".join(value))
    if key == "devices":
        return ", ".join(str(one["id"]) for one in value)
    if key == "scripts":
        return ", ".join(f"{name} (sha256 {digest[:8]})" for name, digest in value.items())
    return json.dumps(value)
