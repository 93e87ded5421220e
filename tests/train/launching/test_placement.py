from pathlib import Path

import pytest

from elastance.devices import find_devices
from elastance.errors import InputError
from elastance.train.launching import place, read_plan
from elastance.train.launching.placement import is_of_type
from made_up_plans import write_plan


def placed(
    tmp_path: Path, gpus: list[tuple[str, int, float | None]], spec: str, *, in_order: bool = True
) -> list[str]:
    plan = read_plan(write_plan(tmp_path / "plan.json", *gpus))
    return [gpu.device.info.id for gpu in place(plan, find_devices(spec), in_order=in_order)]


@pytest.mark.parametrize(
    ("profile", "product", "same"),
    [
        ("a10", "NVIDIA A10", True),
        ("cifar_a10", "NVIDIA A10G", True),
        ("a10", "NVIDIA A100-SXM4-40GB", False),
        ("imagenet-t4", "Tesla T4", True),
        ("v100", "Tesla V100-SXM2-16GB", True),
        ("rtx6000", "Quadro RTX 6000", True),
        ("rtx6000", "NVIDIA RTX 6000 Ada Generation", True),
        ("p100", "NVIDIA A40", False),
        ("tesla", "Tesla T4", False),
        ("2024", "Made Up 2024", False),
        ("h100_sxm4_80gb", "NVIDIA A100-SXM4-80GB", False),
        ("a100_80gb", "NVIDIA A100-SXM4-80GB", True),
        ("2080ti", "NVIDIA GeForce RTX 2080 Ti", True),
    ],
)
def test_the_name_of_a_profile_says_its_gpu(profile: str, product: str, same: bool) -> None:
    assert is_of_type(profile, product) is same


def test_gpus_are_found_by_type_in_any_order(tmp_path: Path) -> None:
    gpus = [("cifar_v100", 5, 150.0), ("a40", 3, 150.0), ("v100", 1, 150.0)]
    assert placed(tmp_path, gpus, "sim:a40,v100x2") == ["SIM-v100-1", "SIM-a40-0", "SIM-v100-2"]
    assert placed(tmp_path, gpus, "sim:a40,v100x2", in_order=False) == [
        "SIM-v100-1",
        "SIM-a40-0",
        "SIM-v100-2",
    ]
    assert placed(tmp_path, [("v100", 5, 150.0), ("a40", 0, None)], "sim:p100,v100") == ["SIM-v100-1"]


def test_profiles_that_name_no_gpu_are_placed_in_the_order_that_is_named(tmp_path: Path) -> None:
    gpus: list[tuple[str, int, float | None]] = [("left", 5, 150.0), ("middle", 0, None), ("right", 3, 150.0)]
    assert placed(tmp_path, gpus, "sim:a40,v100x2") == ["SIM-a40-0", "SIM-v100-2"]
    assert placed(tmp_path, gpus, "sim:a40,v100") == ["SIM-a40-0", "SIM-v100-1"]
    with pytest.raises(InputError, match="is for 3 GPUs .*, --devices names 4"):
        placed(tmp_path, gpus, "sim:v100x4")
    with pytest.raises(InputError, match="name the GPUs in the plan's order with --devices"):
        placed(tmp_path, gpus, "sim:v100x3", in_order=False)


def test_gpus_of_other_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"needs 2 x v100, .* here: 1 x NVIDIA Tesla V100 .*, 1 x NVIDIA A40"
    ):
        placed(tmp_path, [("v100", 5, 150.0), ("v100", 5, 150.0)], "sim:v100,a40")
    # A type that is known but not here: the order of the devices does not make one of it.
    with pytest.raises(InputError, match="needs 1 x a10"):
        placed(tmp_path, [("a10", 5, 150.0), ("t4", 3, 70.0)], "sim:v100,a40")
