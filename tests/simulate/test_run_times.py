from pathlib import Path

import pytest

from elastance.catalog import WORKLOADS
from elastance.errors import UnknownNameError
from elastance.simulate.run_times import default_run_times_s
from elastance.traces import BuiltinSource, find_source

NAMES = [workload.name for workload in WORKLOADS]
ON_V100 = ["movielens-1m", "cifar100", "squad", "sentiment140", "librispeech", "imagenet"]


def by_run_time(times_s: dict[str, float]) -> list[str]:
    return sorted(times_s, key=lambda name: times_s[name])


def test_the_order_on_v100() -> None:
    times_s = default_run_times_s(BuiltinSource(), "v100", NAMES)
    assert list(times_s) == NAMES
    assert by_run_time(times_s) == ON_V100


def test_traces_and_models_agree_on_the_order(public_traces: Path) -> None:
    times_s = default_run_times_s(find_source(public_traces), "v100", NAMES)
    assert by_run_time(times_s) == ON_V100
    assert times_s["librispeech"] == pytest.approx(59_344, abs=1)  # the specification's Default of figure 2


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="workload 'squat'"):
        default_run_times_s(BuiltinSource(), "v100", ["squat"])
    with pytest.raises(UnknownNameError, match="GPU 'h100'"):
        default_run_times_s(BuiltinSource(), "h100", ["squad"])
