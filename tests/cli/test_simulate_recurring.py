import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = ("simulate", "recurring", "--workload", "sentiment140", "--recurrences", "30")
QUANTITIES = (
    "total_energy_j", "total_time_s", "total_cost_j", "regret_oracle_jobs", "energy_saving", "time_saving",
    "break_even_recurrence",
)  # fmt: skip


def document(answer) -> dict:
    assert answer.status == 0, answer.err
    return json.loads(answer.out)


def test_the_table_answers_the_question(elastance) -> None:
    answer = elastance(*QUICK)
    assert answer.status == 0
    for text in ("zeus", "default", "grid", "oracle", "built-in models", "less energy", "eta 0.5"):
        assert text in answer.out
    assert answer.err == ""


def test_the_json_document(elastance) -> None:
    answer = document(elastance(*QUICK, "--json", "--seeds", "0:4", "--gpu", "A40"))
    assert answer["source"]["kind"] == "builtin"
    assert len(answer["source"]["sha256"]) == 64
    assert (answer["gpu"], answer["eta_knob"], answer["beta_knob"]) == ("a40", 0.5, 2.0)
    assert answer["recurrences"] == 30
    assert answer["job"]["dataset"] == "sentiment140"
    assert [result["policy"] for result in answer["policies"]] == ["zeus", "default", "grid", "oracle"]
    for result in answer["policies"]:
        assert result["seeds"] == [0, 1, 2, 3]
        assert all(result[quantity].keys() >= {"mean", "ci95"} for quantity in QUANTITIES)
        assert result["final"].keys() >= {"batch_size", "power_limit_w"}
    by_name = {result["policy"]: result for result in answer["policies"]}
    assert by_name["oracle"]["regret_oracle_jobs"]["mean"] == pytest.approx(0.0, abs=1e-9)
    assert by_name["default"]["energy_saving"]["mean"] == pytest.approx(0.0, abs=1e-12)
    assert by_name["default"]["break_even_recurrence"]["mean"] == 1


def test_one_seed_has_no_interval_and_infinity_is_json(elastance) -> None:
    answer = document(elastance(*QUICK, "--json", "--beta-knob", "inf", "--policy", "zeus"))
    assert answer["beta_knob"] == "inf"
    assert answer["policies"][0]["total_energy_j"]["ci95"] is None


@pytest.mark.parametrize("eta", [0, 1])
@pytest.mark.parametrize("workload", ["imagenet", "movielens-1m", "cifar100"])
def test_the_ends_of_eta_where_some_sizes_never_reach_the_target(elastance, workload, eta, tmp_path) -> None:
    plot = tmp_path / "plot.svg"
    answer = document(
        elastance("simulate", "recurring", "--workload", workload, "--eta-knob", eta, "--recurrences", "40", "--json",
                  "--plot", plot)
    )  # fmt: skip
    assert answer["policies"][3]["regret_oracle_jobs"]["mean"] == pytest.approx(0, abs=1e-9)
    assert plot.exists()


