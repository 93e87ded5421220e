"""Every figure of Zeus on the built-in models: it runs, says that it does not judge, and can be read."""

import math
from functools import cache
from pathlib import Path

import pytest

from elastance.figures import zeus
from elastance.figures.experiments.canvas import draw_experiment
from elastance.figures.experiments.experiment import Experiment, Result
from elastance.figures.experiments.finding import Verdict
from elastance.figures.experiments.setting import Setting
from elastance.figures.zeus.drift import DriftRow, slices_behind
from elastance.runs import Provenance
from elastance.simulate import simulate_groups
from elastance.traces import BuiltinSource
from elastance.traces.drift_model import DriftSettings, synthesize_drift
from elastance.traces.synthesize_groups import GroupParameters, synthesize_groups
from pictures import overlaps, texts

POSSIBLE = [experiment for experiment in zeus.EXPERIMENTS if not experiment.impossible]
SEEDS = (1, 2)


@cache
def computed(name: str) -> Result:
    (experiment,) = (of for of in POSSIBLE if of.name == name)
    assert experiment.compute is not None
    return experiment.compute(Setting(BuiltinSource(), SEEDS))


every = pytest.mark.parametrize("experiment", POSSIBLE, ids=lambda of: of.name)


@every
def test_on_a_model_claims_about_the_traces_are_not_judged(experiment: Experiment) -> None:
    result = computed(experiment.name)
    assert result.source.provenance is Provenance.MODEL
    assert result.rows
    assert result.findings
    for finding in result.findings:
        assert finding.verdict is not Verdict.FAILED, finding
        assert finding.baseline
        assert finding.seeds
        if any(check.expected is not None and check.high > check.expected for check in finding.checks):
            assert finding.verdict is Verdict.NOT_JUDGED, finding


@every
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_text_stands_on_another_or_leaves_the_figure(experiment: Experiment, theme: str) -> None:
    figure = draw_experiment(experiment, computed(experiment.name), theme=theme)
    shown = texts(figure)
    assert list(overlaps(shown)) == []
    for name, box, _ in shown:
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name
        assert box.y0 >= 0, name
        assert box.y1 <= figure.bbox.height, name


@every
def test_the_picture_says_what_it_is_and_where_its_numbers_come_from(experiment: Experiment) -> None:
    result = computed(experiment.name)
    said = " ".join(name for name, _, _ in texts(draw_experiment(experiment, result)))
    assert experiment.title in said
    assert "Simulated from a model, not from measurements" in said
    assert result.source.sha256[:12] in said
    for word in " ".join(result.notes).split():
        assert word in said


def rows(name: str) -> list:
    return list(computed(f"zeus/{name}").rows)


def test_potential_both_knobs_save_at_least_what_each_saves() -> None:
    saved = {(row.workload, row.gpu, row.knob): row.energy_saved_percent for row in rows("potential")}
    for (workload, gpu, knob), both in saved.items():
        if knob == "both":
            alone = max(saved[workload, gpu, "batch size"], saved[workload, gpu, "power limit"])
            assert both >= alone >= 0.0
    figure = draw_experiment(POSSIBLE[0], computed("zeus/potential"))
    bars = sorted(patch.get_width() for axes in figure.axes for patch in axes.patches)
    assert bars == pytest.approx(sorted(saved.values()))


def test_tradeoff_nothing_beats_the_front() -> None:
    front = [row for row in rows("tradeoff") if row.pareto_optimal]
    assert front
    assert sum(row.default for row in rows("tradeoff")) == 1
    for row in rows("tradeoff"):
        beaten = any(
            of.time_s <= row.time_s and of.energy_j <= row.energy_j
            and (of.time_s, of.energy_j) != (row.time_s, row.energy_j)
            for of in front
        )  # fmt: skip
        assert beaten != row.pareto_optimal


def test_savings_default_is_one_by_definition() -> None:
    for row in rows("savings"):
        assert (row.policy == "default") <= (row.energy_relative == pytest.approx(1.0, rel=1e-12))
        assert row.seeds == len(SEEDS)


