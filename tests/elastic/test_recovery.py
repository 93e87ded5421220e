"""Stopped and started anew, on other executors or after a crash, a job goes on with the same bits."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import pytest

from elastance.elastic import checkpoint_file
from elastance.errors import ElastanceError
from made_up_elastic import Job, in_processes, train_elastic
from made_up_grid import SEVERAL_BUCKETS, jobs_of, train_all_elastic

DdpDigests = Callable[[Job], list[str]]

SHORT = Job("image", 4, SEVERAL_BUCKETS, steps=6)
RESIZED = [*jobs_of(4), Job("mixed", 4, SEVERAL_BUCKETS)]
SIZES = [(4, 8), (2, 18), (1, 29), (3, 30), (4, None)]
"""Executors, and the global steps after which they stop; 18 and 30 end epochs."""


def run(executors: int, job: Job, directory: Path, **options: object) -> list[str]:
    """Digests of one run, which all executors agree about."""
    first, *others = in_processes(executors, train_elastic, job, checkpoints=str(directory), **options)
    assert all(other == first for other in others)
    return first


@pytest.fixture(scope="module")
def resized(tmp_path_factory: pytest.TempPathFactory) -> dict[Job, list[str]]:
    """What jobs give that are resized four times; all executors agree about it."""
    directories = [str(tmp_path_factory.mktemp("job")) for _ in RESIZED]
    digests: dict[Job, list[str]] = {job: [] for job in RESIZED}
    for executors, stop_at in SIZES:
        first, *others = in_processes(
            executors, train_all_elastic, RESIZED, directories=directories, stop_at=stop_at
        )
        assert all(other == first for other in others)
        for job, stretch in zip(RESIZED, first, strict=True):
            digests[job] += stretch
            assert stop_at in (None, len(digests[job]))
    return digests


@pytest.mark.slow
@pytest.mark.parametrize("job", RESIZED, ids=str)
def test_resizing_does_not_change_a_bit(job: Job, resized: dict[Job, list[str]], ddp_digests: DdpDigests):
    assert resized[job] == ddp_digests(job)


def test_a_restart_does_not_change_a_bit(tmp_path: Path, ddp_digests: DdpDigests):
    digests = run(1, SHORT, tmp_path, stop_at=2)
    assert len(digests) == 2
    digests += run(1, SHORT, tmp_path, stop_at=4)
    digests += run(2, SHORT, tmp_path)
    assert digests == ddp_digests(SHORT)
    assert run(1, SHORT, tmp_path) == []


def test_at_level_d0_the_bits_differ_from_the_restart_on(tmp_path: Path, ddp_digests: DdpDigests):
    job = Job("image", 4, steps=6)  # one bucket, rebuilt in another order
    digests = run(1, job, tmp_path, level="D0", stop_at=3)
    assert digests == ddp_digests(job)[:3]
    digests += run(1, job, tmp_path, level="D0")
    assert len(digests) == 6
    assert digests[3] != ddp_digests(job)[3]


@pytest.mark.slow
@pytest.mark.parametrize("job", jobs_of(4), ids=str)
def test_a_killed_executor_costs_steps_but_no_bits(job: Job, tmp_path: Path, ddp_digests: DdpDigests):
    with pytest.raises(RuntimeError, match=r"died with status -9|Connection"):
        run(2, job, tmp_path, checkpoint_every=4, die_at=11)
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000000008.checkpoint"]
    assert run(1, job, tmp_path) == ddp_digests(job)[8:]


@pytest.mark.slow
def test_so_does_a_killed_job(tmp_path: Path, ddp_digests: DdpDigests):
    job = Job("image", 4, SEVERAL_BUCKETS)
    with pytest.raises(RuntimeError, match="died with status -9"):
        run(1, job, tmp_path, checkpoint_every=4, die_at=11)
    assert run(3, job, tmp_path) == ddp_digests(job)[8:]


def full_disk(rank: int, job: Job, directory: str) -> str:
    """The error of an executor while the first one's disk is full."""
    failing = mock.patch.object(
        checkpoint_file.os, "fsync", side_effect=OSError(28, "No space left on device")
    )
    with failing if rank == 0 else nullcontext(), pytest.raises(ElastanceError) as refused:
        train_elastic(rank, job, checkpoints=directory)
    return str(refused.value)


def test_all_executors_stop_where_a_checkpoint_cannot_be_written(tmp_path: Path, ddp_digests: DdpDigests):
    expected = run(2, SHORT, tmp_path, stop_at=2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    first, other = in_processes(2, full_disk, SHORT, str(tmp_path))
    assert first.endswith("cannot be written: No space left on device")
    assert other.startswith("the first executor could not write a checkpoint: ")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert expected + run(1, SHORT, tmp_path) == ddp_digests(SHORT)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-9], lambda raw: raw[:40], lambda raw: raw[:-9] + bytes(9)]
)
def test_a_damaged_checkpoint_stops_all_executors_and_stays(damage: Callable[[bytes], bytes], tmp_path: Path):
    run(1, SHORT, tmp_path, stop_at=2)
    [path] = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match=r"CheckpointError: .*(truncated|damaged)"):
        in_processes(2, train_elastic, SHORT, checkpoints=str(tmp_path))
    assert [other.read_bytes() for other in tmp_path.iterdir()] == [before]


def test_more_executors_than_logical_workers_are_refused(tmp_path: Path):
    run(1, SHORT, tmp_path, stop_at=2)
    before = [path.read_bytes() for path in tmp_path.iterdir()]
    with pytest.raises(RuntimeError, match="4 logical workers on 5 executors: .* use at most 4 executors"):
        in_processes(5, train_elastic, SHORT, checkpoints=str(tmp_path))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == before
