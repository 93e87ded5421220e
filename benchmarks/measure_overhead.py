"""What measuring costs: windows, sampling and start-up, beside the published monitor and codecarbon.

Run by ``make bench-measure``, which installs ``zeus==0.16.0`` and codecarbon beside elastance into an environment
of its own. No GPU is needed. Zeus knows real GPUs only, so the driver's Python binding is stood in for by one that
reads the very same simulated devices: what is compared is the monitors, not the devices. Codecarbon finds no GPU and
measures the processor by a model of its own. Window costs are the least of many rounds, since other load can only add
to them.
"""

from __future__ import annotations

import logging
import os
import statistics
import subprocess
import sys
import time
import timeit
import warnings
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from elastance.devices.simulated import simulated_devices
from elastance.measure import EnergyMeter

if TYPE_CHECKING:
    from collections.abc import Callable

DEVICES = 8
SAMPLED_S = 6.0
ROUNDS, PER_ROUND = 200, 25

IMPORTS = {
    "python (nothing)": ("pass", None),
    "elastance": ("import elastance", 0.15),
    "elastance, the meter": ("from elastance import EnergyMeter; EnergyMeter", None),
    "zeus, the monitor": ("from zeus.monitor import ZeusMonitor", None),
    "codecarbon, the tracker": ("from codecarbon import EmissionsTracker", None),
}


def main() -> int:
    """Print every figure, ours with its target; return 1 if a target was missed."""
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    held = [*windows(), *sampling(), *start_up()]
    print(f"\n{sum(held)} of {len(held)} targets held")
    return 0 if all(held) else 1


def windows() -> list[bool]:
    """Cost of beginning and ending one window."""
    held: list[bool] = []
    print("begin + end of a window, us")
    for count in (1, 4, DEVICES):
        for counter, method in (("yes", "counter"), ("no", "polled")):
            with EnergyMeter(simulated_devices(f"sim:v100x{count},counter={counter}")) as meter:
                cost_us = least_us(lambda meter=meter: (meter.begin("window"), meter.end("window")))
            held += report(f"elastance, {count} devices, {method}", cost_us, 50.0, "us")
    warnings.filterwarnings(
        "ignore", message="The energy consumption of one or more GPUs was measured as zero"
    )
    for count in (1, 4, DEVICES):
        monitor = zeus_monitor(count)
        cost_us = least_us(
            lambda monitor=monitor: (
                monitor.begin_window("window", sync_execution=False),
                monitor.end_window("window", sync_execution=False),
            )
        )
        report(f"zeus 0.16.0, {count} devices, counter", cost_us, None, "us")
    report("codecarbon, one task (no GPU)", codecarbon_task_us(), None, "us")
    return held


def sampling() -> list[bool]:
    """Share of a core that a sampler takes while the program waits."""
    held: list[bool] = []
    print(f"\nsampling {DEVICES} devices for {SAMPLED_S:g} s, % of a core")
    for hertz, target in ((10, 1.0), (100, 5.0)):
        devices = simulated_devices(f"sim:v100x{DEVICES},counter=no")
        with EnergyMeter(devices, interval_s=1 / hertz) as meter, meter.window("run") as run:
            share = busy_share()
        assert run.measurement is not None
        samples = run.measurement.devices[0].provenance.samples
        held += report(f"elastance, {hertz} Hz ({samples} samples)", 100 * share, target, "%")
    with EnergyMeter(simulated_devices(f"sim:v100x{DEVICES}")) as meter, meter.window("run"):
        share = busy_share()
    held += report("elastance, counters", 100 * share, 1.0, "%")
    for hertz in (10, 100):
        report(f"zeus 0.16.0, {hertz} Hz, a process", 100 * zeus_sampling_share(hertz), None, "%")
    report("codecarbon, 1 Hz (no GPU)", 100 * codecarbon_sampling_share(1.0), None, "%")
    return held


def start_up() -> list[bool]:
    """Time from nothing to an imported name, the median of several processes."""
    held: list[bool] = []
    print("\nstart of a process, s")
    for name, (code, target_s) in IMPORTS.items():
        times_s: list[float] = []
        for _ in range(7):
            began_s = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
            times_s.append(time.perf_counter() - began_s)
        held += report(name, statistics.median(times_s), target_s, "s")
    return held


