"""`elastance certify` as a user runs it."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from made_up_trial import SCRIPT, write_script


@pytest.mark.slow
def test_a_script_with_the_bits_of_ddp(elastance, tmp_path: Path) -> None:
    after = tmp_path / "after"
    answer = elastance(
        *("certify", "--workers", 2, "--placements", "1x2", "--steps", 4, "--output", tmp_path),
        *("--", sys.executable, write_script(tmp_path), after),
    )
    assert answer.status == 0, answer
    assert "the bits are those of DDP with 2 processes on 1 placement" in answer.out
    certificate = json.loads((tmp_path / "certificate.json").read_text())
    assert certificate["equal"]
    assert [run["placement"] for run in certificate["runs"]] == ["1x2"]
    assert {run["steps"] for run in [certificate["reference"], *certificate["runs"]]} == {4}
    assert certificate["environment"]["threads"] == 1
    assert certificate["environment"]["script_sha256"] is not None
    assert certificate["operators"]["d2_expensive"] is False
    assert certificate["command_line"].startswith("elastance certify --workers 2 --placements 1x2")
    assert "Level D2: no convolution" in answer.out
    page = (tmp_path / "certificate.html").read_text()
    assert certificate["verdict"] in page
    assert certificate["command_line"] in page
    assert not after.exists()


FOLLOWS = SCRIPT.replace("workers=2", "workers=int(__import__('os').environ['WORLD_SIZE'])")
UNSEEDED = SCRIPT.replace("torch.manual_seed(0)", "torch.seed()")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "named"),
    [
        (UNSEEDED, "the script does not repeat itself: DDP run twice differs after step 0 in"),
        (FOLLOWS, "placement 1x2: on 1 executors the script has 1 logical workers, not 2"),
    ],
)
def test_scripts_that_cannot_be_certified(refused, tmp_path: Path, text: str, named: str) -> None:
    options = ("--workers", 2, "--placements", "1x2", "--steps", 2)
    answer = refused("certify", *options, "--", sys.executable, write_script(tmp_path, text), "x")
    assert named in answer.err


@pytest.mark.slow
@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="has one type of kernels only"
)
def test_unlike_processors_give_other_bits_unless_kernels_are_pinned(elastance, tmp_path: Path) -> None:
    for level, status in (("D1", 1), ("D2", 0)):
        answer = elastance(
            *("certify", "--workers", 2, "--placements", "2x1", "--steps", 4, "--level", level, "--json"),
            *(
                "--device-types",
                "cpu,cpu-sse",
                "--",
                sys.executable,
                write_script(tmp_path),
                tmp_path / "after",
            ),
        )
        assert answer.status == status, answer
        [run] = json.loads(answer.out)["runs"]
        assert run["equal"] == (run["difference"] is None) == (level == "D2")
        if not run["equal"]:
            assert 0 < run["difference"]["largest"] < 1e-3
            assert 0 < run["difference"]["elements"] <= run["difference"]["of_elements"]


def test_a_script_that_fails_has_the_last_word(refused, tmp_path: Path) -> None:
    script = write_script(tmp_path, "raise ValueError('no data here')")
    answer = refused("certify", "--workers", 2, "--", sys.executable, script)
    assert "DDP: process" in answer.err
    assert "ValueError: no data here" in answer.err


def test_a_script_without_a_job_is_refused(refused, tmp_path: Path) -> None:
    answer = refused(
        "certify", "--workers", 2, "--", sys.executable, write_script(tmp_path, "print('hello')")
    )
    assert "trained no step of a job made by elastance.elastic.prepare" in answer.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--placements", "2x2", "--workers", "3"), "placement 2x2 has 4 logical workers, expected 3"),
        (("--placements", "2by2"), "expected EXECUTORSxWORKERS"),
        (("--level", "D7"), "unknown level 'D7'"),
        (("--device-types", "cpu-neon"), "unknown device type 'cpu-neon'"),
        (("--steps", "0"), "--steps"),
        (("--output", "/nowhere"), "there is no directory"),
        (("--levels", "D1,D7"), "unknown level 'D7'"),
        ((), "no-such-script.py: there is no such script"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(refused, arguments: tuple[str, ...], named: str) -> None:
    assert named in refused("certify", *arguments, "--", sys.executable, "no-such-script.py").err


def test_a_missing_program_is_named(elastance) -> None:
    answer = elastance("certify", "--", "no-such-program")
    assert answer.status == 127
    assert "no-such-program: command not found" in answer.err
