"""Which limit is best, and by what bug it once was not."""

from pathlib import Path

import pytest

from elastance.catalog import find_workload
from elastance.cost import EtaCost
from elastance.errors import InputError
from elastance.traces import find_source
from elastance.train import LeastEnergy, LeastEtaCost, LeastTime, LimitProfile, LimitWindow, MaxSlowdown

# Section 9 of the specification: right choice, choice by the bug, extra energy by the bug in percent.
UNIT_BUG = {
    ("v100", "cifar100"): (175, 250, 26.1),
    ("v100", "imagenet"): (175, 250, 20.8),
    ("v100", "squad"): (200, 250, 12.3),
    ("v100", "librispeech"): (225, 250, 4.5),
    ("v100", "movielens-1m"): (225, 225, 0.0),
    ("v100", "sentiment140"): (225, 250, 5.9),
    ("a40", "cifar100"): (175, 300, 26.5),
    ("a40", "imagenet"): (225, 300, 17.9),
    ("a40", "squad"): (225, 300, 19.5),
    ("a40", "librispeech"): (250, 275, 1.9),
    ("a40", "movielens-1m"): (275, 200, 1.7),
    ("a40", "sentiment140"): (200, 300, 25.9),
}

PROFILE = LimitProfile(
    (
        LimitWindow(250, 200, 1.0),
        LimitWindow(200, 180, 1.0),
        LimitWindow(150, 180, 1.3),
        LimitWindow(100, 190, 2.0),
    ),
    250.0,
    40,
)


def profile_of(source, gpu: str, name: str) -> LimitProfile:
    workload = find_workload(name)
    power = source.power(gpu)
    identity = (workload.dataset, workload.network, workload.optimizer)
    of_job = [
        row
        for row in range(len(power.batch_size))
        if (power.dataset[row], power.network[row], power.optimizer[row]) == identity
    ]
    size = max(power.batch_size[row] for row in of_job if power.batch_size[row] <= workload.batch_size)
    rows = sorted(
        (
            (power.power_limit[row], power.average_power[row], power.time_per_epoch[row])
            for row in of_job
            if power.batch_size[row] == size
        ),
        reverse=True,
    )
    windows = tuple(LimitWindow(limit, watts * time_s, time_s) for limit, watts, time_s in rows)
    return LimitProfile(windows, float(rows[0][0]), 1)


@pytest.mark.parametrize(("gpu", "name"), UNIT_BUG)
def test_watts_are_not_added_to_milliwatts(gpu: str, name: str, public_traces: Path) -> None:
    profile = profile_of(find_source(public_traces), gpu, name)
    right, wrong, extra = UNIT_BUG[gpu, name]
    assert LeastEtaCost(0.5).choose(profile) == right
    bug = EtaCost(0.5, profile.max_power_w * 1000.0)  # the maximum in mW, the mean power in W
    by_bug = min(profile.windows, key=lambda at: bug.of_run(at.energy_j, at.time_s))
    assert by_bug.power_limit_w == wrong
    assert 100 * (by_bug.energy_j / profile.at(right).energy_j - 1) == pytest.approx(extra, abs=0.05)


def test_watts_are_not_added_to_milliwatts_on_the_built_in_models() -> None:
    """The bug would choose the fastest limit."""
    profile = profile_of(find_source(), "v100", "cifar100")
    assert LeastEtaCost(0.5).choose(profile) < LeastTime().choose(profile)


def test_ties_go_to_the_higher_limit() -> None:
    assert LeastEnergy().choose(PROFILE) == 200
    assert LeastTime().choose(PROFILE) == 250
    assert LeastEtaCost(1.0).choose(PROFILE) == 200
    assert LeastEtaCost(0.0).choose(PROFILE) == 250


def test_time_is_weighed_by_the_power_of_all_gpus() -> None:
    windows = (LimitWindow(250, 1000, 1.0), LimitWindow(100, 600, 1.6))
    assert LeastEtaCost(0.5).choose(LimitProfile(windows, 250, 40)) == 100
    assert LeastEtaCost(0.5).choose(LimitProfile(windows, 1000, 40)) == 250


def test_slowdown_is_counted_from_the_highest_limit() -> None:
    assert [MaxSlowdown(factor).choose(PROFILE) for factor in (1.0, 1.29, 1.3, 2.0)] == [200, 200, 150, 100]


@pytest.mark.parametrize("factor", [0.99, float("nan"), float("inf")])
def test_a_slowdown_below_one_is_refused(factor: float) -> None:
    with pytest.raises(InputError, match="at least 1"):
        MaxSlowdown(factor)


def test_eta_is_checked_at_once() -> None:
    with pytest.raises(InputError, match="eta knob"):
        LeastEtaCost(1.5)
