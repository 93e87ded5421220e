import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError, UnknownNameError
from elastance.runs import Provenance
from elastance.traces import read_groups
from elastance.traces.schema import SYNTHETIC_PREFIX
from elastance.traces.synthesize_groups import GroupParameters, draw_groups, synthesize_groups


@given(
    st.integers(1, 30),
    st.tuples(st.integers(1, 20), st.integers(0, 20)),
    st.floats(0.001, 1e7),
    st.floats(0.001, 1e7),
    st.floats(0, 3),
    st.integers(0, 2**32),
)
def test_whatever_the_parameters_the_groups_are_sound(groups, rows, gap_s, median_s, sigma, seed) -> None:
    fewest, most = rows[0], sum(rows)
    table = draw_groups(GroupParameters(groups, (fewest, most), (gap_s,), median_s, sigma), seed)
    assert len(set(table.names)) == groups
    assert all(name.startswith(SYNTHETIC_PREFIX) for name in table.names)
    assert table.names == sorted(table.names)
    assert (table.counts >= fewest).all()
    assert (table.counts <= most).all()
    assert len(table) == table.counts.sum()
    for number in range(groups):
        starts = table.start_ms[table.group_of_row == number]
        assert starts[0] >= 0
        assert (np.diff(starts) >= 0).all()
    assert (table.runtime_ms >= 1).all()
    ratios = table.runtime_ratio
    for dataset in set(table.datasets):
        of_row = np.array([table.datasets[group] == dataset for group in table.group_of_row])
        assert ratios[of_row].mean() == pytest.approx(1.0)


def test_gap_median_and_sigma_are_those_asked_for() -> None:
    table = draw_groups(GroupParameters(40, (500, 500), (30.0, 3000.0), 300.0, 0.8), seed=3)
    log_runtime = np.log(table.runtime_ms / 1000)
    assert np.exp(np.median(log_runtime)) == pytest.approx(300, rel=0.03)
    assert log_runtime.std() == pytest.approx(0.8, rel=0.03)
    gaps_s = np.array(
        [np.diff(table.start_ms[table.group_of_row == number]).mean() / 1000 for number in range(40)]
    )
    short, long = gaps_s[gaps_s < 300], gaps_s[gaps_s > 300]
    assert len(short) > 5
    assert len(long) > 5
    assert short.mean() == pytest.approx(30, rel=0.05)
    assert long.mean() == pytest.approx(3000, rel=0.05)


@pytest.mark.parametrize(("gap_s", "overlap"), [(50, 1.0), (400, 0.64), (2000, 0.19)])
def test_overlap_follows_from_the_gap(gap_s: float, overlap: float) -> None:
    """An infinite-server queue: of Poisson arrivals 1 - exp(-mean run time / mean gap) find it busy."""
    table = draw_groups(GroupParameters(20, (1000, 1000), (gap_s,)), seed=1)
    assert table.overlapping.mean() == pytest.approx(overlap, abs=0.02)


def test_workloads_are_dealt_out_in_turn() -> None:
    table = draw_groups(GroupParameters(7, (1, 3), workloads=("squad", "squad", "imagenet")), seed=0)
    assert table.datasets == ["squad", "squad", "imagenet"] * 2 + ["squad"]


def test_same_seed_same_bytes_and_always_labelled(tmp_path: Path) -> None:
    parameters = GroupParameters(5, (2, 9))
    one, same, other = (
        synthesize_groups(tmp_path / f"{name}.csv.xz", parameters, seed=seed)
        for name, seed in (("one", 7), ("same", 7), ("other", 8))
    )
    assert one.path.read_bytes() == same.path.read_bytes()
    assert one.sha256 != other.sha256
    manifest = json.loads(one.manifest.read_text())
    assert manifest["synthetic"] is True
    assert manifest["seed"] == 7
    assert manifest["parameters"]["rows"] == [2, 9]
    assert (manifest["groups"], manifest["rows"]) == (5, len(one.table))
    renamed = one.path.rename(tmp_path / "alibaba_groups.csv.xz")
    assert read_groups(renamed).provenance is Provenance.MODEL


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"groups": 0}, "0 groups"),
        ({"rows": (5, 4)}, "rows 5:4"),
        ({"rows": (0, 4)}, "rows 0:4"),
        ({"groups": 10**9}, "more than 20,000,000 rows"),
        ({"mean_gaps_s": (50.0, 0.0)}, "mean gap 0 s"),
        ({"mean_gaps_s": ()}, "at least one mean gap"),
        ({"runtime_median_s": float("nan")}, "median run time nan s"),
        ({"runtime_sigma": -0.1}, "sigma -0.1"),
        ({"runtime_sigma": float("inf")}, "sigma inf"),
    ],
)
def test_parameters_out_of_range(changed: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GroupParameters(**changed)  # type: ignore[arg-type]


def test_an_unknown_workload_and_a_negative_seed() -> None:
    with pytest.raises(UnknownNameError, match="did you mean squad"):
        GroupParameters(workloads=("squat",))
    with pytest.raises(InputError, match="seed -1 is negative"):
        draw_groups(GroupParameters(), -1)