def test_the_history_file(elastance, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    result = document(
        elastance(*QUICK, "--json", "--history", path, "--seeds", "5,7", "--policy", "zeus,default")
    )
    histories = json.loads(path.read_text())
    assert [(entry["policy"], entry["seed"]) for entry in histories] == [
        ("zeus", 5), ("zeus", 7), ("default", 5), ("default", 7),
    ]  # fmt: skip
    for entry in histories:
        assert sum(row[4] for row in entry["history"]) == 30
    totals = [math.fsum(row[2] for row in entry["history"]) for entry in histories[:2]]
    assert result["policies"][0]["total_energy_j"]["mean"] == pytest.approx(sum(totals) / 2)


def test_zero_recurrences_are_an_empty_history(elastance, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    answer = elastance(*QUICK, "--recurrences", "0", "--history", path, "--plot", tmp_path / "plot.png")
    assert answer.status == 0, answer.err
    assert all(entry["history"] == [] for entry in json.loads(path.read_text()))


def test_the_same_seed_gives_the_same_bytes_whoever_works(elastance) -> None:
    once = elastance(*QUICK, "--json", "--seeds", "0:6")
    assert once.out == elastance(*QUICK, "--json", "--seeds", "0:6").out
    assert once.out == elastance(*QUICK, "--json", "--seeds", "0:6", "--jobs", "2").out


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_picture(elastance, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plot.{suffix}"
    answer = elastance(*QUICK, "--plot", path, "--theme", "dark")
    assert answer.status == 0, answer.err
    magic = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(magic)
    assert f"wrote {path}" in answer.out.replace("\n", "")


def test_a_job_of_ones_own(elastance) -> None:
    answer = document(
        elastance(
            *QUICK, "--json", "--max-epochs", "9", "--b0", "32", "--policy", "default", "--optimizer", "adamw"
        )
    )
    assert (answer["job"]["max_epochs"], answer["job"]["default_batch_size"]) == (9, 32)
    assert answer["policies"][0]["final"]["batch_size"] == 32


def test_a_dataset_names_its_workload(elastance) -> None:
    answer = document(
        elastance("simulate", "recurring", "--dataset", "squad", "--json", "--policy", "default")
    )
    assert (answer["job"]["network"], answer["job"]["target_metric"]) == ("bert_base_uncased", 84.0)


def test_a_policy_from_the_current_directory(
    elastance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_policies_here.py").write_text(
        "class Stubborn:\n"
        "    def __init__(self, problem, rng): self.size = problem.batch_sizes[0]\n"
        "    def choose_batch_size(self): return self.size\n"
        "    def observe_run(self, outcome): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    answer = document(elastance(*QUICK, "--json", "--policy", "my_policies_here:Stubborn"))
    assert answer["policies"][0]["final"]["batch_size"] == 8
    assert sys.path == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--eta-knob", "1.5"), "eta knob 1.5 is not in [0, 1]"),
        (("--eta-knob", "nan"), "eta knob nan"),
        (("--eta-knob", "much"), "much"),
        (("--beta-knob", "1"), "beta knob 1.0 is not larger than 1"),
        (("--beta-knob", "nan"), "beta knob nan"),
        (("--workload", "librispeach"), "did you mean librispeech"),
        (("--dataset", "imagnet"), "did you mean imagenet"),
        (("--gpu", "v1000"), "did you mean v100"),
        (("--policy", "zuse"), "did you mean zeus"),
        (("--policy", "zeus,zeus"), "named twice"),
        (("--policy", "zeus,"), "separated by commas"),
        (("--policy", "nowhere:Policy"), "nowhere"),
        (("--optimizer", "adam"), "unknown optimizer"),
        (("--target-metric", "0.123"), "target metric 0.123 is not in"),
        (("--max-epochs", "0"), "max epochs 0"),
        (("--b0", "7"), "default batch size 7 is not on offer; there are 8, 16"),
        (("--recurrences", "-1"), "recurrences -1 is not a whole number"),
        (("--recurrences", "1.5"), "1.5"),
        (("--seed", "-3"), "seed -3 is not a whole number"),
        (("--seeds", "5:5"), "empty range"),
        (("--seeds", "a:b"), "expected a range"),
        (("--seeds", "1,1"), "twice"),
        (("--seed", "1", "--seeds", "0:2"), "not both"),
        (("--window-size", "1"), "window size 1"),
        (("--jobs", "0"), "0 jobs"),
        (("--plot", "plot.bmp"), ".png"),
        (("--plot", "nowhere/plot.png"), "no directory"),
        (("--theme", "sepia"), "sepia"),
        (("--history", "nowhere/history.json"), "there is no directory"),
        (("--traces", "nowhere"), "nowhere: no such directory"),
        (("--frobnicate",), "--frobnicate"),
        (("extra",), "extra"),
    ],
)
def test_bad_input_is_one_clear_line(refused, arguments, message, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused("simulate", "recurring", "--workload", "sentiment140", *arguments).err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "def choose_batch_size(self): return 7",
            "policy bad_policies:Bad: chose batch size 7, which is not on offer",
        ),
        ("def choose_batch_size(self): raise OSError('disk')", "choose_batch_size raised OSError: disk"),
        ("pass", "not a policy class"),
    ],
)
def test_a_policy_that_misbehaves(refused, body, message, tmp_path, monkeypatch) -> None:
    (tmp_path / "bad_policies.py").write_text(
        "class Bad:\n"
        "    def __init__(self, problem, rng): pass\n"
        f"    {body}\n"
        "    def observe_run(self, outcome): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "bad_policies", raising=False)
    history = tmp_path / "history.json"
    assert message in refused(*QUICK, "--policy", "bad_policies:Bad", "--history", history).err
    assert not history.exists()


@pytest.fixture
def made_up_traces(elastance, tmp_path: Path) -> Path:
    directory = tmp_path / "made-up"
    assert elastance("data", "synthesize", "traces", "--output", directory, "--gpu", "v100").status == 0
    return directory


def test_facts_from_a_directory_and_from_the_environment(elastance, made_up_traces, monkeypatch) -> None:
    named = document(elastance(*QUICK, "--json", "--traces", made_up_traces))
    assert named["source"]["kind"] == "directory"
    assert named["source"]["provenance"] == "model", "the manifest says synthetic"
    assert set(named["source"]["files"]) == {"summary_train.csv", "summary_power_v100.csv"}
    monkeypatch.setenv("ELASTANCE_TRACES", str(made_up_traces))
    found = document(elastance(*QUICK, "--json"))
    assert found["source"].pop("kind") == "environment"
    named["source"].pop("kind")
    assert found == named
    assert "synthetic" in elastance(*QUICK).out


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("summary_train.csv", None, "summary_train.csv: no such file"),
        (
            "summary_train.csv",
            lambda text: text[:-30],
            "cells where the header has 8; the last line is truncated",
        ),
        ("summary_train.csv", lambda text: text[: text.rindex(",") + 1], "no line end"),
        (
            "summary_power_v100.csv",
            lambda text: text.replace(",100,", ",hot,", 1),
            "row 2, column power_limit",
        ),
        (
            "summary_power_v100.csv",
            lambda text: text.replace("average_power", "watts"),
            "column average_power",
        ),
    ],
)
def test_traces_that_cannot_be_used(refused, made_up_traces, file, change, message) -> None:
    path = made_up_traces / file
    if change is None:
        path.unlink()
    else:
        path.write_text(change(path.read_text()))
    err = refused(*QUICK, "--traces", made_up_traces).err
    assert str(path) in err
    assert message in err


