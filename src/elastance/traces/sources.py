"""Where facts come from: a directory, `ELASTANCE_TRACES`, the user's cache, or the built-in models; in this order."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from elastance.catalog import GPUS, find_gpu
from elastance.errors import InputError, TraceError, UnknownNameError
from elastance.runs import Provenance
from elastance.traces.builtin import MODELS_FILE, load_models
from elastance.traces.checks import require_usable
from elastance.traces.fetch import PUBLIC_FILES, cache_dir
from elastance.traces.reading import SUFFIXES, Table, read_table
from elastance.traces.schema import POWER, TRAIN, Schema
from elastance.traces.tables import JobFacts, PowerTrace, TrainTrace, join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from elastance.job import Job

_log = logging.getLogger(__name__)

TRACES_VARIABLE = "ELASTANCE_TRACES"
MANIFEST = "manifest.json"
TRAIN_STEM = "summary_train"
POWER_STEM = "summary_power_"


class SourceKind(StrEnum):
    """How a source was found."""

    DIRECTORY = "directory"
    """Named by the user."""
    ENVIRONMENT = "environment"
    """Named by the environment variable `ELASTANCE_TRACES`."""
    CACHE = "cache"
    """The user's cache, filled by `elastance data fetch`."""
    BUILTIN = "builtin"
    """The models that ship with elastance."""
    MEASURED = "measured"
    """No files: measured by the same command."""


@dataclass(frozen=True)
class SourceRecord:
    """What a result says about its facts.

    Attributes:
        kind: How the source was found.
        path: Directory of the files, or the models' own file name.
        sha256: One digest for all files used: the SHA-256 of the lines ``<digest>  <name>``, by name.
        files: File name to its SHA-256.
        provenance: ``"trace"`` for recorded tables, ``"model"`` for built-in models and synthetic tables.
    """

    kind: SourceKind
    path: str
    sha256: str
    files: Mapping[str, str]
    provenance: Provenance

    @classmethod
    def of_files(
        cls, kind: SourceKind, path: str, files: Mapping[str, str], provenance: Provenance
    ) -> SourceRecord:
        """Record the `files` (name to digest) that were used."""
        listing = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
        return cls(kind, path, hashlib.sha256(listing.encode()).hexdigest(), dict(files), provenance)

    def to_json(self) -> dict[str, str | dict[str, str]]:
        """Return the record as plain values."""
        return {
            "kind": self.kind.value,
            "path": self.path,
            "sha256": self.sha256,
            "files": dict(self.files),
            "provenance": self.provenance.value,
        }

    @property
    def is_public(self) -> bool:
        """Whether all facts are the published Zeus traces, byte for byte."""
        published = {file.sha256 for file in PUBLIC_FILES}
        return self.provenance is Provenance.TRACE and published.issuperset(self.files.values())

    def __str__(self) -> str:
        where = {
            SourceKind.BUILTIN: "built-in models (fitted to the public Zeus traces; see `elastance data describe`)",
            SourceKind.DIRECTORY: self.path,
            SourceKind.ENVIRONMENT: f"{self.path} (from ${TRACES_VARIABLE})",
            SourceKind.CACHE: f"{self.path} (fetched public traces)",
            SourceKind.MEASURED: f"measured on {self.path}",
        }[self.kind]
        synthetic = self.provenance is Provenance.MODEL and self.kind is not SourceKind.BUILTIN
        return f"{where}, synthetic" if synthetic else where


@runtime_checkable
class TraceSource(Protocol):
    """Somewhere facts come from."""

    @property
    def kind(self) -> SourceKind:
        """How the source was found."""
        ...

    def gpus(self) -> tuple[str, ...]:
        """Names of the GPU types this source knows."""
        ...

    def train(self) -> TrainTrace:
        """The train trace."""
        ...

    def power(self, gpu: str) -> PowerTrace:
        """The power trace of a GPU type."""
        ...

    def job_facts(self, job: Job, gpu: str) -> JobFacts:
        """Facts of `job` on `gpu`, joined from the two traces."""
        ...

    def record(self, gpu: str, *, train: bool = True) -> SourceRecord:
        """What a result computed for `gpu` says about this source, of whose train trace it may make no use."""
        ...


