import json
from pathlib import Path

import pytest

from made_up_splits import made_up_points


def write(path: Path, speed: float, limits: tuple[int, ...], cap: int = 64) -> Path:
    document: dict[str, list[dict[str, float]]] = {}
    for size, limit, time_s, energy_j in made_up_points(speed, limits, cap):
        document.setdefault(str(size), []).append({"power_limit": limit, "energy": energy_j, "time": time_s})
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def gpus(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "a10.json", 4.0, (100, 150, 200)), write(tmp_path / "t4.json", 1.0, (50, 70))


def test_the_plan_is_shown_and_proven(elastance, gpus) -> None:
    answer = elastance("split", *gpus, "--global-batch", 64)
    assert answer.status == 0
    assert "64 samples per step over a10 + t4" in answer.out
    assert "exact, proven optimal" in answer.out
    assert "idle power: a10 25 W (assumed), t4 10 W (assumed)" in answer.out


def test_json_has_the_promised_keys(elastance, gpus, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    answer = elastance("split", f"{gpus[0]}:2", gpus[1], "--global-batch", 96, "--json", "--output", plan)
    document = json.loads(answer.out)
    assert document == json.loads(plan.read_text())
    promised = "method optimal cost step_time_s step_energy_j gpus runner_up lower_bound extrapolated"
    assert set(promised.split()) <= document.keys()
    assert [gpu["profile"] for gpu in document["gpus"]] == ["a10", "a10", "t4"]
    for gpu in document["gpus"]:
        assert {"profile", "batch_size", "power_limit_w", "time_s", "power_w", "idle_s"} <= gpu.keys()
    assert sum(gpu["batch_size"] for gpu in document["gpus"]) == 96


def test_compare_shows_every_method_and_both_baselines(elastance, gpus, tmp_path: Path) -> None:
    picture = tmp_path / "split.png"
    answer = elastance("split", *gpus, "--global-batch", 256, "--compare", "--plot", picture)
    for text in ("time-balanced", "proportional", "even-best-limits", "heuristic", "zeus2-brute-force"):
        assert text in answer.out
    assert "exact against even (stock data parallel):" in answer.out
    assert "exact against time-balanced (the strong baseline):" in answer.out
    assert "a10: runs 4 micro-batches of at most 64 samples" in answer.out
    assert picture.stat().st_size > 10_000


def test_a_published_method_brings_its_own_batch_and_cost(elastance, gpus) -> None:
    document = json.loads(elastance("split", *gpus, "--method", "zeus2-brute-force", "--json").out)
    assert document["global_batch_size"] == 4096
    assert document["extrapolated"] is True
    assert document["on_measured_curves"]["cost"] != document["cost"]
    answer = elastance("split", *gpus, "--method", "zeus2-brute-force")
    assert "extrapolated beyond the profiled sizes" in answer.out


def test_objectives_and_constraints(elastance, gpus) -> None:
    def solved(*options: object) -> dict:
        return json.loads(elastance("split", *gpus, "--global-batch", 128, "--json", *options).out)

    fastest, frugal = solved("--minimize", "time"), solved("--minimize", "energy")
    assert fastest["step_time_s"] < frugal["step_time_s"]
    assert fastest["step_energy_j"] > frugal["step_energy_j"]
    bounded = solved("--minimize", "energy", "--max-slowdown", 1.1)
    assert bounded["step_time_s"] <= 1.1 * fastest["step_time_s"] * (1 + 1e-9)
    assert solved("--eta-knob", 1)["cost"] == pytest.approx(frugal["cost"])
    capped = solved("--memory-cap", "8,-")
    assert capped["gpus"][0]["micro_batches"] > 1
    assert solved("--idle-power", "0")["step_energy_j"] <= solved("--idle-power", "50,50")["step_energy_j"]
    assert solved("--steps", 10)["per"] == "step"
    assert solved("--allow-extrapolation")["extrapolated"] is True
    assert all(gpu["batch_size"] <= 64 for gpu in solved("--no-micro-batches")["gpus"])
    assert all(gpu["batch_size"] % 8 == 0 for gpu in solved("--granularity", 8)["gpus"])


def test_the_front(elastance, gpus) -> None:
    answer = elastance("split", *gpus, "--global-batch", 64, "--pareto")
    assert "plans that nothing beats in both time and energy (all there are)" in answer.out
    document = json.loads(elastance("split", *gpus, "--global-batch", 64, "--pareto", "--json").out)
    assert document["pareto"]["complete"] is True
    assert len(document["pareto"]["plans"]) > 2


def test_traces_or_models_stand_in_for_profiles(elastance) -> None:
    answer = elastance("split", "v100", "a40:2", "--workload", "cifar100", "--global-batch", 2048)
    assert "totals of one epoch" in answer.out
    assert "built-in models" in answer.out
    assert "(model)" in answer.out


def test_a_method_without_a_plan_is_the_answer_no(elastance, gpus) -> None:
    answer = elastance("split", *gpus, "--global-batch", 64, "--method", "even", "--max-slowdown", 1.1)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err.startswith("elastance: even: its plan takes")
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--global-batch N is missing"),
        (["--global-batch", 0], "global batch 0 is not a positive number"),
        (["--global-batch", 4, "--granularity", 8], "global batch 4 is smaller than the granularity of 8"),
        (["--global-batch", 9, "--granularity", 8], "not a multiple of the granularity 8"),
        (["--global-batch", 512, "--no-micro-batches"], "global batch 512 does not fit: .* 64 + 64 samples"),
        (["--global-batch", 64, "--memory-cap", "0"], "memory cap 0 holds no sample"),
        (["--global-batch", 64, "--memory-cap", "big"], "--memory-cap 'big': expected samples"),
        (["--global-batch", 64, "--idle-power", "1,2,3"], "3 values for 2 profiles"),
        (["--global-batch", 64, "--idle-power=-1"], "idle power -1 W is negative"),
        (["--global-batch", 64, "--eta-knob", 2], "eta knob 2.0 is not in"),
        (["--global-batch", 64, "--eta-knob", 1, "--minimize", "time"], "--eta-knob or --minimize, not both"),
        (["--global-batch", 64, "--minimize", "power"], "expected energy or time"),
        (["--global-batch", 64, "--max-slowdown", 0.5], "max slowdown 0.5 is below 1"),
        (["--global-batch", 64, "--method", "exakt"], "did you mean exact"),
        (["--global-batch", 64, "--max-power-of", "some"], "expected all or used"),
        (["--global-batch", 64, "--traces", "."], "--traces goes with --workload"),
        (["--global-batch", 64, "--plot", "plan.doc"], "a picture ends in"),
    ],
)
def test_bad_options_are_one_line(refused, gpus, arguments, message: str) -> None:
    import re

    answer = refused("split", *gpus, *arguments)
    assert re.search(message.replace("+", r"\+"), answer.err), answer.err


def test_bad_profiles_are_one_line(refused, gpus, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    for argument, message in (
        (tmp_path / "bad.json", "the profile is empty"),
        (tmp_path / "none.json", "no such file"),
        (f"{gpus[0]}:0", "expected a number of GPUs after the colon"),
        (f"{gpus[0]}:x", "expected a number of GPUs after the colon"),
        ("v100", "add --workload cifar100"),
    ):
        assert message in refused("split", gpus[1], argument, "--global-batch", 64).err
    assert "no profile" in refused("split", "--global-batch", 64).err
    assert "unknown GPU" in refused("split", "h100", "--workload", "squad", "--global-batch", 64).err