def test_a_dataset_of_ones_own_needs_the_rest(refused) -> None:
    answer = refused("simulate", "recurring", "--dataset", "mine", "--network", "net")
    assert "so --optimizer, --target-metric, --max-epochs, --b0 must be given too" in answer.err


def test_another_gpu_than_there_are_traces_for(refused, made_up_traces) -> None:
    assert "known: v100" in refused(*QUICK, "--traces", made_up_traces, "--gpu", "a40").err


def test_a_default_that_never_reaches_its_target(refused) -> None:
    answer = refused("simulate", "recurring", "--workload", "squad", "--max-epochs", "2")
    assert "default batch size 32 does not reach target metric 84 within 2 epochs" in answer.err


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path, elastance, monkeypatch) -> None:
    import elastance.simulate.histories as histories

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(histories, "simulate_history", interrupt)
    answer = elastance(*QUICK, "--history", tmp_path / "history.json", "--plot", tmp_path / "plot.png")
    assert (answer.status, answer.out) == (130, "")
    assert answer.err == "elastance: interrupted; nothing was left half-written\n"
    assert list(tmp_path.iterdir()) == []


def test_a_real_ctrl_c_stops_every_process(tmp_path: Path) -> None:
    """Interrupts the whole process group, as a terminal does, once the workers are at it."""
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "sys.path.insert(0, '.'); from elastance.cli.main import main; main()"
    )
    (tmp_path / "signalling.py").write_text(
        "import os, signal\n"
        "class Signalling:\n"
        "    def __init__(self, problem, rng):\n"
        "        os.killpg(os.getpgrp(), signal.SIGINT)\n"
        "    def choose_batch_size(self): return 1\n"
        "    def observe_run(self, outcome): pass\n"
    )
    arguments = [
        "--policy",
        "signalling:Signalling",
        "--seeds",
        "0:50",
        "--jobs",
        "2",
        "--history",
        "history.json",
    ]
    shown = subprocess.run(
        [sys.executable, "-c", program, "simulate", "recurring", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    assert shown.returncode == 130, shown.stderr
    assert shown.stderr.endswith("elastance: interrupted; nothing was left half-written\n")
    assert not (tmp_path / "history.json").exists()


def test_a_worker_that_dies_is_one_clear_line(refused, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "deadly.py").write_text(
        "import os\n"
        "class Deadly:\n"
        "    def __init__(self, problem, rng): os._exit(1)\n"
        "    def choose_batch_size(self): return 1\n"
        "    def observe_run(self, outcome): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    answer = refused(*QUICK, "--policy", "deadly:Deadly", "--seeds", "0:8", "--jobs", "2")
    assert "a worker process died" in answer.err


def test_the_installed_command_and_the_module() -> None:
    command = shutil.which("elastance", path=str(Path(sys.executable).parent))
    assert command is not None
    for start in ([command], [sys.executable, "-m", "elastance"]):
        shown = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
        assert shown.stdout.startswith("elastance 0.")


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m elastance simulate recurring --recurrences 5 --json | head -1"
    shown = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert shown.stderr == ""


def test_a_warm_start_is_said_and_recorded(elastance) -> None:
    options = ("--gpu", "a40", "--policy", "knowledge-gradient,zeus", "--warm-start-from", "V100")
    table = elastance(*QUICK, *options)
    assert "knowledge-gradient: began with what it learned in" in table.out
    assert "zeus: began without a warm start" in table.out
    assert document(elastance(*QUICK, *options, "--json"))["warm_start_from"] == "v100"
