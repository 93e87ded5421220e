"""Step times and jobs in a folder, as figures about clusters look for them."""

import json
from pathlib import Path

from elastance.figures.experiments.setting import Setting
from elastance.traces import DirectorySource

ROWS = """name,time,application,max_parallelism,batch_size,epochs,enable_heterogeneous_deterministic,preferred_gpu,
bert-0,15,bert,4,8,1,1,v100,
electra-1,30,electra,4,4,1,1,p100,
resnet50-2,40,resnet50,4,64,1,0,t4,
bert-3,50,bert,8,16,2,1,v100,
"""


def folder_of_facts(directory: Path) -> Path:
    """Write a workload in the published format, and step times of its applications."""
    (directory / "workload.csv").write_text(ROWS)
    times = {"v100": 0.2, "p100": 0.3, "t4": 0.5}
    points = {
        name: dict.fromkeys((4, 256), times) for name in ("bert", "electra", "resnet50", "ncf", "vgg19")
    }
    for name in ("yolov3", "swintransformer", "shufflenetv2"):
        points[name] = {1: times}
    (directory / "step_times.json").write_text(json.dumps(points))
    return directory


def setting_in(directory: Path, seeds: tuple[int, ...] = (0, 1)) -> Setting:
    """A setting whose facts are those of `folder_of_facts`."""
    return Setting(DirectorySource(folder_of_facts(directory)), seeds)
