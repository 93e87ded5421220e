"""`elastance profile`, with a real script on a simulated GPU."""

import csv
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from elastance.cli.profile import parse_share
from elastance.measure.limit_records import state_directory
from elastance.train.profiling.directory import ProfileDirectory
from made_up_script import write_script

SIM = ("--devices", "sim:v100,period=0.001")
FAST = (*SIM, "--spread", "90%", "--max-window", "0.1", "--power-limits", "250,150")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return write_script(tmp_path)


def arguments(script: Path, *more: object, sizes: str = "16,32") -> tuple[object, ...]:
    command = ("--", sys.executable, script, "{batch_size}")
    return ("profile", "-o", script.parent / "out", "--batch-sizes", sizes, *FAST, *more, *command)


def started(script: Path) -> list[str]:
    return (script.parent / "started").read_text().split()


def trace_rows(script: Path) -> list[dict[str, str]]:
    with (script.parent / "out" / "summary_power_v100.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_what_it_makes_is_read_by_other_commands(elastance, script: Path) -> None:
    picture = script.parent / "profile.png"
    answer = elastance(*arguments(script, "--plot", picture, "--job", "squad/bert/adamw"))
    assert answer.status == 0, answer
    out = script.parent / "out"
    assert "energy: model" in answer.out
    assert answer.out.count(" best") == 2 + 1  # and the heading
    assert "nothing here is measured on hardware" in answer.err
    assert picture.stat().st_size > 10_000
    assert not (script.parent / "trained-on").exists()
    assert started(script) == ["16", "32"]

    steps = json.loads((out / "manifest.json").read_text())["split_steps"]
    assert "--steps`\n" in answer.err
    split = elastance("split", out / "v100.json:2", "--global-batch", 64, "--steps", steps, "--json")
    assert split.status == 0, split
    assert "(model)" in elastance("split", out / "v100.json", "--global-batch", 32).out

    assert elastance("data", "validate", out, "--strict").status == 0
    rows = trace_rows(script)
    assert [(row["batch_size"], row["power_limit"]) for row in rows] == [
        ("16", "150"), ("16", "250"), ("32", "150"), ("32", "250"),
    ]  # fmt: skip
    manifest = json.loads((out / "manifest.json").read_text())
    cell = next(of for of in manifest["cells"] if (of["batch_size"], of["power_limit_w"]) == (16, 150))
    assert float(rows[0]["time_per_epoch"]) == pytest.approx(8 * cell["step_time_s"])
    assert float(rows[0]["average_power"]) == pytest.approx(cell["step_energy_j"] / cell["step_time_s"])
    assert manifest["synthetic"] is True


def test_its_power_trace_can_be_simulated_with(elastance, script: Path) -> None:
    assert elastance(*arguments(script)).status == 0
    header = "dataset,network,batch_size,optimizer,learning_rate,run,target_metric,target_epoch\n"
    rows = [f"train,script,{size},script,0.1,{run},0.8,{4 + run}\n" for size in (16, 32) for run in (1, 2)]
    (script.parent / "out" / "summary_train.csv").write_text(header + "".join(rows))
    answer = elastance(
        "simulate", "recurring", "--traces", script.parent / "out", "--json", "--recurrences", 8,
        "--dataset", "train", "--network", "script", "--optimizer", "script",
        "--target-metric", 0.8, "--max-epochs", 10, "--b0", 16,
    )  # fmt: skip
    assert answer.status == 0, answer
    assert '"provenance": "model"' in answer.out


@pytest.mark.slow
def test_the_same_command_goes_on_where_it_was(elastance, script: Path) -> None:
    (script.parent / "fail-32").touch()
    answer = elastance(*arguments(script, "--json"))
    assert answer.status == 1
    assert (
        "batch size 32 could not be measured: exit status 1: MemoryError: out of memory with 32" in answer.err
    )
    document = json.loads(answer.out)
    assert [failure["batch_size"] for failure in document["failures"]] == [32]
    assert {cell["batch_size"] for cell in document["cells"]} == {16}
    assert "16" in json.loads((script.parent / "out" / "v100.json").read_text())
    before = (script.parent / "out" / "cells" / "bs16-250W.json").read_bytes()
    (script.parent / "fail-32").unlink()
    (script.parent / "out" / "cells" / "bs16-150W.json").unlink()
    assert elastance(*arguments(script)).status == 0
    assert started(script) == ["16", "16", "32"]
    assert (script.parent / "out" / "cells" / "bs16-250W.json").read_bytes() == before
    assert elastance(*arguments(script)).status == 0  # nothing is left to do
    assert started(script) == ["16", "16", "32"]
    assert elastance(*arguments(script, sizes="64")).status == 0  # another size joins them
    assert set(json.loads((script.parent / "out" / "v100.json").read_text())) == {"16", "32", "64"}


def test_measurements_of_another_kind_are_not_mixed(elastance, script: Path) -> None:
    assert elastance(*arguments(script, sizes="16")).status == 0
    others = {
        ("--power-limits", "250,200"): "the power limits [250, 150], not [250, 200]",
        ("--spread", "80%"): "the spread 0.9, not 0.8",
        ("--devices", "sim:a40,period=0.001"): "the devices SIM-v100-0, not SIM-a40-0",
        ("--devices", "sim:v100,period=0.001,load=0.5"): (
            'the simulation "sim:v100,period=0.001", not "sim:v100,period=0.001,load=0.5"'
        ),
    }
    for more, said in others.items():
        answer = elastance(*arguments(script, *more, sizes="16"))
        assert answer.status == 2
        assert f"was measured with {said}: name another directory, or drop" in answer.err
    script.write_text(script.read_text() + "\n")
    assert "the script's content" in elastance(*arguments(script, sizes="16")).err
    assert elastance(*arguments(script, "--restart", sizes="32")).status == 0
    assert set(json.loads((script.parent / "out" / "v100.json").read_text())) == {"32"}


def test_a_script_without_steps_is_told_what_to_add(elastance, script: Path) -> None:
    script.write_text("print('trained')\n")
    answer = elastance(*arguments(script))
    assert answer.status == 2
    assert "for batch in profiled_steps(loader):" in answer.err
    write_script(script.parent)
    assert elastance(*arguments(script)).status == 0  # nothing was measured, so the script may change


def test_without_the_length_of_an_epoch_there_is_no_trace(elastance, script: Path) -> None:
    script.write_text(script.read_text().replace("range(8)", "iter(range(100000))"))
    answer = elastance(*arguments(script, sizes="16"))
    assert answer.status == 0, answer
    assert (
        "no power trace: the length of an epoch with batch size 16 is unknown; give --samples N" in answer.err
    )
    assert not list((script.parent / "out").glob("*.csv"))
    assert elastance(*arguments(script, "--samples", 1600, sizes="16")).status == 0
    manifest = json.loads((script.parent / "out" / "manifest.json").read_text())
    (row, _) = trace_rows(script)
    assert float(row["time_per_epoch"]) == pytest.approx(100 * manifest["cells"][0]["step_time_s"])
    assert elastance(*arguments(script, sizes="16")).status == 0
    assert not list((script.parent / "out").glob("*.csv"))  # what the manifest no longer lists is gone


def test_several_gpus_make_a_trace_of_them_all(elastance, script: Path) -> None:
    more = ("--devices", "sim:v100x2,period=0.001")
    answer = elastance(*arguments(script, *more, sizes="16"))
    assert answer.status == 0, answer
    assert "no split profile: it is of one GPU, measured were 2 together" in answer.err
    rows = trace_rows(script)
    assert [row["power_limit"] for row in rows] == ["300", "500"]
    assert 2 * 100 < float(rows[1]["average_power"]) < 2 * 250


def test_one_limit_as_it_is(elastance, script: Path) -> None:
    denied = ("--devices", "sim:v100,period=0.001,denied=yes")
    answer = elastance(*arguments(script, *denied, sizes="16"))
    assert answer.status == 2
    assert "--power-limits none profiles under the limit that is there" in answer.err
    assert not (script.parent / "started").exists()
    answer = elastance(*arguments(script, *denied, "--power-limits", "none", sizes="16"))
    assert answer.status == 0, answer
    assert [cell.name for cell in (script.parent / "out" / "cells").iterdir()] == ["bs16-250W.json"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--batch-sizes", "32:8"), "--batch-sizes"),
        (("--power-limits", "250,20"), "20 W: NVIDIA Tesla V100 PCIe (simulated) takes 100 to 250 W"),
        (("--power-limits", "most"), "expected auto, none, or whole watts"),
        (("--spread", "little"), "expected a share such as 2% or 0.02"),
        (("--spread", "0"), "expected more than 0"),
        (("--max-window", "0.001"), "longest window 0.001 s: expected at least 0.01 s"),
        (("--devices", "sim:v100,a40"), "of several types"),
        (("--samples", "0"), "0 samples"),
        (("--job", "a/b"), "DATASET/NETWORK/OPTIMIZER"),
        (("--eta-knob", "2"), "eta"),
        (("--plot", "profile.txt"), "a picture ends in"),
    ],
)
def test_bad_input_is_one_line(elastance, script: Path, more, said: str) -> None:
    answer = elastance(*arguments(script, *more))
    assert answer.status == 2
    said_by_us = [line for line in answer.err.splitlines() if "simulated: nothing" not in line]
    assert len(said_by_us) == 1, answer.err
    assert said.removeprefix("--batch-sizes") in said_by_us[0]
    assert not (script.parent / "started").exists()


