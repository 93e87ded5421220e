"""The applications of the published cluster workload, with step-time models the project fitted itself.

A micro-batch of one logical worker takes ``slowness * (fixed_s + per_sample_s * batch_size)`` seconds. Coefficients
are least squares in relative error over the batch sizes that EasyScale's artifact publishes measurements of (Fig 12,
with the determinism the application needs; Fig 10 and 11 for further batch sizes on V100; the slope of yolov3 is
assumed); `scripts/fit_step_times.py` prints them anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elastance.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLISHED_EPOCH_SHARE = 0.01
"""An epoch of the published workload is this share of the data set."""


@dataclass(frozen=True)
class Application:
    """What a job of a cluster trains.

    Attributes:
        name: As in workloads.
        dataset: What it trains on.
        dataset_samples: Samples of the whole data set.
        fixed_s, per_sample_s: Seconds of a micro-batch on V100, and by how much a sample prolongs it.
        slowness: GPU type to the time of a micro-batch there, relative to V100.
        fit_error: Largest relative error of the model over the measurements it was fitted to.
    """

    name: str
    dataset: str
    dataset_samples: float
    fixed_s: float
    per_sample_s: float
    slowness: Mapping[str, float]
    fit_error: float

    def step_s(self, batch_size: int, gpu: str) -> float:
        """Return the modelled seconds of a micro-batch of one logical worker; KeyError for an unknown `gpu`."""
        return self.slowness[gpu] * (self.fixed_s + self.per_sample_s * batch_size)


def _slowness(p100: float, t4: float) -> dict[str, float]:
    return {"v100": 1.0, "p100": p100, "t4": t4}


APPLICATIONS: tuple[Application, ...] = (
    Application("shufflenetv2", "ImageNet", 1.28e6, 0.09118, 0.001036, _slowness(1.527, 1.856), 0.081),
    Application("resnet50", "ImageNet", 1.28e6, 0.08685, 0.003083, _slowness(1.634, 2.452), 0.058),
    Application("vgg19", "ImageNet", 1.28e6, 0.009319, 0.01197, _slowness(1.660, 2.405), 0.001),
    Application("yolov3", "PASCAL VOC", 16551, 0.1147, 0.04303, _slowness(1.562, 1.772), 0.001),
    Application("ncf", "MovieLens-1M", 4970845, 0.01041, 2.860e-7, _slowness(1.187, 1.103), 0.001),
    Application("bert", "SQuAD", 88641, 0.2269, 0.02651, _slowness(1.366, 1.517), 0.001),
    Application("electra", "SQuAD", 88641, 0.2409, 0.02529, _slowness(1.344, 1.501), 0.001),
    Application("swintransformer", "ImageNet", 1.28e6, 0.2549, 0.005438, _slowness(1.385, 1.435), 0.001),
)
"""The eight applications of EasyScale's trace experiment (SC'23, table 1)."""


def find_application(name: str) -> Application:
    """Return the application called `name`.

    Raises:
        UnknownNameError: No such application; the message lists the nearest names.
    """
    for application in APPLICATIONS:
        if application.name == name:
            return application
    raise UnknownNameError("application", name, (of.name for of in APPLICATIONS))