def report(what: str, value: float, target: float | None, unit: str) -> list[bool]:
    """Print a figure; return whether it held its target, if it has one."""
    verdict = (
        "" if target is None else f"   target < {target:g} {unit}: {'held' if value < target else 'MISSED'}"
    )
    print(f"  {what:42} {value:10.3f} {unit}{verdict}", flush=True)
    return [] if target is None else [value < target]


def least_us(act: Callable[[], object]) -> float:
    """Return the time of one call, in microseconds."""
    act()
    return min(timeit.repeat(act, number=PER_ROUND, repeat=ROUNDS)) / PER_ROUND * 1e6


def busy_share() -> float:
    """Return the share of a core that this process takes while it waits."""
    began_s, used_s = time.perf_counter(), time.process_time()
    time.sleep(SAMPLED_S)
    return (time.process_time() - used_s) / (time.perf_counter() - began_s)


def pretend_to_have_gpus() -> None:
    """Let the driver's binding read simulated devices; also runs in the processes that zeus starts."""
    import pynvml

    devices = simulated_devices(f"sim:v100x{DEVICES}")

    def fields(handle: int, _ids: object) -> list[SimpleNamespace]:
        power_mw = int(devices[handle].power_w() * 1e3)
        return [SimpleNamespace(nvmlReturn=pynvml.NVML_SUCCESS, value=SimpleNamespace(uiVal=power_mw))]

    pynvml.nvmlInit = pynvml.nvmlShutdown = lambda: None
    pynvml.nvmlDeviceGetCount = lambda: DEVICES
    pynvml.nvmlDeviceGetHandleByIndex = lambda index: index
    pynvml.nvmlDeviceGetName = lambda handle: devices[handle].info.name
    pynvml.nvmlDeviceGetC2cModeInfoV = lambda handle: SimpleNamespace(isC2cEnabled=False)
    pynvml.nvmlDeviceGetArchitecture = lambda handle: pynvml.NVML_DEVICE_ARCH_VOLTA
    pynvml.nvmlDeviceGetTotalEnergyConsumption = lambda handle: int(devices[handle].energy_j() * 1e3)
    pynvml.nvmlDeviceGetFieldValues = fields


if __name__ in ("__main__", "__mp_main__"):
    pretend_to_have_gpus()


def zeus_monitor(count: int) -> Any:  # noqa: ANN401 (zeus is untyped here)
    """Return the published monitor over simulated devices."""
    from zeus.monitor import ZeusMonitor

    return ZeusMonitor(gpu_indices=list(range(count)), cpu_indices=[])


def zeus_sampling_share(hertz: float) -> float:
    """Return the share of a core of the processes that the published power monitor starts for one kind of power."""
    import psutil
    from zeus.monitor.power import PowerMonitor

    logging.getLogger("zeus").setLevel(logging.ERROR)
    monitor = PowerMonitor(list(range(DEVICES)), 1 / hertz, power_domains=["device_instant"])
    processes = [psutil.Process(process.pid) for process in monitor.processes.values()]

    def used_s() -> float:
        times = [process.cpu_times() for process in processes]
        return time.process_time() + sum(of.user + of.system for of in times)

    time.sleep(1.0)
    began_s, before_s = time.perf_counter(), used_s()
    time.sleep(SAMPLED_S)
    share = (used_s() - before_s) / (time.perf_counter() - began_s)
    monitor.stop()
    return share


def codecarbon_tracker(every_s: float) -> Any:  # noqa: ANN401 (codecarbon is untyped here)
    """Return codecarbon's tracker, which writes and asks nothing."""
    from codecarbon import OfflineEmissionsTracker

    return OfflineEmissionsTracker(
        country_iso_code="USA",
        measure_power_secs=every_s,
        save_to_file=False,
        log_level="critical",
        allow_multiple_runs=True,
    )


def codecarbon_task_us() -> float:
    """Return the time codecarbon takes for a task, in microseconds."""
    tracker = codecarbon_tracker(3600.0)
    costs_s: list[float] = []
    for number in range(7):
        began_s = time.perf_counter()
        tracker.start_task(f"task {number}")
        tracker.stop_task(f"task {number}")
        costs_s.append(time.perf_counter() - began_s)
    tracker.stop()
    return min(costs_s) * 1e6


def codecarbon_sampling_share(every_s: float) -> float:
    """Return the share of a core that codecarbon takes while the program waits."""
    tracker = codecarbon_tracker(every_s)
    tracker.start()
    share = busy_share()
    tracker.stop()
    return share


if __name__ == "__main__":
    sys.exit(main())
