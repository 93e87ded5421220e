import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastance.errors import InputError, TraceError, UnknownNameError
from elastance.runs import Provenance
from elastance.simulate import Totals, simulate_groups
from elastance.simulate.group_runs import group_seed
from elastance.traces import Group, GroupTrace, Submission


def trace_of(*groups: Group) -> GroupTrace:
    return GroupTrace(Path("made-up.csv"), "0" * 64, Provenance.MODEL, groups)


def busy(name: str, dataset: str, count: int, gap_s: float = 10.0, run_s: float = 25.0) -> Group:
    return Group(
        name, dataset, tuple(Submission(gap_s * i, gap_s * i + run_s, 0.5 + i % 3) for i in range(count))
    )


TWO = trace_of(busy("synthetic-1", "cifar100", 30), busy("synthetic-2", "squad", 20, gap_s=40.0))


@pytest.mark.parametrize("compat", [False, True])
def test_totals_are_the_sums_of_the_history(compat: bool) -> None:
    found = simulate_groups(TWO, policies=["zeus"], compat=compat)
    zeus = found["zeus"]
    history = found.history()
    assert set(history) == {"synthetic-1", "synthetic-2"}
    for column, quantity in ((2, "energy_j"), (3, "time_s")):
        by_hand = math.fsum(row[column] for rows in history.values() for row in rows)
        assert zeus.spread(quantity).mean == pytest.approx(by_hand, rel=1e-14)
    assert zeus.totals()[0].runs == sum(map(len, history.values()))
    total = found.to_json()["policies"][0]
    parts = math.fsum(of["energy_j"]["mean"] for of in total["workloads"])
    assert total["total"]["energy_j"]["mean"] == pytest.approx(parts, rel=1e-14)


@given(
    rows=st.lists(st.tuples(st.floats(0, 60), st.floats(0, 300), st.floats(0.1, 5)), min_size=1, max_size=25),
    dataset=st.sampled_from(["cifar100", "movielens-1m"]),
    policy=st.sampled_from(["zeus", "grid", "grid-early-stop", "default", "oracle"]),
)
@settings(max_examples=40)
def test_joules_are_conserved(rows: list[tuple[float, float, float]], dataset: str, policy: str) -> None:
    """Sum over the runs = sum over workloads = the end of the cumulative curve."""
    starts = np.cumsum([gap for gap, _, _ in rows]).tolist()
    submissions = tuple(
        Submission(start, start + run_s, ratio) for start, (_, run_s, ratio) in zip(starts, rows, strict=True)
    )
    found = simulate_groups(trace_of(Group("synthetic-g", dataset, submissions)), policies=[policy])
    result = found[policy]
    totals = result.totals()[0]
    assert totals.energy_j == math.fsum(row[2] for row in found.history()["synthetic-g"])
    assert totals == result.totals(dataset)[0]
    reached = sum(row[4] for row in found.history()["synthetic-g"])
    assert reached + totals.given_up == len(rows)
    ratio = found.relative(result, found.default, "energy_j").mean
    curve = found.cumulative(result, "energy_j", dataset)
    assert len(curve) == len(rows)
    assert curve[-1] == pytest.approx(ratio, rel=1e-9)


def test_default_takes_its_expectation_times_the_runtime_ratio() -> None:
    found = simulate_groups(TWO, policies=["default"])
    for group in TWO.groups:
        expected = found.tasks[group.dataset].default
        ratios = math.fsum(submission.runtime_ratio for submission in group.submissions)
        totals = found["default"].totals(group.dataset)[0]
        assert totals.energy_j == pytest.approx(ratios * expected.energy_j)
        assert totals.time_s == pytest.approx(ratios * expected.time_s)
        assert totals.overlapping == (len(group.submissions) - 1 if group.dataset == "cifar100" else 0)
    assert found.relative(found["default"], found.default, "energy_j").mean == 1.0


def test_overlap_is_counted_alike_for_policies_and_baselines() -> None:
    uneven = Group(
        "synthetic-u",
        "squad",
        (Submission(0, 100), Submission(10, 20), Submission(50, 60), Submission(100, 110)),
    )
    found = simulate_groups(trace_of(uneven), policies=["zeus", "default"])
    # A retry can only add overlap; the trace itself has two.
    assert found["default"].totals()[0].overlapping == 2
    assert found["zeus"].totals()[0].overlapping >= 2


@pytest.mark.parametrize("compat", [False, True])
def test_the_number_of_workers_changes_nothing(compat: bool) -> None:
    alone, together = (
        simulate_groups(TWO, policies=["zeus", "grid"], seeds=[0, 3], jobs=jobs, compat=compat)
        for jobs in (1, 3)
    )
    assert json.dumps(alone.to_json()) == json.dumps(together.to_json())
    assert alone.history() == together.history()


def test_repetitions_differ_and_groups_do_not_depend_on_each_other() -> None:
    both = simulate_groups(TWO, policies=["zeus"], seeds=[0, 1])
    first, second = both["zeus"].runs
    assert first[0].rows() != second[0].rows()
    alone = simulate_groups(trace_of(TWO.groups[1]), policies=["zeus"], seeds=[1])
    assert alone["zeus"].runs[0][0].rows() == second[1].rows()


def test_repetition_0_has_the_published_seed() -> None:
    assert group_seed("group-1-000", 0) < 2**32
    assert len({group_seed(name, seed) for name in ("a", "b") for seed in range(5)}) == 10


def test_progress_counts_submissions() -> None:
    seen: list[tuple[int, int]] = []
    simulate_groups(TWO, policies=["zeus", "default"], on_progress=lambda *of: seen.append(of))
    assert seen[-1] == (100, 100)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"eta": 1.5}, "eta"),
        ({"beta": 1.0}, "beta"),
        ({"jobs": 0}, "at least one process"),
        ({"policies": []}, "no policy"),
        ({"policies": ["zeus", "zeus"]}, "named twice"),
        ({"seeds": []}, "no seed"),
        ({"seeds": [-1]}, "seed -1"),
        ({"window_size": 1}, "window size 1"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate_groups(TWO, **given)  # type: ignore[arg-type]


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="h100"):
        simulate_groups(TWO, "h100")
    with pytest.raises(TraceError, match="no such file"):
        simulate_groups(tmp_path / "none.csv")


def test_totals_add_up_in_any_order() -> None:
    parts = [Totals(1, 2, 0, 3, 0, 10.0**k, 0.1, 1e-9) for k in range(-8, 16)]
    assert Totals.of(parts) == Totals.of(parts[::-1])
    assert Totals.of(parts).groups == len(parts)


def test_the_recorded_groups_through_the_front_door(reference: Path, public_traces: Path) -> None:
    found = simulate_groups(reference / "groups.csv", policies=["zeus"], compat=True, traces=public_traces)
    recorded = json.loads((reference / "groups.json").read_text())["groups"]
    assert found.history() == {of["group"]: of["history"] for of in recorded}
    expected = {
        "cifar100": (0.582, 0.863),
        "imagenet": (0.891, 1.183),
        "squad": (0.856, 1.055),
        "librispeech": (0.941, 0.998),
        "movielens-1m": (0.809, 0.822),
        "sentiment140": (0.818, 1.133),
    }
    for dataset, (energy, time) in expected.items():
        assert found.relative(found["zeus"], found.default, "energy_j", dataset).mean == pytest.approx(
            energy, abs=0.0005
        )
        assert found.relative(found["zeus"], found.default, "time_s", dataset).mean == pytest.approx(
            time, abs=0.0005
        )
