"""What a script says and what its launcher says must not contradict each other."""

from dataclasses import replace
from pathlib import Path

import pytest

from elastance.elastic.launching.assignment import Assignment, Wishes
from elastance.errors import InputError

ASSIGNMENT = Assignment("job", "/run", 4, "2x2", "D1", "/saved", True, 10)


def test_it_travels_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Assignment.given() is None
    for name, value in ASSIGNMENT.environment().items():
        monkeypatch.setenv(name, value)
    assert Assignment.given() == ASSIGNMENT


def test_what_the_script_leaves_out_the_launcher_says() -> None:
    assert ASSIGNMENT.settle(Wishes(None)) == Wishes(4, "D1", "2x2", "/saved", 10)


def test_what_the_launcher_leaves_out_the_script_says(tmp_path: Path) -> None:
    silent = replace(ASSIGNMENT, level=None, checkpoints_named=False, checkpoint_every=None)
    settled = silent.settle(Wishes(4, "D2", None, tmp_path, 7))
    assert settled == Wishes(4, "D2", "2x2", tmp_path, 7)


def test_how_often_to_save_is_the_launchers_say() -> None:
    settled = ASSIGNMENT.settle(Wishes(4, "D1", "2x2", "/saved/../saved", 7))
    assert settled == Wishes(4, "D1", "2x2", "/saved/../saved", 10)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (Wishes(8), "workers=8, the launcher --workers 4"),
        (Wishes(4, "D2"), "level=D2, the launcher --level D1"),
        (Wishes(4, placement="4x1"), "placement '4x1', the launcher '2x2'"),
        (Wishes(4, checkpoints="/other"), "in '/other', the launcher was told --checkpoints /saved"),
    ],
)
def test_contradictions_are_refused(wishes: Wishes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ASSIGNMENT.settle(wishes)
