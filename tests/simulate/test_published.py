"""The replay of the published simulator, against histories recorded with zeus 0.16.0 on NumPy 2.4.6."""

import json
from pathlib import Path

import numpy as np
import pytest

from elastance.cost import EtaCost
from elastance.job import Job
from elastance.policies import Outcome, PolicyPair, Problem, build_policy, find_policy
from elastance.simulate import JobWorld, PublishedRules, RecurringJob, simulate_recurring
from elastance.traces import DirectorySource

RECORDED_WITH = "2.4.6"


@pytest.fixture(scope="module")
def source(public_traces: Path) -> DirectorySource:
    return DirectorySource(public_traces)


def test_the_streams_are_those_of_the_recording() -> None:
    """NumPy may change its streams between feature releases; then the comparisons below mean nothing."""
    rng = np.random.default_rng(1)
    assert [int(rng.choice(n, size=1, replace=False)[0]) for n in (5, 10, 3)] == [2, 5, 2], (
        f"recorded with NumPy {RECORDED_WITH}, this is {np.__version__}"
    )


def test_every_recorded_history_is_replayed_bit_for_bit(source: DirectorySource, reference: Path) -> None:
    runs = json.loads((reference / "recurring.json").read_text())
    assert len(runs) == 42
    for run in runs:
        job = Job(
            run["dataset"],
            run["network"],
            run["optimizer"],
            run["target_metric"],
            run["max_epochs"],
            run["b0"],
        )
        comparison = simulate_recurring(
            job,
            run["gpu"],
            policies=["zeus"],
            eta=run["eta_knob"],
            beta=float(run["beta_knob"]),
            recurrences=run["num_recurrence"],
            seeds=[run["seed"]],
            window_size=run["window_size"],
            traces=source,
            compat=True,
        )
        label = {key: value for key, value in run.items() if key != "history"}
        assert comparison["zeus"].histories[0].rows() == run["history"], label


def test_runs_that_never_start_are_replayed(source: DirectorySource) -> None:
    """MovieLens to an easy target, where one epoch at a small size costs more than whole runs at a large one."""

    class Listening:
        def __init__(self, policy: object) -> None:
            self.policy = policy
            self.heard: list[tuple[int, float, bool]] = []

        def choose_batch_size(self) -> int:
            return self.policy.choose_batch_size()  # type: ignore[attr-defined]

        def observe_run(self, outcome: Outcome) -> None:
            self.heard.append((outcome.batch_size, outcome.cost_j, outcome.reached))
            self.policy.observe_run(outcome)  # type: ignore[attr-defined]

    job = Job("movielens-1m", "ncf", "adam", 0.3, 100, 1024)
    facts = source.job_facts(job, "v100")
    problem = Problem(job, facts.power_limits_w, EtaCost(0.5, facts.max_power_w), 2.0)
    rules = PublishedRules()
    world_rng, policy_rng = rules.generators(1)
    pair = build_policy(find_policy("zeus"), problem, policy_rng, published=True)
    listening = Listening(pair.batch_size)
    policies = PolicyPair(listening, pair.power_limit)
    job_world = JobWorld(facts, problem, policies, world_rng, rules=rules)
    recurring = RecurringJob(job_world)
    rows = [
        (record.batch_size, record.power_limit_w, record.energy_j, record.time_s)
        for _ in range(12)
        for record in recurring.run_recurrence()
    ]
    assert listening.heard == [
        (1024, 2816.8838746859856, True),
        (512, 4878.623731248106, True),
        (256, 563376.7749371971, False),
        (2048, 1776.8929924866293, True),
        (4096, 1474.370358436619, True),
        (8192, 1142.791914992931, True),
        (16384, 1011.9700679929443, True),
        (16384, 1004.4363042113301, True),
        (8192, 1106.877648371123, True),
        (4096, 1440.6306065301346, True),
        (2048, 1723.3196273693625, True),
        (1024, 200887.26084226603, False),
        (16384, 1004.4363042113301, True),
        (16384, 1004.4363042113301, True),
    ]
    again = (16384, 175, 254.3726084226601, 7.018000000000001)
    assert rows == [
        (1024, 225, 738.4701303243526, 19.581190476190475),
        (512, 175, 1285.283176781927, 33.88785714285714),
        (2048, 100, 464.7383659256396, 12.356190476190475),
        (4096, 175, 378.5621454446664, 10.280714285714286),
        (8192, 125, 293.29811570014766, 7.969142857142858),
        (16384, 175, 255.2615645573173, 7.074714285714285),
        again,
        (8192, 125, 276.25529674224583, 7.750000000000002),
        (4096, 175, 373.26121306026937, 10.032),
        (2048, 100, 434.55592140539164, 12.048333333333334),
        again,
        again,
    ]


# Workload, GPU: b0, recurrences, total cost / 1e6 of seeds 1, 2, 3 (measured with the published simulator).
TOTALS = """
cifar100 v100 1024 140 8.510 8.507 8.534
cifar100 a40 1024 180 13.410 13.397 13.476
cifar100 rtx6000 1024 160 14.753 14.987 16.541
cifar100 p100 1024 108 11.406 11.490 11.608
imagenet v100 256 70 1230.830 1238.002 1229.114
imagenet a40 256 108 2305.257 2317.393 2373.101
imagenet rtx6000 256 64 1719.346 1746.023 1764.698
imagenet p100 128 24 1052.922 1055.320 1055.320
squad v100 32 98 155.917 155.700 157.119
squad a40 32 126 130.025 130.420 130.815
squad rtx6000 32 96 162.533 161.259 161.099
squad p100 24 60 138.144 137.734 136.256
librispeech v100 192 210 1874.143 1906.731 1864.592
librispeech a40 192 108 967.723 976.729 966.836
librispeech rtx6000 128 176 1623.968 1624.412 1619.461
librispeech p100 72 108 3192.443 3211.719 3185.799
movielens-1m v100 1024 182 0.871 0.847 0.870
movielens-1m a40 1024 216 1.582 1.560 1.575
movielens-1m rtx6000 1024 208 1.819 1.771 1.784
movielens-1m p100 1024 156 1.281 1.245 1.271
sentiment140 v100 128 70 198.129 198.129 198.129
sentiment140 a40 128 50 90.098 90.385 90.385
sentiment140 rtx6000 128 80 265.707 265.695 265.546
sentiment140 p100 64 48 216.447 216.447 216.447
"""


@pytest.mark.parametrize("line", TOTALS.strip().splitlines())
def test_default_jobs_and_totals_of_the_published_policy(source: DirectorySource, line: str) -> None:
    workload, gpu, b0, recurrences, *totals = line.split()
    comparison = simulate_recurring(
        workload, gpu, policies=["zeus"], seeds=[1, 2, 3], traces=source, compat=True
    )
    assert comparison.task.problem.job.default_batch_size == int(b0)
    assert comparison.task.recurrences == int(recurrences)
    costs = [f"{measures.cost_j / 1e6:.3f}" for measures in comparison["zeus"].measures]
    assert costs == totals
