"""The grid of equality: all models, one and several buckets, every placement; many jobs in the same processes."""

from typing import Any

from made_up_elastic import Job, train_elastic, train_with_ddp

ONE_BUCKET, SEVERAL_BUCKETS = None, 0.002
"""`bucket_cap_mb` that makes so many of the made-up models."""

MODELS = ["image", "transformer", "recommender"]

PLACEMENTS = [
    *("2x1", "1x2"),
    *("3x1", "2:2+1", "1x3"),
    *("4x1", "2x2", "3:2+1+1", "2:1+3", "1x4"),
    *("8x1", "4x2", "2x4", "3:3+3+2", "1x8"),
]


def jobs_of(workers: int) -> list[Job]:
    """Every model with one and with several buckets."""
    return [Job(model, workers, cap_mb) for cap_mb in (ONE_BUCKET, SEVERAL_BUCKETS) for model in MODELS]


def train_all_with_ddp(rank: int, jobs: list[Job], **options: Any) -> list[list[str]]:
    """Plain DDP, one job after the other."""
    return [train_with_ddp(rank, job, **options) for job in jobs]


def train_all_elastic(
    rank: int,
    jobs: list[Job],
    placement: str | None = None,
    *,
    directories: list[str] | None = None,
    **options: Any,
) -> list[list[str]]:
    """The same with elastance; each job keeps checkpoints in a directory of its own, if any."""
    kept = [{"checkpoints": directory} for directory in directories] if directories else [{}] * len(jobs)
    return [
        train_elastic(rank, job, placement, **options, **own) for job, own in zip(jobs, kept, strict=True)
    ]
