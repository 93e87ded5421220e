from dataclasses import replace
from pathlib import Path

import pytest

from elastance.devices.simulated import simulated_devices
from elastance.train.launching import place, read_plan
from elastance.train.launching.environment import rank_processes, visible_device
from made_up_plans import write_plan


@pytest.mark.parametrize(
    ("backend", "seen"),
    [
        ("nvidia", {"CUDA_VISIBLE_DEVICES": "SIM-v100-0"}),
        ("amd", {"ROCR_VISIBLE_DEVICES": "SIM-v100-0", "HIP_VISIBLE_DEVICES": "0"}),
        ("simulated", {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}),
    ],
)
def test_a_rank_sees_its_own_gpu_by_identity(backend: str, seen: dict[str, str]) -> None:
    (device,) = simulated_devices("sim:v100")
    device.info = replace(device.info, backend=backend)
    assert visible_device(device) == seen


def test_all_ranks_know_all_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plan(tmp_path / "plan.json", ("v100", 70, 150.0), ("p100", 0, None), ("a40", 3, 120.0))
    monkeypatch.chdir(tmp_path)
    plan = read_plan(Path("plan.json"))
    ranks = rank_processes(plan, place(plan, simulated_devices("sim:a40,v100"), in_order=True), tmp_path)
    assert [rank.label for rank in ranks] == ["0 v100", "1 a40"]
    for rank in ranks:
        assert rank.environment["ELASTANCE_BATCH_SIZES"] == "70,3"
        assert rank.environment["ELASTANCE_PLAN"] == str(tmp_path / "plan.json")
