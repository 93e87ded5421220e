"""Which limits a profile goes through."""

from pathlib import Path

import pytest

from elastance.errors import InputError, NoDeviceError
from elastance.train.profiling.job import choose_limits
from made_up_limits import LimitedDevice
from made_up_time import Now
from made_up_training import TrainingGpu


def test_auto_goes_down_to_the_minimum_and_not_below() -> None:
    gpus = [TrainingGpu(Now(), max_w=260.0)]
    assert choose_limits(gpus, "auto") == ((260, 235, 210, 185, 160, 135, 110, 100), True)
    assert choose_limits(gpus, "auto", 100.0) == ((260, 160, 100), True)
    assert choose_limits([TrainingGpu(Now(), min_w=99.5, max_w=101.0)], "auto", 1.0)[0] == (101, 100)


def test_limits_may_be_named_or_left_alone(tmp_path: Path) -> None:
    gpu = LimitedDevice(tmp_path / "limit")
    assert choose_limits([gpu], "100,300,200,200") == ((300, 200, 100), True)
    assert choose_limits([gpu], "none") == ((250,), False)
    for wanted in ("99", "301", "100,", "100.5", "all", ""):
        with pytest.raises(InputError, match="--power-limits"):
            choose_limits([gpu], wanted)


def test_gpus_must_be_alike() -> None:
    with pytest.raises(NoDeviceError, match="sim:v100 simulates one"):
        choose_limits([], "auto")
    unlike = [TrainingGpu(Now(), "GPU-0"), TrainingGpu(Now(), "GPU-1")]
    unlike[1].limit_w = 200.0
    with pytest.raises(InputError, match=r"different power limits \(200, 250 W\)"):
        choose_limits(unlike, "none")
