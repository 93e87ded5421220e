import json
from pathlib import Path

import pytest

from elastance.errors import InputError, TraceError
from elastance.traces import read_application_profiles
from made_up_cluster import write_profile


def test_steps_and_power_by_limit(tmp_path: Path) -> None:
    [profile] = read_application_profiles([f"bert={write_profile(tmp_path / 'out')}"])
    assert (profile.application, profile.gpu, profile.provenance) == ("bert", "v100", "recorded")
    assert profile.at(8) == {
        250.0: (pytest.approx(0.4), pytest.approx(200.0)),
        150.0: (0.5, pytest.approx(140.0)),
    }
    between = profile.at(12)[250.0]
    assert between[0] == pytest.approx(0.6)
    assert between[1] == pytest.approx((0.4 * 200 + 0.8 * 240) / 2 / 0.6)
    assert profile.to_json()["power_limits_w"] == [150, 250]


def test_whose_it_is(tmp_path: Path) -> None:
    directory = write_profile(tmp_path / "out")
    assert read_application_profiles([directory])[0].application == "train"
    assert read_application_profiles([directory / "v100.json"])[0].gpu == "v100"
    with pytest.raises(InputError, match="two profiles of bert on v100"):
        read_application_profiles([f"bert={directory}", f"bert={directory / 'v100.json'}"])


def test_a_simulated_gpu_is_a_model(tmp_path: Path) -> None:
    [profile] = read_application_profiles([write_profile(tmp_path / "out", synthetic=True)])
    assert profile.provenance == "model"


@pytest.mark.parametrize("batch_size", [7, 17])
def test_a_batch_size_that_was_not_measured(tmp_path: Path, batch_size: int) -> None:
    [profile] = read_application_profiles([f"bert={write_profile(tmp_path / 'out')}"])
    with pytest.raises(InputError, match=f"batch size {batch_size} is not in its profile .*from 8 to 16"):
        profile.at(batch_size)


def test_what_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no such folder or file"):
        read_application_profiles([tmp_path / "no"])
    with pytest.raises(TraceError, match=r"there is no manifest\.json"):
        read_application_profiles([tmp_path])
    directory = write_profile(tmp_path / "out")
    (directory / "manifest.json").write_text("{}")
    with pytest.raises(TraceError, match="not a manifest of"):
        read_application_profiles([directory])
    (directory / "manifest.json").write_text("{")
    with pytest.raises(TraceError, match="cannot be read"):
        read_application_profiles([directory])
    with pytest.raises(TraceError, match="measured on 4 GPUs together"):
        read_application_profiles([write_profile(tmp_path / "four", gpus=4)])
    other = write_profile(tmp_path / "other")
    (other / "t4.json").write_text((other / "v100.json").read_text())
    with pytest.raises(TraceError, match=r"which is v100\.json"):
        read_application_profiles([other / "t4.json"])
    (other / "v100.json").write_text("[]")
    with pytest.raises(TraceError, match="v100.json"):
        read_application_profiles([other])
    assert json.loads((directory.parent / "four" / "manifest.json").read_text())["split_steps"] is None
