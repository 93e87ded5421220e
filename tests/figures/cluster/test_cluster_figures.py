"""Figures about clusters on a few traces: they run, say what they judge, and can be read."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from elastance.figures import cluster
from elastance.figures.cluster.energy_vs_jct import PlaneRow, beaten_by, plane_findings
from elastance.figures.cluster.facts import PUBLISHED, cluster_facts, made_up_jobs, step_times
from elastance.figures.cluster.gpu_mix import MIXES, rehomed
from elastance.figures.cluster.power_cap import OVER_TIME, SWEEP, CapRow, cap_findings
from elastance.figures.experiments.canvas import draw_experiment
from elastance.figures.experiments.experiment import Experiment, Result
from elastance.figures.experiments.finding import Verdict
from elastance.figures.experiments.setting import Setting
from elastance.runs import Provenance
from elastance.scheduling import gang_plan
from elastance.simulate.cluster import ClusterShape, make_tasks
from elastance.traces import BuiltinSource, DirectorySource
from elastance.traces.step_times import builtin_step_times
from elastance.traces.synthesize_cluster import Arrivals
from made_up_figures import folder_of_facts, setting_in
from pictures import overlaps, texts

SEEDS = (0, 1)
BY_NAME = {experiment.name.partition("/")[2]: experiment for experiment in cluster.EXPERIMENTS}


@cache
def computed(name: str) -> Result:
    compute = BY_NAME[name].compute
    assert compute is not None
    # The tightest caps take longest, and one trace of each says enough.
    return compute(Setting(BuiltinSource(), SEEDS[:1] if name == "power-cap" else SEEDS))


every = pytest.mark.parametrize("experiment", cluster.EXPERIMENTS, ids=lambda of: of.name)


@pytest.mark.slow
@every
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_text_stands_on_another_or_leaves_the_figure(experiment: Experiment, theme: str) -> None:
    figure = draw_experiment(experiment, computed(experiment.name.partition("/")[2]), theme=theme)
    shown = texts(figure)
    assert list(overlaps(shown)) == []
    for name, box, _ in shown:
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name
        assert box.y0 >= 0, name
        assert box.y1 <= figure.bbox.height, name


@pytest.mark.slow
@every
def test_numbers_are_those_of_a_model_and_claims_say_against_what(experiment: Experiment) -> None:
    result = computed(experiment.name.partition("/")[2])
    assert result.provenance is Provenance.MODEL
    assert "synthetic" in result.settings
    assert all(finding.baseline and finding.seeds for finding in result.findings)


@pytest.mark.slow
def test_the_baseline_is_one_and_every_kind_of_trace_is_there() -> None:
    rows = computed("energy-vs-jct").rows
    assert {row.arrivals for row in rows} == {of.value for of in Arrivals}
    for row in rows:
        if row.policy == "easyscale-heter":
            assert (row.jct_relative, row.energy_relative) == (1.0, 1.0)
    own = {row.arrivals: row for row in rows if row.policy == "energy-elastic" and row.eta is None}
    assert all(row.energy_relative < 1.0 for row in own.values())


@pytest.mark.slow
def test_power_over_time_never_exceeds_the_cap_that_is_shown() -> None:
    rows = [row for row in computed("power-cap").rows if row.part == OVER_TIME]
    assert {row.cap for row in rows} == {"constant", "curve"}
    own = [row for row in rows if row.policy == "energy-elastic"]
    assert all(row.power_w <= row.cap_w * (1 + 1e-9) for row in own)
    assert any(row.power_w > row.cap_w for row in rows)
    finding = computed("power-cap").findings[0]
    assert finding.verdict is Verdict.HELD


@pytest.mark.slow
def test_every_mix_is_as_large_or_draws_as_much_as_it_says() -> None:
    for row in computed("gpu-mix").rows:
        if row.kept == "as many GPUs":
            assert row.gpus == 64
        else:
            assert row.peak_power_w == pytest.approx(14720.0, rel=0.005)


@pytest.mark.parametrize("name", MIXES)
def test_a_job_that_moves_to_another_cluster_has_room_for_its_gang(name: str) -> None:
    shape = ClusterShape.parse(name)
    jobs = made_up_jobs(Arrivals.BURST, 3)
    moved = rehomed(jobs, shape)
    for task in make_tasks(moved.jobs, shape, builtin_step_times()):
        assert all(map(int.__ge__, shape.counts, gang_plan(task.demand, task.preferred).gpus))
    for before, after in zip(jobs.jobs, moved.jobs, strict=True):
        assert replace(after, preferred_gpu=before.preferred_gpu) == before
    if name == next(iter(MIXES)):
        assert moved == jobs


def plane_row(policy: str, jct: float, energy: float, eta: float | None = None) -> PlaneRow:
    return PlaneRow(
        "poisson", policy, eta, 30, jct, 0.01, energy, 0.01, 1.0, 1.0, pareto_optimal=False
    )  # fmt: skip


def test_who_is_better_in_both() -> None:
    own = plane_row("energy-elastic", 1.0, 0.8)
    tied, better, dearer = plane_row("a", 1.0, 0.8), plane_row("b", 0.9, 0.8), plane_row("c", 0.5, 0.81)
    slower_self = plane_row("energy-elastic", 0.9, 0.7, 0.9)
    assert beaten_by(own, [own, tied, better, dearer, slower_self]) == ["b"]


@pytest.mark.parametrize(
    ("jct", "energy", "verdict"),
    [
        (1.05, 0.85, Verdict.HELD),
        (1.051, 0.80, Verdict.FAILED),
        (0.9, 0.851, Verdict.FAILED),
    ],
)
def test_the_target_is_judged_on_means(jct: float, energy: float, verdict: Verdict) -> None:
    rows = [plane_row("easyscale-heter", 1.0, 1.0), plane_row("energy-elastic", jct, energy)]
    target, front = plane_findings(rows, range(30))
    assert target.verdict is verdict
    assert "(± 0.01)" in target.found
    assert front.verdict is Verdict.HELD
    rows.append(plane_row("srtf", jct - 0.01, energy - 0.01))
    assert plane_findings(rows, range(30))[1].verdict is Verdict.FAILED
    assert plane_findings(rows, [3])[0].verdict is Verdict.NOT_JUDGED


def test_a_second_above_the_cap_is_one_too_many() -> None:
    row = CapRow(SWEEP, "8 kW", "energy-elastic", 8e3, None, None, None, 2, 1.6, 0.1, 0.8, 0.01, 0.0, 0.0)
    assert cap_findings([row], 0.0, 3, SEEDS)[0].verdict is Verdict.HELD
    assert cap_findings([row], 1e-3, 3, SEEDS)[0].verdict is Verdict.FAILED


def test_facts_come_from_the_folder_or_are_made_up(tmp_path: Path) -> None:
    alone = cluster_facts(Setting(BuiltinSource()))
    assert not alone.has_trace
    assert "synthetic" in alone.unjudged
    assert alone.source.provenance is Provenance.MODEL
    given = cluster_facts(setting_in(tmp_path))
    assert [job.name for job in given.workload.jobs] == ["bert-0", "electra-1", "resnet50-2", "bert-3"]
    assert "not those of the published" in given.unjudged
    assert set(given.source.files) == set(PUBLISHED)
    (folder_of_facts(tmp_path) / "step_times.json").unlink()
    source = DirectorySource(tmp_path)
    assert step_times(Setting(source)).source.provenance is Provenance.MODEL


def test_the_published_facts_are_known_by_their_bytes(easyscale: Path) -> None:
    facts = cluster_facts(Setting(DirectorySource(easyscale)))
    assert facts.unjudged == ""
    assert math.isclose(facts.workload.jobs[0].submit_s, 115.0)
