import math

import numpy as np
import pytest

from elastance.figures.experiments.statistics import (
    deviations,
    lacking_seeds,
    room_for,
    seeds_in_words,
    standard_error,
    within,
)


def test_the_same_seeds_leave_nothing_to_chance() -> None:
    assert room_for([1.0, 2.0, 4.0], (1, 2, 3), range(1, 4), of=1) == 0.0
    assert room_for([1.0, 2.0, 4.0], (2, 3, 4), range(1, 4), of=1) > 0.0


def test_means_of_other_seeds_stay_within_the_room() -> None:
    """Three standard errors: beyond them about once in 370 times."""
    rng = np.random.default_rng(0)
    beyond = sum(
        abs(np.mean(few := rng.normal(size=8)) - np.mean(rng.normal(size=200)))
        > room_for(list(few), range(8), range(1, 201), of=1)
        for _ in range(2000)
    )
    assert beyond <= 15


def test_few_values_and_many_numbers_need_more_room() -> None:
    assert deviations(2) > deviations(5) > deviations(200) > 3.0
    assert deviations(200, of=60) > deviations(200, of=6) > deviations(200)
    assert deviations(200) == pytest.approx(3.0, abs=0.05)
    assert math.isinf(standard_error([1.0]))


def test_the_tolerance_says_what_is_granted_to_chance() -> None:
    assert within("0.1 points", (1, 2), range(1, 3)) == "within 0.1 points"
    assert within("0.1", (5, 6), range(1, 3)) == "within 0.1 and what chance may do to the mean of 2 seeds"


def test_one_seed_cannot_be_judged() -> None:
    assert lacking_seeds([5], range(1, 31))
    assert not lacking_seeds([5, 6], range(1, 31))
    assert not lacking_seeds([1], (1,))


def test_seeds_in_words() -> None:
    assert seeds_in_words(range(1, 201), published=True) == "1 to 200 (published simulator replayed)"
    assert seeds_in_words([1, 2], published=False) == "1, 2 (normal mode)"
    assert seeds_in_words([1, 3, 5], published=False) == "1, 3, 5 (normal mode)"
