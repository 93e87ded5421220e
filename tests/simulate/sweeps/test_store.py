import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from elastance.errors import InputError
from elastance.simulate.sweeps.cells import Cell, Row
from elastance.simulate.sweeps.store import JOURNAL, PLAN, opened_store

PLAN_A = {"kind": "recurring", "seeds": [1, 2], "facts": {"v100": {"sha256": "a"}}, "facts_kind": "directory"}


@dataclass(frozen=True)
class Part:
    cell: Cell
    seeds: tuple[int, ...]

    def run(self) -> list[Row]:
        return [(seed, 0.1 * seed, None, float("inf"), "ü\n") for seed in self.seeds]


PARTS = [Part(Cell("squad", "v100", 0.5, beta, "zeus"), (1, 2)) for beta in (1.1, 2.0, float("inf"))]


def fill(directory: Path, parts=PARTS) -> None:
    with opened_store(directory, PLAN_A, restart=False) as store:
        for part in parts:
            store.add(part, part.run())


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    fill(tmp_path / "new", PARTS[:2])
    fill(tmp_path / "new", PARTS[2:])
    with opened_store(tmp_path / "new", PLAN_A, restart=False) as store:
        assert all(part in store and store.rows(part) == part.run() for part in PARTS)
        assert Part(PARTS[0].cell, (1,)) not in store
    assert len((tmp_path / "new" / JOURNAL).read_bytes().splitlines()) == 3


def test_without_a_directory_nothing_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened_store(None, PLAN_A, restart=False) as store:
        store.add(PARTS[0], PARTS[0].run())
        assert store.rows(PARTS[0]) == PARTS[0].run()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_in_the_middle_of_a_line_loses_that_part_alone(tmp_path: Path) -> None:
    """Wherever the last line was cut off, the lines before it are kept, and the part is done again."""
    fill(tmp_path)
    journal = tmp_path / JOURNAL
    content = journal.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(content)):
        journal.write_bytes(content[:end])
        with opened_store(tmp_path, PLAN_A, restart=False) as store:
            assert [part in store for part in PARTS] == [True, True, False], end
            store.add(PARTS[2], PARTS[2].run())
        assert journal.read_bytes() == content


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "groups"}, 'kind was "recurring", is now "groups"'),
        ({"seeds": [1, 2, 3]}, r"seeds was \[1, 2\], is now \[1, 2, 3\]"),
        ({"facts": {"v100": {"sha256": "b"}}}, 'facts v100 sha256 was "a", is now "b"'),
        ({"facts": {"a40": {"sha256": "a"}}}, "facts a40 was null"),
        ({"window_size": 5}, "window_size was null, is now 5"),
        ({"seeds": list(range(1000))}, r"is now \[0, 1, 2.*\.\.\..*999\];"),
    ],
)
def test_another_sweep_is_refused_in_one_line(tmp_path: Path, changed, message) -> None:
    fill(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with (
        pytest.raises(InputError, match=message) as refused,
        opened_store(tmp_path, PLAN_A | changed, restart=False),
    ):
        pass
    assert "\n" not in str(refused.value)
    assert "--restart" in str(refused.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_same_facts_may_be_found_in_another_way(tmp_path: Path) -> None:
    fill(tmp_path)
    with opened_store(tmp_path, PLAN_A | {"facts_kind": "environment"}, restart=False) as store:
        assert PARTS[0] in store
        assert store.plan == PLAN_A, "the table says the same whoever finishes it"


def test_restart_drops_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path)
    other = PLAN_A | {"seeds": [9]}
    with opened_store(tmp_path, other, restart=True) as store:
        assert PARTS[0] not in store
    assert json.loads((tmp_path / PLAN).read_text()) == other
    assert (tmp_path / JOURNAL).read_bytes() == b""


def test_two_sweeps_never_work_in_one_directory(tmp_path: Path) -> None:
    with (
        opened_store(tmp_path, PLAN_A, restart=False),
        pytest.raises(InputError, match="another sweep is at work here"),
        opened_store(tmp_path, PLAN_A, restart=True),
    ):
        pass
    fill(tmp_path)


@pytest.mark.parametrize("line", [b"{}\n", b"nonsense\n", b"\0\0\n", b'{"part": [1], "rows": 3}\n', b"3\n"])
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    fill(tmp_path)
    journal = tmp_path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + line + lines[2])
    with (
        pytest.raises(InputError, match="parts.jsonl, line 2: damaged"),
        opened_store(tmp_path, PLAN_A, restart=False),
    ):
        pass
    journal.write_bytes(lines[0] + lines[2])
    with opened_store(tmp_path, PLAN_A, restart=False) as store:
        assert [part in store for part in PARTS] == [True, False, True]


def test_directories_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "plan").mkdir()
    (tmp_path / "plan" / PLAN).write_text("{")
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / JOURNAL).write_text("{}\n")
    for name, message in (
        ("file", "is a file"),
        ("missing/new", "there is no directory"),
        ("plan", "not a sweep's plan"),
        ("journal", "holds parts.jsonl but no sweep.json"),
    ):
        with pytest.raises(InputError, match=message), opened_store(tmp_path / name, PLAN_A, restart=False):
            pass
