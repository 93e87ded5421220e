"""What the callbacks of real training cost: the share of a 10 ms step they take, while limits are measured and after.

Run by ``make bench-train``; needs nothing but elastance. Steps are 10 ms of sleep on a simulated GPU, so that what is
timed is elastance alone: callbacks, energy windows, and the record on disk that is written before a limit is changed.
What a driver takes to set a limit comes on top. A sweep changes the limit a few times in the life of a run; what that
takes is shown by itself and counts in the whole run, which is ten seconds long: a longer one has less of it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time

from elastance.train import EnergyDataLoader, PowerLimitOptimizer, Ready, SweepSteps

STEP_S = 0.010
TARGET = 0.01


def main() -> int:
    """Print every figure with its target; return 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", default="sim:v100", help="what to train on")
    parser.add_argument("--steps", type=int, default=1000, help="steps after the sweep")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, steps of {STEP_S * 1e3:g} ms on {options.devices}\n")
    with tempfile.TemporaryDirectory() as state:
        os.environ["ELASTANCE_STATE"] = state
        held = [*callbacks(options.devices, options.steps), loader(options.devices, options.steps)]
    print(f"\n{sum(held)} of {len(held)} targets held")
    return 0 if all(held) else 1


def callbacks(devices: str, steps: int) -> list[bool]:
    """Time both callbacks around every step, during a sweep with its default lengths and after it."""
    sweep: list[float] = []
    changing: list[float] = []
    steady: list[float] = []
    with PowerLimitOptimizer(devices, steps=SweepSteps(), sync=None) as tuner:
        while len(steady) < steps:
            limit_w = getattr(tuner.state, "power_limit_w", None)
            was_ready = isinstance(tuner.state, Ready)
            began = time.perf_counter()
            tuner.on_step_begin()
            begun = time.perf_counter() - began
            time.sleep(STEP_S)
            began = time.perf_counter()
            tuner.on_step_end()
            taken = begun + time.perf_counter() - began
            now_w = getattr(tuner.state, "power_limit_w", None)
            if limit_w != now_w or was_ready:
                changing.append(taken)
            else:
                (steady if tuner.settled else sweep).append(taken)
    print(
        f"{'steps that change the limit':40} {1e3 * sum(changing) / len(changing):8.2f} ms, {len(changing)} in a run;"
        " no target"
    )
    return [
        said("callbacks in windows", sweep),
        said("callbacks after the sweep", steady),
        said("callbacks, whole run", sweep + changing + steady),
    ]


def loader(devices: str, steps: int) -> bool:
    """Time what an `EnergyDataLoader` adds between two steps, over an epoch with its begin and end."""
    taken: list[float] = []
    with PowerLimitOptimizer(devices, sync=None) as tuner:
        wrapped = EnergyDataLoader(range(steps), tuner, max_epochs=1)
        mark = time.perf_counter()
        for _ in wrapped.epochs():
            for _ in wrapped:
                taken.append(time.perf_counter() - mark)
                time.sleep(STEP_S)
                mark = time.perf_counter()
        taken.append(time.perf_counter() - mark)
    return said("data loader, whole run", taken)


def said(what: str, taken_s: list[float]) -> bool:
    """Print the mean share of a step and return whether it is below the target."""
    mean_s = sum(taken_s) / len(taken_s)
    held = mean_s < TARGET * STEP_S
    print(
        f"{what:40} {mean_s * 1e6:8.2f} us = {mean_s / STEP_S:6.3%} of a step over {len(taken_s)} steps,"
        f" slowest {max(taken_s) * 1e3:.2f} ms; target < {TARGET:.0%}: {'held' if held else 'MISSED'}"
    )
    return held


if __name__ == "__main__":
    sys.exit(main())