def test_a_command_must_take_the_batch_size(elastance, script: Path) -> None:
    command = ("profile", "-o", script.parent / "out", *FAST, "--batch-sizes", "16,32", "--", "true")
    assert "the command has no {batch_size}" in elastance(*command).err
    assert "unknown placeholder in '{lr}'" in elastance(*command, "{lr}").err
    missing = elastance(*command[:-1], "there-is-no-such-program", "{batch_size}")
    assert missing.status == 127


def test_a_directory_of_something_else_is_refused(elastance, script: Path) -> None:
    out = script.parent / "out"
    out.mkdir()
    (out / "manifest.json").write_text('{"synthetic": true, "made_by": "somebody"}')
    assert "holds something else than a profile" in elastance(*arguments(script)).err
    (out / "manifest.json").unlink()
    out.rmdir()
    out.write_text("")
    assert "is a file, a directory is needed" in elastance(*arguments(script)).err


def test_two_at_once_do_not_write_into_one_directory(elastance, script: Path) -> None:
    with ProfileDirectory(script.parent / "out", {}):
        answer = elastance(*arguments(script))
    assert answer.status == 2
    assert "another `elastance profile` is writing there" in answer.err


def test_a_damaged_measurement_is_named(elastance, script: Path) -> None:
    assert elastance(*arguments(script, sizes="16")).status == 0
    cell = script.parent / "out" / "cells" / "bs16-150W.json"
    cell.write_text(cell.read_text()[:40])
    answer = elastance(*arguments(script, sizes="16"))
    assert answer.status == 2
    assert "bs16-150W.json" in answer.err
    assert "delete the file to have it measured anew" in answer.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_ends_it_costs_the_measurement_it_was_at(elastance, script: Path, number: int) -> None:
    (script.parent / "hang-32").touch()
    os.mkfifo(script.parent / "hung")
    hung = os.open(script.parent / "hung", os.O_RDONLY | os.O_NONBLOCK)
    command = [sys.executable, "-m", "elastance", *map(str, arguments(script))]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ},
        text=True,
    )  # fmt: skip
    with process:
        assert select.select([hung], [], [], 60)[0]
        assert os.read(hung, 5) == b"hung\n"
        process.send_signal(number)
        process.wait(20)
        cells = sorted(path.name for path in (script.parent / "out" / "cells").glob("bs*.json"))
        process.stdin.close()  # lets the script end that outlives a killed command
        said = process.stderr.read()
        os.set_blocking(hung, True)
        while os.read(hung, 4096):  # until the script has ended
            pass
        os.close(hung)
    assert cells == ["bs16-150W.json", "bs16-250W.json", "bs32-250W.json"]
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "the same command goes on from there" in said
    (script.parent / "hang-32").unlink()
    answer = elastance(*arguments(script))
    assert answer.status == 0, answer
    assert len(list((script.parent / "out" / "cells").glob("bs*.json"))) == 4
    assert started(script).count("16") == 1
    assert not list(state_directory().glob("*.held.json"))


@pytest.mark.parametrize(("text", "value"), [("2%", 0.02), ("2 %", 0.02), ("0.02", 0.02), ("1e-1", 0.1)])
def test_a_share_is_a_number_or_a_percentage(text: str, value: float) -> None:
    assert parse_share("--spread", text) == pytest.approx(value)
