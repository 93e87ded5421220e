"""Train deep networks for less energy, on whatever GPUs are there, without changing the result.

The simulator in three lines::

    import elastance

    comparison = elastance.simulate_recurring("librispeech", "v100", seeds=range(10))
    print(comparison["zeus"].spread("energy_saving"))

A measurement in three::

    with elastance.EnergyMeter() as meter, meter.window("epoch") as epoch:
        train()
    print(epoch.measurement.energy_j, "J")

Names are imported when first used, so that ``import elastance`` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elastance.catalog import GPUS, WORKLOADS, GpuType, Workload, find_gpu, find_workload
    from elastance.cost import EtaCost
    from elastance.devices import find_devices
    from elastance.errors import ElastanceError, InputError
    from elastance.job import Job
    from elastance.measure import EnergyMeter, Measurement
    from elastance.policies import Outcome, Problem, find_policy, registered_policies
    from elastance.runs import Provenance, RunRecord
    from elastance.simulate import Comparison, simulate_recurring
    from elastance.traces import find_source

__version__ = "0.1.0"

_HOMES = {
    "GPUS": "catalog",
    "WORKLOADS": "catalog",
    "Comparison": "simulate",
    "ElastanceError": "errors",
    "EnergyMeter": "measure",
    "EtaCost": "cost",
    "GpuType": "catalog",
    "InputError": "errors",
    "Job": "job",
    "Measurement": "measure",
    "Outcome": "policies",
    "Problem": "policies",
    "Provenance": "runs",
    "RunRecord": "runs",
    "Workload": "catalog",
    "find_devices": "devices",
    "find_gpu": "catalog",
    "find_policy": "policies",
    "find_source": "traces",
    "find_workload": "catalog",
    "registered_policies": "policies",
    "simulate_recurring": "simulate",
}

__all__ = [
    "GPUS",
    "WORKLOADS",
    "Comparison",
    "ElastanceError",
    "EnergyMeter",
    "EtaCost",
    "GpuType",
    "InputError",
    "Job",
    "Measurement",
    "Outcome",
    "Problem",
    "Provenance",
    "RunRecord",
    "Workload",
    "__version__",
    "find_devices",
    "find_gpu",
    "find_policy",
    "find_source",
    "find_workload",
    "registered_policies",
    "simulate_recurring",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
