"""What a script says, by the library."""

import json
import subprocess
import sys

import pytest

from elastance.errors import InputError
from elastance.train import LimitProfile, LimitWindow, report
from elastance.train.tuning.result_file import RESULT, read_result


def test_the_last_word_counts(tmp_path, monkeypatch) -> None:
    file = tmp_path / "result.json"
    monkeypatch.setenv(RESULT, str(file))
    assert report(metric=0.5, epochs=1)
    profile = LimitProfile((LimitWindow(250.0, 500.0, 2.0), LimitWindow(100.0, 300.0, 3.0)), 250.0, 40)
    assert report(metric=0.6, epochs=2, power_profile=profile)
    assert json.loads(file.read_text()) == {
        "reached": None, "metric": 0.6, "epochs": 2,
        "power_profile": [
            {"power_limit_w": 250, "time_s": 2.0, "power_w": 250.0},
            {"power_limit_w": 100, "time_s": 3.0, "power_w": 100.0},
        ],
    }  # fmt: skip
    assert read_result(file).epochs == 2
    assert read_result(tmp_path / "nothing") is None


def test_outside_of_a_run_nobody_listens(monkeypatch) -> None:
    monkeypatch.delenv(RESULT, raising=False)
    assert not report(True)


@pytest.mark.parametrize(("arguments", "said"), [
    ({}, "needs `reached` or `metric`"),
    ({"metric": float("nan")}, "metric: Input should be a finite number"),
    ({"metric": 0.5, "epochs": -1}, "epochs: Input should be greater than or equal to 0"),
    ({"metric": 0.5, "power_profile": [(0, 1.0, 1.0)]}, "power_limit_w: Input should be greater than 0"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_outside_of_a_run_too(arguments: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        report(**arguments)


def test_a_script_needs_no_database() -> None:
    code = "import sys; from elastance.train import report; print({'sqlalchemy', 'torch'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "set()\n"
    )
