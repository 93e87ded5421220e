"""Levels of determinism of elastic training, and what the dearer one costs: measured per application and GPU type.

Under D1 a result does not depend on how many GPUs of one type train it; under D2 not on their types either, for which
every GPU has to do without the kernels of its own type (EasyScale, SC'23). The level, and under D1 the GPU type, is
part of what is computed: a job keeps both from its first start to its end.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Determinism(StrEnum):
    """What the result of a job does not depend on."""

    D1 = "D1"
    """The number of its GPUs; all are of one type, and the job never leaves it."""
    D2 = "D2"
    """Their types either: several at once, and others later."""


_FIG_12_S = {
    "shufflenetv2": {"v100": (0.2167, 0.4697), "p100": (0.3310, 0.8722), "t4": (0.4022, 0.6782)},
    "resnet50": {"v100": (0.2688, 0.5860), "p100": (0.4393, 1.1595), "t4": (0.6591, 1.2230)},
    "vgg19": {"v100": (0.3924, 1.1327), "p100": (0.6514, 2.0655), "t4": (0.9439, 2.2755)},
    "yolov3": {"v100": (0.4590, 0.5491), "p100": (0.7169, 0.9833), "t4": (0.8133, 1.0355)},
    "ncf": {"v100": (0.0105, 0.0107), "p100": (0.0130, 0.0127), "t4": (0.0110, 0.0118)},
    "bert": {"v100": (0.4406, 0.4390), "p100": (0.6007, 0.5998), "t4": (0.6819, 0.6661)},
    "electra": {"v100": (0.4418, 0.4433), "p100": (0.6023, 0.5958), "t4": (0.6853, 0.6654)},
    "swintransformer": {"v100": (0.4114, 0.4289), "p100": (0.5945, 0.5941), "t4": (0.5974, 0.6153)},
}
"""Seconds of a step under D1 and under D1 + D2, at one batch size (EasyScale, Fig. 12)."""

D2_FACTORS: Mapping[str, Mapping[str, float]] = {
    application: {gpu: d2_s / d1_s for gpu, (d1_s, d2_s) in of_gpu.items()}
    for application, of_gpu in _FIG_12_S.items()
}
"""Application to GPU type to how many times as long a step takes under D2 as under D1, at every batch size."""

TIMED_AT_D2 = frozenset({"bert", "electra", "ncf", "swintransformer"})
"""Applications whose step times, built in or of the published workload, are those at D2; the rest is at D1."""


def d2_factor(application: str, gpu: str) -> float:
    """Return how many times as long a step takes under D2 as under D1.

    Of a type that was not measured, the largest factor of those that were; 1 for an application that was not.
    """
    of_gpu = D2_FACTORS.get(application)
    return 1.0 if of_gpu is None else of_gpu.get(gpu, max(of_gpu.values()))


def at_level(
    application: str, gpu: str, step_s: float, level: Determinism, held: Determinism | None = None
) -> float:
    """Return the step time under a level, s, from one at the level `held`; by default as step times hold it."""
    if held is None:
        held = Determinism.D2 if application in TIMED_AT_D2 else Determinism.D1
    if level is held:
        return step_s
    factor = d2_factor(application, gpu)
    return step_s * factor if level is Determinism.D2 else step_s / factor
