import pytest

from elastance.catalog import GPUS, WORKLOADS, find_gpu, find_workload
from elastance.errors import UnknownNameError


def test_limits_are_those_of_the_public_traces() -> None:
    assert {gpu.name: (len(gpu.power_limits_w), gpu.max_power_w) for gpu in GPUS} == {
        "v100": (7, 250),
        "a40": (9, 300),
        "rtx6000": (8, 260),
        "p100": (6, 250),
    }


def test_default_jobs() -> None:
    jobs = {of.name: (of.target_metric, of.max_epochs, of.batch_size) for of in WORKLOADS}
    assert jobs == {
        "cifar100": (0.60, 100, 1024),
        "imagenet": (0.65, 100, 256),
        "squad": (84.0, 6, 32),
        "librispeech": (40.0, 16, 256),
        "movielens-1m": (0.41, 100, 1024),
        "sentiment140": (0.84, 10, 128),
    }


def test_names_are_found_in_any_case() -> None:
    assert find_gpu("V100").name == "v100"
    assert find_workload("CIFAR100").name == "cifar100"


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean v100"):
        find_gpu("v10")
    with pytest.raises(UnknownNameError, match="did you mean librispeech"):
        find_workload("libri")
