from pathlib import Path
from unittest import mock

import pytest

from elastance.elastic import checkpoint_file
from elastance.elastic.checkpoints import Checkpoints
from elastance.errors import CheckpointError, InputError

JOB = {"seed": 1, "level": "D1", "model": {"weight": "float32 [3]"}}


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_newest_replaces_the_others(tmp_path: Path):
    kept = Checkpoints(tmp_path, JOB)
    assert kept.newest() is None
    kept.write(9, {"step": 9})
    kept.write(10, {"step": 10})
    assert names(tmp_path) == ["step-0000000010.checkpoint"]
    newest = kept.newest()
    assert newest is not None
    assert kept.read(newest) == {"step": 10}


def test_the_earlier_is_kept_until_the_new_one_was_read_back(tmp_path: Path):
    kept = Checkpoints(tmp_path, JOB)
    kept.write(1, {"step": 1})
    damaged = mock.patch.object(checkpoint_file, "read", side_effect=CheckpointError("is damaged", path="x"))
    with damaged, pytest.raises(CheckpointError, match="is damaged"):
        kept.write(2, {"step": 2})
    assert names(tmp_path) == ["step-0000000001.checkpoint"]


def test_the_earlier_is_kept_where_the_new_one_cannot_be_written(tmp_path: Path):
    kept = Checkpoints(tmp_path, JOB)
    kept.write(1, {"step": 1})
    full = mock.patch.object(checkpoint_file.os, "fsync", side_effect=OSError(28, "No space left on device"))
    with full, pytest.raises(InputError, match="No space left"):
        kept.write(2, {"step": 2})
    assert names(tmp_path) == ["step-0000000001.checkpoint"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 2}, "belongs to another job: seed 1, this job has 2"),
        ({"level": "D0"}, "level 'D1', this job has 'D0'"),
        (
            {"model": {"weight": "float32 [4]"}},
            r"its model's weight is float32 \[3\], this model's float32 \[4\]",
        ),
        ({"model": {}}, "its model's weight is .*, this model's missing"),
        ({"threads": 2}, r"intra-op threads .* None, this job has 2"),
    ],
)
def test_checkpoints_of_another_job_are_refused_and_left_alone(tmp_path: Path, changed: dict, named: str):
    path = Checkpoints(tmp_path, JOB).write(1, {"step": 1})
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=named):
        Checkpoints(tmp_path, {**JOB, **changed}).read(path)
    assert path.read_bytes() == before


def test_a_directory_must_be_there(tmp_path: Path):
    with pytest.raises(InputError, match="there is no such directory"):
        Checkpoints(tmp_path / "none", JOB)


def test_a_directory_that_cannot_be_used_is_refused_at_once(tmp_path: Path):
    kept = Checkpoints(tmp_path, JOB).write(1, {"step": 1})
    # Permissions do not bind root, who may run tests.
    refusing = mock.patch("os.access", return_value=False)
    with refusing, pytest.raises(InputError, match="no permission to read and write there"):
        Checkpoints(tmp_path, JOB)
    assert kept.exists()


def test_periodic_ones_are_made_every_so_many_steps(tmp_path: Path):
    assert [step for step in range(1, 10) if Checkpoints(tmp_path, JOB, 4).due(step)] == [4, 8]
    assert not Checkpoints(tmp_path, JOB).due(4)
    with pytest.raises(InputError, match="checkpoint_every=0: expected at least 1"):
        Checkpoints(tmp_path, JOB, 0)
