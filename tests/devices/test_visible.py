"""Which GPUs a framework would see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.devices.visible import find_uuid, visible_amd, visible_nvidia
from elastance.errors import InputError, NotSupportedError

UUIDS = ["GPU-aaaa1111-0000", "GPU-aaaa2222-0000", "GPU-bbbb3333-0000"]
ALIKE = ["A40"] * 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, [0, 1, 2]),
        ("", []),
        ("1", [1]),
        ("2,0", [2, 0]),
        (" 2 , 0 ", [2, 0]),
        ("0,9,1", [0]),  # the list ends before what is not there
        ("-1", []),
        ("0,-1,1", [0]),
        ("NoDevFiles", []),
        ("1gpu,2", [1, 2]),  # a number with something behind it is that number
        ("1,1", []),  # twice the same hides all
        ("0,,1", [0]),
        ("GPU-bbbb3333-0000", [2]),
        ("GPU-b,GPU-aaaa1", [2, 0]),
        ("GPU-aaaa", []),  # not one GPU
        ("GPU-b,GPU-aaaa,GPU-aaaa1", [2]),
        ("GPU-b,1", [2]),  # numbers and UUIDs do not mix
        ("gpu-BBBB", [2]),
    ],
)
def test_cuda_visible_devices(value: str | None, expected: list[int]) -> None:
    environment = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert visible_nvidia(UUIDS, ALIKE, environment) == expected


@given(st.text(alphabet="0123GPU-ab, ", max_size=20))
def test_whatever_it_says_no_gpu_is_seen_twice(value: str) -> None:
    seen = visible_nvidia(UUIDS, ALIKE, {"CUDA_VISIBLE_DEVICES": value})
    assert len(seen) == len(set(seen))
    assert set(seen) <= {0, 1, 2}


def test_a_mig_instance_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="MIG"):
        visible_nvidia(UUIDS, ALIKE, {"CUDA_VISIBLE_DEVICES": "MIG-4a5b6c"})


def test_numbers_of_unlike_gpus_are_refused_unless_the_order_is_known() -> None:
    unlike = ["V100", "A40", "A40"]
    with pytest.raises(InputError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        visible_nvidia(UUIDS, unlike, {"CUDA_VISIBLE_DEVICES": "1"})
    in_order = {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert visible_nvidia(UUIDS, unlike, in_order) == [1]
    assert visible_nvidia(UUIDS, unlike, {"CUDA_VISIBLE_DEVICES": "0,1,2"}) == [0, 1, 2]
    assert visible_nvidia(UUIDS, unlike, {"CUDA_VISIBLE_DEVICES": "GPU-b"}) == [2]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"HIP_VISIBLE_DEVICES": "2,1"}, [2, 1]),
        ({"CUDA_VISIBLE_DEVICES": "1"}, [1]),
        ({"HIP_VISIBLE_DEVICES": "0", "CUDA_VISIBLE_DEVICES": "1"}, [0]),
        ({"ROCR_VISIBLE_DEVICES": "2,1", "HIP_VISIBLE_DEVICES": "1"}, [1]),
        ({"ROCR_VISIBLE_DEVICES": "GPU-b"}, [2]),
        ({"ROCR_VISIBLE_DEVICES": ""}, []),
    ],
)
def test_hip_selects_among_what_rocr_shows(environment: dict[str, str], expected: list[int]) -> None:
    assert visible_amd(UUIDS, environment) == expected


def test_a_prefix_names_one_gpu_or_none() -> None:
    assert find_uuid("gpu-AAAA1", UUIDS) == 0
    assert find_uuid("GPU-a", UUIDS) is None
    assert find_uuid("GPU-c", UUIDS) is None
