"""Each example runs as its page says, with settings that keep it short."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SHORT = {
    "image_classifier": ["--batch-size", "128", "--max-epochs", "1"],
    "text_classifier": ["--slice", "2", "--max-epochs", "1"],
    "huggingface_trainer": ["--max-epochs", "1"],
    "lightning_module": ["--max-epochs", "1"],
}
NEEDS = {
    "text_classifier": ["datasets"],
    "huggingface_trainer": ["transformers", "accelerate"],
    "lightning_module": ["lightning.pytorch"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_an_example_trains_measures_and_reports(name: str, tmp_path: Path) -> None:
    for package in ("torch", *NEEDS.get(name, [])):
        pytest.importorskip(package)
    told = tmp_path / "result.json"
    ended = subprocess.run(
        [sys.executable, str(EXAMPLES / name / "train.py"), "--devices", "sim:v100", "--target", "0.2", *SHORT[name]],
        env=os.environ | {"ELASTANCE_TUNE_RESULT": str(told), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    summary = re.search(r"^1 epochs, [\d.]+ s, (\d+) J; reached: True$", ended.stdout, re.MULTILINE)
    assert summary is not None, ended.stdout
    assert int(summary[1]) > 0
    assert re.search(r"^\d+ steps in [\d.]+ s: [\d.]+ J \(model\)$", ended.stdout, re.MULTILINE)
    assert re.search(r"^best power limit: \d+ W$", ended.stdout, re.MULTILINE)
    result = json.loads(told.read_text())
    assert (result["reached"], result["epochs"]) == (True, 1)
    assert 0.2 <= result["metric"] <= 1.0
    if name == "image_classifier":
        assert [at["power_limit_w"] for at in result["power_profile"]] == [250, 200, 150, 100]
    assert {path.name for path in tmp_path.iterdir()} <= {"result.json", "lightning_logs", "checkpoints"}


def test_every_example_is_on_the_page_and_tested() -> None:
    page = (EXAMPLES / "README.md").read_text("utf-8")
    folders = {path.parent.name for path in EXAMPLES.glob("*/train.py")}
    assert folders == {*SHORT, "unequal_gpus"}  # that one is launched: tests of `elastance launch`
    assert all(f"{folder}/train.py" in page for folder in folders)
