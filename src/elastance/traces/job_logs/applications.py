"""Which application of the step-time models stands for a job whose own is not known, or has no step times.

Where a log says nothing of what a job trains, its GPU time decides, in the classes that the field uses (Pollux,
OSDI'21; Sia, SOSP'23). Only how fast one GPU type is against another, and whether types may be mixed, then come from
the stand-in: it trains as many samples as take it the recorded time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.errors import InputError
from elastance.traces.synthesize_cluster import APPLICATION_MIX

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class GpuTimeClass:
    """Jobs of similar GPU time.

    Attributes:
        name: As in Pollux and Sia.
        below_h: GPU hours it ends at, itself not included.
        applications: Those that stand for its jobs, in equal shares.
        typical_h: GPU hours of a job where the log says only what it trains.
    """

    name: str
    below_h: float
    applications: tuple[str, ...]
    typical_h: float


CLASSES = (
    GpuTimeClass("small", 1.0, ("shufflenetv2", "ncf"), 0.3),
    GpuTimeClass("medium", 10.0, ("bert", "electra"), 3.0),
    GpuTimeClass("large", 100.0, ("yolov3", "swintransformer"), 30.0),
    GpuTimeClass("xlarge", float("inf"), ("resnet50", "vgg19"), 130.0),
)
"""In ascending order. Typical: about the geometric middle of a decade; for the class without an upper bound, what 90
epochs of ImageNet take ResNet-50 on a V100 by the built-in step times (127 GPU hours)."""

SIA_CLASSES = {
    "cifar10": "small",
    "ncf": "small",
    "bert": "medium",
    "deepspeech2": "medium",
    "yolov3": "large",
    "imagenet": "xlarge",
}
"""Application of Pollux and Sia to its class there."""

SIA_STAND_INS = {
    "cifar10": "shufflenetv2",
    "ncf": "ncf",
    "bert": "bert",
    "deepspeech2": "electra",
    "yolov3": "yolov3",
    "imagenet": "resnet50",
}
"""Application of Pollux and Sia to its stand-in: for ResNet-18 on CIFAR-10 the small convolutional network, for
deepspeech2 the other one of its class; the rest are the same networks."""

TIRESIAS_STAND_INS = {
    "vgg11": "vgg19",
    "vgg16": "vgg19",
    "vgg19": "vgg19",
    "alexnet": "vgg19",
    "resnet50": "resnet50",
    "resnet101": "resnet50",
    "resnet152": "resnet50",
    "inception3": "resnet50",
    "inception4": "resnet50",
    "googlenet": "shufflenetv2",
}
"""Model of Tiresias to its stand-in: large dense layers behind a few convolutions, deep convolutional, small."""

GAVEL_MIXING = ("LM", "Recommendation", "Transformer")
"""How Gavel's job types begin that may mix GPU types: made of matrix products, as bert and ncf, whose D2 is cheap."""


def class_of(gpu_s: float) -> GpuTimeClass:
    """Return the class of a job that takes `gpu_s` seconds of one GPU."""
    return next(of for of in CLASSES if gpu_s < of.below_h * 3600.0)


def middle_batch_size(application: str) -> int:
    """Return the middle of the batch sizes that the application has in the published workload."""
    _, sizes, _ = APPLICATION_MIX[application]
    return sizes[len(sizes) // 2]


def may_mix(application: str) -> bool:
    """Whether jobs of the application may mix GPU types: D2 costs them little (Fig 12 of EasyScale)."""
    if application in APPLICATION_MIX:
        return APPLICATION_MIX[application][2]
    return application.startswith(GAVEL_MIXING)


def parse_gpu_hours(text: str) -> Mapping[str, float]:
    """Read for example ``small=0.3,xlarge=200``; classes that are not named keep their typical hours.

    Raises:
        InputError: It is not of that form, or names no class.
    """
    hours = {of.name: of.typical_h for of in CLASSES}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if name not in hours or not 0.0 < number < 1e6:
            raise InputError(f"GPU hours {text!r}: expected classes and hours such as {_EXAMPLE}")
        hours[name] = number
    return hours


_EXAMPLE = ",".join(f"{of.name}={of.typical_h:g}" for of in CLASSES)
