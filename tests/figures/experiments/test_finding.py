import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.figures.experiments.finding import (
    Check,
    Finding,
    Verdict,
    at_least,
    at_most,
    in_digits,
    near,
    reported,
)


def finding(*checks: Check, unjudged: str = "") -> Finding:
    return Finding("a claim within 0.1", checks, "%", "default: as ever", "1 to 3", unjudged)


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0.01, 10))
def test_near_is_a_distance(found: float, expected: float, tolerance: float) -> None:
    check = near("x", found, expected, tolerance)
    if abs(abs(found - expected) - tolerance) > 1e-6:
        assert check.held == (abs(found - expected) < tolerance)
        assert check.held == (check.strain < 1.0)


def test_rounding_to_the_last_digit_is_within_half_of_it() -> None:
    assert near("x", 31.45, 31.4, 0.05).held
    assert not near("x", 31.46, 31.4, 0.05).held


def test_a_number_that_is_missing_fails() -> None:
    missing = near("x", math.nan, 1.0, 100.0)
    assert not missing.held
    assert missing.strain == math.inf
    assert finding(near("y", 1, 1, 0), missing).verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("check", "held", "said"),
    [
        (at_least("x", 2.0, 1.5), True, "x: 2, wanted at least 1.5"),
        (at_least("x", 1.0, 1.5), False, "x: 1, wanted at least 1.5"),
        (at_most("x", 1.0, 1.5), True, "x: 1, wanted at most 1.5"),
        (at_most("x", 2.0, 1.5), False, "x: 2, wanted at most 1.5"),
        (near("x", 7, 7, 0), True, "x: 7, expected 7 exactly"),
        (near("x", 8, 7, 0), False, "x: 8, expected 7 exactly"),
        (near("x", 0.5551, 0.555, 0.01), True, "x: 0.555, expected 0.555 ± 0.01"),
        (reported("x", 1641.2), True, "x: 1641"),
    ],
)
def test_a_check_says_what_was_wanted(check: Check, held: bool, said: str) -> None:
    assert check.held == held
    assert str(check) == said


def test_the_line_has_claim_value_tolerance_verdict_baseline_and_seeds() -> None:
    line = str(finding(near("x", 1.04, 1.0, 0.1)))
    for part in ("held: ", "a claim within 0.1", "x: 1.04", "± 0.1 %", "default: as ever", "seeds: 1 to 3"):
        assert part in line
    assert str(finding(near("x", 1.2, 1.0, 0.1))).startswith("did not hold: ")
    unjudged = finding(near("x", 1.2, 1.0, 0.1), unjudged="the facts are a model")
    assert unjudged.verdict is Verdict.NOT_JUDGED
    assert str(unjudged).startswith("not judged (the facts are a model): ")


def test_of_many_numbers_the_farthest_is_named() -> None:
    found = finding(near("a", 1.01, 1, 0.1), near("b", 1.3, 1, 0.1), near("c", 0.95, 1, 0.1)).found
    assert found == "2 of 3 numbers; the farthest, b: 1.3, expected 1 ± 0.1 %"
    assert finding(near("a", 1, 1, 0), near("b", 2, 2, 0)).found == "2 of 2 numbers"
    many = (at_least("a", 1, 0), at_least("b", -1, 0), at_least("c", 1, 0), at_least("d", 2, 0))
    assert finding(*many).found.startswith("3 of 4 numbers; the farthest, b")
    assert finding(*many[:2]).found == "a: 1, wanted at least 0, b: -1, wanted at least 0 %"
    assert finding(reported("a", 1.5), reported("b", 2.5)).found == "a: 1.5, b: 2.5 %"


def test_as_json_it_is_plain_and_without_infinities() -> None:
    document = finding(at_least("x", 2.0, 1.5), near("y", 1, 1, 0.5)).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["verdict"] == "held"
    assert document["checks"][0]["high"] is None
    assert document["checks"][1]["expected"] == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.12345, "0.123"),
        (12.345, "12.35"),
        (123.45, "123.5"),
        (59344.2, "59344"),
        (-0.0001, "0"),
        (100, "100"),
    ],
)
def test_digits(value: float, said: str) -> None:
    assert in_digits(value) == said