def test_regret_begins_at_nothing() -> None:
    for row in rows("regret"):
        if row.recurrence == 0:
            assert row.regret_oracle_jobs == 0.0
    assert {row.policy for row in rows("regret")} == {"zeus", "grid", "grid-early-stop", "default"}


def test_search_path_numbers_each_visited_configuration_once() -> None:
    for workload in ("librispeech", "imagenet"):
        order = [
            row.first_tried for row in rows("search-path") if row.workload == workload and row.first_tried
        ]
        assert sorted(order) == list(range(1, len(order) + 1))
        assert min(row.relative_to_oracle for row in rows("search-path")) == 1.0


def test_gpus_the_mean_is_geometric() -> None:
    for gpu in {row.gpu for row in rows("gpus")}:
        of_gpu = [row for row in rows("gpus") if row.gpu == gpu]
        *workloads, mean = of_gpu
        assert mean.workload == "geometric mean"
        assert mean.energy_relative**6 == pytest.approx(math.prod(row.energy_relative for row in workloads))


def test_beta_is_relative_to_two() -> None:
    usual = [row.relative_cost for row in rows("beta") if row.beta == 2.0]
    assert usual == [1.0] * 12
    assert all(row.finished + row.failed == len(SEEDS) for row in rows("beta"))


def test_ablation_leaves_out_one_part_each() -> None:
    variants = {row.variant: (row.policy, row.beta) for row in rows("ablation")}
    assert variants == {
        "without early stop": ("zeus", math.inf),
        "without pruning": ("thompson", 2.0),
        "without limit profiling": ("max-power", 2.0),
    }


def test_cluster_sums_end_where_the_group_comparison_does(tmp_path: Path) -> None:
    experiment = next(of for of in POSSIBLE if of.name == "zeus/cluster")
    groups = tmp_path / "some.csv"
    synthesize_groups(groups, GroupParameters(groups=6, rows=(5, 9)), seed=3)
    assert experiment.compute is not None
    result = experiment.compute(Setting(BuiltinSource(), groups=groups))
    comparison = simulate_groups(groups, policies=("zeus", "grid"), traces=BuiltinSource())
    for dataset in comparison.datasets:
        for policy in ("zeus", "grid"):
            rows = [
                row
                for row in result.rows
                if (row.workload, row.policy, row.mode) == (dataset, policy, "normal")
            ]
            assert [row.ended for row in rows] == list(range(1, len(rows) + 1))
            sums = comparison.relative(comparison[policy], comparison.default, "energy_j", dataset)
            assert rows[-1].energy_relative == pytest.approx(sums.mean)
    assert "synthetic groups, not the paper's" in result.settings
    assert all("synthetic" in finding.unjudged for finding in result.findings if "paper" in finding.claim)
    draw_experiment(experiment, result)


def drift_row(number: int, size: int, cheapest: int, *, exploring: bool = False) -> DriftRow:
    return DriftRow(
        number, "v100", 10, 50, size, 1.0, cheapest, 1.0, None, 1.0, None, 1.0, 1.0, 1.0, 1.0, exploring
    )


def test_drift_counts_the_slices_since_the_choice_was_the_cheapest() -> None:
    chosen = [8, 8, 16, 8, 8, 32]
    cheapest = [8, 16, 16, 16, 16, 16]
    rows = [drift_row(n, *of) for n, of in enumerate(zip(chosen, cheapest, strict=True), start=1)]
    assert slices_behind(rows) == [0, 1, 0, 3, 4, 6]
    rows[4] = rows[4]._replace(exploring=True)
    assert slices_behind(rows) == [0, 1, 0, 3, 6]


def test_drift_shows_a_trace_of_the_user_s_own(tmp_path: Path) -> None:
    experiment = next(of for of in POSSIBLE if of.name == "zeus/drift")
    path, _ = synthesize_drift(tmp_path / "mine.csv", DriftSettings(slices=6, seed=4))
    assert experiment.compute is not None
    result = experiment.compute(Setting(BuiltinSource(), SEEDS, drift=path))
    assert "synthetic drift, not the paper's data, over 6 slices in mine.csv" in result.settings
    assert [row.slice for row in result.rows] == [*range(1, 7)] * 2
    assert result.findings[0].verdict is Verdict.NOT_JUDGED
    draw_experiment(experiment, result)
