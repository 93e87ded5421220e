"""Stopped and started anew, on other executors or after a crash, a job goes on with the same bits."""

from collections.abc import Callable
from pathlib import Path

import pytest

from made_up_elastic import Job, in_processes, train_elastic

DdpDigests = Callable[[Job], list[str]]

JOB = Job("image", 4, 0.002)
SHORT = Job("image", 4, 0.002, steps=6)


def run(executors: int, job: Job, directory: Path, **options: object) -> list[str]:
    """Digests of one run, which all executors agree about."""
    first, *others = in_processes(executors, train_elastic, job, checkpoints=str(directory), **options)
    assert all(other == first for other in others)
    return first


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["image", "transformer", "recommender", "mixed"])
def test_resizing_does_not_change_a_bit(recipe: str, tmp_path: Path, ddp_digests: DdpDigests):
    job = Job(recipe, 4, 0.002)
    digests: list[str] = []
    for executors, stop_at in [(4, 8), (2, 18), (1, 29), (3, 30), (4, None)]:  # 18 and 30 end epochs
        digests += run(executors, job, tmp_path, stop_at=stop_at)
        assert stop_at in (None, len(digests))
    assert digests == ddp_digests(job)


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
@pytest.mark.parametrize("executors", [1, 2])
def test_a_killed_executor_costs_steps_but_no_bits(executors: int, tmp_path: Path, ddp_digests: DdpDigests):
    with pytest.raises(RuntimeError, match=r"died with status -9|Connection"):
        run(executors, JOB, tmp_path, checkpoint_every=4, die_at=11)
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000000008.checkpoint"]
    assert run(executors, JOB, tmp_path) == ddp_digests(JOB)[8:]
