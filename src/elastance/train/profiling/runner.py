"""Profile a training script: run it once per batch size, and collect what it measures."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import elastance
from elastance.devices import DeviceKind
from elastance.devices.discovery import VARIABLE
from elastance.errors import DevicePermissionError, InputError, InterruptedSweepError
from elastance.measure import PowerLimitHold, restore_abandoned_limits
from elastance.measure.child import run_child
from elastance.train.profiling.directory import ProfileDirectory
from elastance.train.profiling.gauge import least_window_s
from elastance.train.profiling.plan import PLAN_VARIABLE, Cell, Plan, Progress, read_model, write_model
from elastance.train.profiling.products import Products, gpu_file_name, make_products
from elastance.train.profiling.windows import WindowRules

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from elastance.devices import Device
    from elastance.train.profiling.job import ProfileJob

_POLL_S = 0.2
_STOPS = frozenset(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)
)
_NO_STEPS = (
    "the script ended and no training step was seen: add `from elastance.train import profiled_steps`, and write its"
    " loop over batches as `for batch in profiled_steps(loader):`"
)


class SizeFailure(NamedTuple):
    """A batch size that was not measured under every limit.

    Attributes:
        batch_size: Which.
        exit_status: Of the script.
        reason: What it said last, or what went wrong.
        log: Where its output is.
    """

    batch_size: int
    exit_status: int
    reason: str
    log: str


@dataclass(frozen=True)
class ProfileResult:
    """What came of it.

    Attributes:
        cells: Every measurement in the directory, by batch size, then limit.
        failures: Batch sizes that could not be measured, in order.
        products: The files that were made.
        manifest: What is said of them.
    """

    cells: tuple[Cell, ...]
    failures: tuple[SizeFailure, ...]
    products: Products
    manifest: dict[str, Any]


class ProfileState(NamedTuple):
    """How far a profile is.

    Attributes:
        done, total: Measurements, those of earlier runs included.
        batch_size: What is being measured.
        progress: How far its script is; None before its first step.
    """

    done: int
    total: int
    batch_size: int
    progress: Progress | None


def run_profile(
    job: ProfileJob,
    devices: Sequence[Device],
    output: Path,
    *,
    restart: bool = False,
    on_progress: Callable[[ProfileState], None] = lambda _: None,
    on_failure: Callable[[SizeFailure], None] = lambda _: None,
) -> ProfileResult:
    """Measure what is missing in a directory, and make its files. For the main thread: it forwards signals.

    Args:
        job: What is to be profiled.
        devices: The GPUs; the script opens them again.
        output: The directory.
        restart: Whether to drop what is in it.
        on_progress: Told now and then how far it is, from another thread too.
        on_failure: Told of a batch size that could not be measured.

    Raises:
        InputError: The directory is not usable, the script has no steps, or there is no such program.
        DevicePermissionError: The user may not set limits.
        InterruptedSweepError: A signal ended it; the same command goes on.
    """
    gpus = [one for one in devices if one.info.kind is DeviceKind.GPU]
    WindowRules(least_window_s(gpus, job.spread), job.most_window_s, job.spread)
    with ProfileDirectory(output, job.settings(gpus), restart=restart) as directory:
        run = _Run(job, gpus, directory, on_progress)
        missing = {size: limits for size in job.batch_sizes if (limits := run.missing(size))}
        if missing and job.sets_limits:
            _check_right(gpus, job.limits_w)
        failures: list[SizeFailure] = []
        result = run.write_products(failures)
        for size, limits_w in missing.items():
            try:
                failure = run.measure(size, limits_w)
                if failure is not None:
                    failures.append(failure)
                    on_failure(failure)
            finally:
                result = run.write_products(failures)
        return result


class _Run:
    """One call of `run_profile`."""

    def __init__(
        self,
        job: ProfileJob,
        gpus: Sequence[Device],
        directory: ProfileDirectory,
        on_progress: Callable[[ProfileState], None],
    ) -> None:
        self._job, self._gpus, self._directory = job, gpus, directory
        self._on_progress = on_progress

    def missing(self, batch_size: int) -> tuple[int, ...]:
        """Limits that are not measured yet, W."""
        cells = self._directory.cells()
        return tuple(limit_w for limit_w in self._job.limits_w if (batch_size, limit_w) not in cells)

    def measure(self, batch_size: int, limits_w: tuple[int, ...]) -> SizeFailure | None:
        """Run the script with one batch size."""
        log = self._directory.log_path(batch_size)
        heard: list[int] = []
        with tempfile.TemporaryDirectory(prefix="elastance-") as temporary, log.open("wb") as output:
            plan_path, progress_path = Path(temporary) / "plan.json", Path(temporary) / "progress.json"
            plan = Plan(
                devices=self._job.devices,
                batch_size=batch_size,
                limits_w=limits_w,
                sets_limits=self._job.sets_limits,
                spread=self._job.spread,
                most_window_s=self._job.most_window_s,
                results=str(self._directory.cells_path.resolve()),
                progress=str(progress_path),
            )
            write_model(plan_path, plan)
            environment = os.environ | {PLAN_VARIABLE: str(plan_path)}
            if self._job.devices is not None:
                environment[VARIABLE] = self._job.devices
            with self._watched(batch_size, progress_path):
                status = run_child(
                    self._job.command_for(batch_size), environment, output=output, heard=heard.append
                )
            progress = _read_progress(progress_path)
        restore_abandoned_limits(self._gpus)  # a script that was killed could not
        missing = self.missing(batch_size)
        if missing and _STOPS.intersection(heard):
            raise InterruptedSweepError(
                "interrupted; what was measured is kept: the same command goes on from there"
            )
        if not missing:
            return None
        if progress is None and status == 0:
            raise InputError(_NO_STEPS)
        return SizeFailure(batch_size, status, _reason(status, progress, log, len(missing)), str(log))

    @contextlib.contextmanager
    def _watched(self, batch_size: int, progress_path: Path) -> Generator[None]:
        """Tell how far the script is while the block runs."""
        over = threading.Event()
        total = len(self._job.batch_sizes) * len(self._job.limits_w)

        def tell() -> None:
            progress = _read_progress(progress_path)
            names = {path.name for path in self._directory.cells_path.glob("*.json")}
            wanted = {
                f"bs{size}-{limit_w}W.json"
                for size in self._job.batch_sizes
                for limit_w in self._job.limits_w
            }
            self._on_progress(ProfileState(len(names & wanted), total, batch_size, progress))

        def watch() -> None:
            while not over.wait(_POLL_S):
                tell()

        tell()
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            tell()

    def write_products(self, failures: Sequence[SizeFailure]) -> ProfileResult:
        """Make the files of what is measured so far; the manifest first, so that nothing lies there unlabelled."""
        job, info = self._job, self._gpus[0].info
        cells = tuple(self._directory.cells().values())
        products = make_products(cells, job.limits_w, gpu_file_name(info.name), job.identity, job.samples)
        manifest = self._directory.write_manifest(
            {
                "synthetic": info.provenance is not None,
                "gpu": {"name": info.name, "file_name": gpu_file_name(info.name), "count": len(self._gpus)},
                "job": job.identity._asdict(),
                "samples": job.samples,
                "split_steps": products.split_steps,
                "files": products.digests,
                "notes": list(products.notes),
                "failures": [
                    failure._asdict()
                    | {"log": Path(failure.log).relative_to(self._directory.path).as_posix()}
                    for failure in failures
                ],
                "cells": [_described(cell) for cell in cells],
                "versions": {"elastance": elastance.__version__, "python": platform.python_version()},
            }
        )
        self._directory.write_files(products.files)
        return ProfileResult(cells, tuple(failures), products, manifest)


def _described(cell: Cell) -> dict[str, Any]:
    return {
        "batch_size": cell.batch_size,
        "power_limit_w": cell.power_limit_w,
        "step_time_s": cell.step_time_s,
        "step_energy_j": cell.step_energy_j,
        "window_steps": cell.steps,
        "warmup_steps": cell.warmup_steps,
        "trials": len(cell.trials),
        "spread_time": cell.spread_time,
        "spread_energy": cell.spread_energy,
        "settled": cell.settled,
        "spans_epochs": cell.spans_epochs,
        "epoch_steps": cell.epoch_steps,
        "energy": {
            "source": cell.energy_source.value,
            "method": cell.energy_method.value,
            "uncertainty_j": cell.uncertainty_j,
        },
    }


def _check_right(gpus: Sequence[Device], limits_w: Sequence[int]) -> None:
    """Refuse before anything is run if the user may not set limits."""
    try:
        with PowerLimitHold(gpus, float(limits_w[0])):
            pass
    except DevicePermissionError as error:
        raise DevicePermissionError(
            f"{error}; --power-limits none profiles under the limit that is there"
        ) from None


def _read_progress(path: Path) -> Progress | None:
    return read_model(path, Progress) if path.exists() else None


def _reason(status: int, progress: Progress | None, log: Path, missing: int) -> str:
    if progress is not None and progress.problem is not None:
        return progress.problem
    if status == 0:
        return f"the script ended before {missing} limit(s) were measured: let it train on, as profiled_steps() does"
    said = log.read_bytes()[-4096:].decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    return f"exit status {status}: {last[:200]}"
