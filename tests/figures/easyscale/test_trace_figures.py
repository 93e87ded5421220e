"""EasyScale's trace figures on a few jobs and, where they are, on the published facts."""

import csv
from functools import cache
from pathlib import Path

import pytest

from elastance.figures.easyscale import trace_allocation, trace_jct_makespan
from elastance.figures.easyscale.replayed import INTERVALS_S, order_checks, recorded_checks
from elastance.figures.easyscale.trace_allocation import AllocationRow, window_mean
from elastance.figures.experiments.canvas import draw_experiment
from elastance.figures.experiments.expected import expected_rows
from elastance.figures.experiments.experiment import Experiment, Result
from elastance.figures.experiments.finding import Verdict
from elastance.figures.experiments.setting import Setting
from elastance.simulate.cluster import PUBLISHED_POLICIES
from elastance.traces import BuiltinSource, DirectorySource
from made_up_figures import setting_in
from pictures import overlaps, texts

EXPERIMENTS = (trace_jct_makespan.EXPERIMENT, trace_allocation.EXPERIMENT)
every = pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda of: of.name)


def result_of(experiment: Experiment, setting: Setting) -> Result:
    assert experiment.compute is not None
    return experiment.compute(setting)


@cache
def on_synthetic_jobs(experiment: Experiment) -> Result:
    return result_of(experiment, Setting(BuiltinSource(), (0, 1)))


@every
def test_other_jobs_are_drawn_and_not_judged(experiment: Experiment, tmp_path: Path) -> None:
    result = result_of(experiment, setting_in(tmp_path))
    assert {finding.verdict for finding in result.findings} == {Verdict.NOT_JUDGED}
    assert any("not those of the published" in finding.unjudged for finding in result.findings)
    draw_experiment(experiment, result)


@pytest.mark.slow
@every
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_text_stands_on_another_or_leaves_the_figure(experiment: Experiment, theme: str) -> None:
    result = on_synthetic_jobs(experiment)
    assert {finding.verdict for finding in result.findings} == {Verdict.NOT_JUDGED}
    figure = draw_experiment(experiment, result, theme=theme)
    shown = texts(figure)
    assert list(overlaps(shown)) == []
    for name, box, _ in shown:
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name
        assert box.y0 >= 0, name
        assert box.y1 <= figure.bbox.height, name


def test_the_tables_are_what_was_recorded(reference: Path) -> None:
    names = {"fifo": "yarn-cs", "easyscale_homo": "easyscale-homo", "easyscale": "easyscale-heter"}
    with (reference / "cluster_easyscale.csv").open(encoding="utf-8") as file:
        recorded = {
            (row["interval_s"], names[row["policy"]]): row
            for row in csv.DictReader(file)
            if row["group"] == "sensitivity" and row["variant"] in {"V0", "V0i10", "V0i20", "V0i30", "V0i120"}
            and row["policy"] in names
        }  # fmt: skip
    table = expected_rows("elastance.figures.easyscale", "trace_replay")
    assert len(table) == len(recorded) == len(INTERVALS_S) * len(PUBLISHED_POLICIES)
    for row in table:
        of = recorded[row["interval_s"], row["policy"]]
        found = (of["avg_jct_s"], of["makespan_s"], of["mean_alloc_gpus"])
        assert (row["jct_s"], row["makespan_s"], row["mean_gpus"]) == found


def test_the_windows_are_those_of_the_published_curve(easyscale: Path) -> None:
    lines = [line.split() for line in (easyscale / "trace_alloc.csv").read_text().splitlines()[1:]]
    curve = [tuple(map(int, line)) for line in lines]
    for row in expected_rows("elastance.figures.easyscale", "trace_allocation"):
        within = [of for of in curve if int(row["start_s"]) <= of[0] < int(row["end_s"])]
        for place, policy in ((1, "easyscale-homo"), (2, "easyscale-heter")):
            assert float(row[policy]) == pytest.approx(
                sum(of[place] for of in within) / len(within), abs=0.006
            )


@pytest.mark.slow
def test_on_the_published_facts_the_replay_is_held(easyscale: Path) -> None:
    setting = Setting(DirectorySource(easyscale), (0, 1, 2))
    recorded, order, gain, faster, _ = result_of(trace_jct_makespan.EXPERIMENT, setting).findings
    assert [recorded.verdict, order.verdict, faster.verdict] == [Verdict.HELD] * 3
    assert len(recorded.checks) == 9
    assert gain.verdict is not Verdict.NOT_JUDGED
    during_load = result_of(trace_allocation.EXPERIMENT, setting).findings[:3]
    assert [finding.verdict for finding in during_load] == [Verdict.HELD] * 3


class Faked:
    """What a replay amounts to."""

    def __init__(self, jct_s: float, makespan_s: float, gpus: float) -> None:
        self.measures = self
        self.jct_s, self.makespan_s, self.mean_allocated_gpus = {"mean": jct_s}, makespan_s, gpus


def faked_replays() -> dict[int, dict[str, Faked]]:
    """Replays that came out exactly as recorded."""
    replays: dict[int, dict[str, Faked]] = {interval_s: {} for interval_s in INTERVALS_S}
    for row in expected_rows("elastance.figures.easyscale", "trace_replay"):
        numbers = (float(row[name]) for name in ("jct_s", "makespan_s", "mean_gpus"))
        replays[int(row["interval_s"])][row["policy"]] = Faked(*numbers)
    return replays


def test_a_swapped_makespan_is_noticed() -> None:
    replays = faked_replays()
    assert [check.found for check in order_checks(replays)] == [0, 0]
    replays[10]["easyscale-heter"].makespan_s = 5210.0  # above homo's at 10 s, and heter's at 20, 30 s
    assert [check.found for check in order_checks(replays)] == [1, 2]


def test_a_number_beyond_its_tolerance_is_noticed() -> None:
    outcomes = faked_replays()[60]
    assert all(check.held for check in recorded_checks(outcomes))
    outcomes["yarn-cs"].makespan_s *= 1.029
    assert all(check.held for check in recorded_checks(outcomes))
    outcomes["yarn-cs"].makespan_s *= 1.002
    outcomes["easyscale-homo"].jct_s["mean"] *= 0.89
    assert sum(not check.held for check in recorded_checks(outcomes)) == 2


def test_a_window_counts_what_lies_in_it() -> None:
    rows = [
        AllocationRow("replayed", "easyscale-homo", 0.0, 60.0, 10.0, 8.0, 1e3),
        AllocationRow("replayed", "easyscale-homo", 60.0, 100.0, 20.0, 8.0, 1e3),
    ]
    assert window_mean(rows, 30.0, 80.0) == pytest.approx((30 * 10 + 20 * 20) / 50)
    assert window_mean(rows, 80.0, 120.0) == pytest.approx(10.0)