@dataclass(frozen=True)
class DirectorySource:
    """Trace files in a directory: ``summary_train`` and ``summary_power_<gpu>``, CSV (plain, .gz, .xz) or Parquet.

    Attributes:
        directory: Holds the files.
        kind: How the directory was found.
    """

    directory: Path
    kind: SourceKind = SourceKind.DIRECTORY

    def gpus(self) -> tuple[str, ...]:
        """Names of the GPU types that have a power trace here, known ones first."""
        found = {
            path.name.removeprefix(POWER_STEM).split(".")[0]
            for path in self.directory.glob(f"{POWER_STEM}*")
            if path.name.endswith(SUFFIXES)
        }
        known = [gpu.name for gpu in GPUS if gpu.name in found]
        return (*known, *sorted(found.difference(known)))

    def train(self) -> TrainTrace:
        """Read and check the train trace.

        Raises:
            TraceError: The file is missing or not usable.
        """
        columns = self._train_table.columns
        return TrainTrace(
            str(self._train_table.path), **{name: columns[name] for name in _fields_after_name(TrainTrace)}
        )

    def power(self, gpu: str) -> PowerTrace:
        """Read and check the power trace of `gpu`.

        Raises:
            UnknownNameError: No power trace of that GPU type lies here.
            TraceError: The file is not usable.
        """
        table = self._power_table(gpu)
        return PowerTrace(
            str(table.path), **{name: table.columns[name] for name in _fields_after_name(PowerTrace)}
        )

    def job_facts(self, job: Job, gpu: str) -> JobFacts:
        """Facts of `job` on `gpu`.

        Raises:
            InputError: The files are not usable or do not know the job.
        """
        power = self.power(gpu)
        return join(self.train(), power, job, provenance=self._provenance)

    def record(self, gpu: str, *, train: bool = True) -> SourceRecord:
        """What a result computed for `gpu` says about these files, with or without the train trace."""
        tables = (*((self._train_table,) if train else ()), self._power_table(gpu))
        files = {table.path.name: table.sha256 for table in tables}
        return SourceRecord.of_files(self.kind, str(self.directory), files, self._provenance)

    @cached_property
    def _train_table(self) -> Table:
        return self._read(TRAIN_STEM, TRAIN)

    @cached_property
    def _power_tables(self) -> dict[str, Table]:
        return {}

    def _power_table(self, gpu: str) -> Table:
        name = gpu.lower()
        if name not in self._power_tables:
            if name not in self.gpus():
                raise UnknownNameError(
                    f"GPU (no {POWER_STEM}{name}.csv in {self.directory})", gpu, self.gpus()
                )
            self._power_tables[name] = self._read(POWER_STEM + name, POWER)
        return self._power_tables[name]

    def _read(self, stem: str, schema: Schema) -> Table:
        candidates = [self.directory / (stem + suffix) for suffix in SUFFIXES]
        path = next((path for path in candidates if path.exists()), candidates[0])
        table = require_usable(read_table(path, schema))
        if self.kind is SourceKind.CACHE:
            _require_published(table)
        return table

    @cached_property
    def _provenance(self) -> Provenance:
        return Provenance.MODEL if is_synthetic(self.directory) else Provenance.TRACE


class BuiltinSource:
    """The models that ship with elastance."""

    kind = SourceKind.BUILTIN

    def gpus(self) -> tuple[str, ...]:
        """Names of the GPU types the models cover."""
        return tuple(gpu.name for gpu in GPUS)

    def train(self) -> TrainTrace:
        """Ten training paths per batch size: the deciles of the fitted distribution of epochs."""
        rows = zip(*load_models().train_rows(), strict=True)
        columns = dict(zip(TRAIN.columns, rows, strict=True))
        return TrainTrace(
            "the built-in models", **{name: columns[name] for name in _fields_after_name(TrainTrace)}
        )

    def power(self, gpu: str) -> PowerTrace:
        """Time and power at every batch size and limit the public trace of `gpu` offers.

        Raises:
            UnknownNameError: The models do not cover that GPU type.
        """
        rows = zip(*load_models().power_rows(find_gpu(gpu).name), strict=True)
        columns = dict(zip(POWER.columns, rows, strict=True))
        return PowerTrace(
            "the built-in models", **{name: columns[name] for name in _fields_after_name(PowerTrace)}
        )

    def job_facts(self, job: Job, gpu: str) -> JobFacts:
        """Facts of `job` on `gpu`.

        Raises:
            InputError: The models do not know the job.
        """
        power = self.power(gpu)
        return join(self.train(), power, job, provenance=Provenance.MODEL)

    def record(self, gpu: str, *, train: bool = True) -> SourceRecord:
        """What a result says about the models; the same for every GPU type and trace."""
        digest = hashlib.sha256(MODELS_FILE.read_bytes()).hexdigest()
        return SourceRecord.of_files(
            self.kind, MODELS_FILE.name, {MODELS_FILE.name: digest}, Provenance.MODEL
        )


def find_source(
    directory: Path | str | PathLike[str] | None = None, *, environment: Mapping[str, str] | None = None
) -> TraceSource:
    """Return the first source there is: `directory`, `ELASTANCE_TRACES`, the user's cache, the built-in models.

    Args:
        directory: Named by the user; then nothing else is looked at.
        environment: Environment variables; the process's own by default.

    Raises:
        TraceError: A directory that was named does not exist.
    """
    environment = os.environ if environment is None else environment
    if directory is not None:
        return DirectorySource(_existing(Path(directory), "--traces"))
    if named := environment.get(TRACES_VARIABLE):
        return DirectorySource(_existing(Path(named), f"${TRACES_VARIABLE}"), SourceKind.ENVIRONMENT)
    cache = cache_dir()
    present = [file.name for file in PUBLIC_FILES if (cache / file.name).exists()]
    if len(present) == len(PUBLIC_FILES):
        return DirectorySource(cache, SourceKind.CACHE)
    if present:
        _log.warning(
            "the cache %s holds only %d of %d public traces, so the built-in models are used; "
            "`elastance data fetch` completes it",
            cache,
            len(present),
            len(PUBLIC_FILES),
        )
    return BuiltinSource()


def is_synthetic(directory: Path) -> bool:
    """Whether the manifest in `directory` says that its tables are synthetic.

    Raises:
        TraceError: There is a manifest that cannot be read.
    """
    manifest = directory / MANIFEST
    try:
        return bool(json.loads(manifest.read_text("utf-8"))["synthetic"])
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TraceError(f"not a readable manifest: {error}", path=manifest) from None


def _existing(directory: Path, named_by: str) -> Path:
    if not directory.exists():
        raise TraceError(f"no such directory (named by {named_by})", path=directory)
    if not directory.is_dir():
        raise TraceError(f"{named_by} must name a directory that holds {TRAIN_STEM}.csv", path=directory)
    return directory


def _require_published(table: Table) -> None:
    expected = {file.name: file.sha256 for file in PUBLIC_FILES}.get(table.path.name)
    if table.sha256 != expected:
        raise InputError(
            f"{table.path}: the cached file is not the published one; fetch it again with "
            "`elastance data fetch --force`"
        )


def _fields_after_name(cls: type[TrainTrace | PowerTrace]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls) if field.name != "name")
