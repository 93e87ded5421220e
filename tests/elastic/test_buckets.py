"""Bucket layouts against those that DDP itself reports."""

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from elastance.elastic.buckets import ArrivalOrder, BucketLayout
from made_up_elastic import RECIPES


def layouts(name: str, cap_mb: float | None) -> tuple[list[int], list[list[int]], BucketLayout, BucketLayout]:
    """What DDP reports (sizes of the first buckets, the rebuilt ones) and ours (initial, rebuilt)."""
    recipe = RECIPES[name]
    model, _, _ = recipe.start()
    data = recipe.data(8)
    inputs, targets = torch.utils.data.default_collate([data[index] for index in range(4)])
    parameters = list(model.parameters())
    recorder = ArrivalOrder(parameters)
    recipe.loss(model(inputs), targets).backward()
    recorder.close()
    ours = BucketLayout.initial(parameters), BucketLayout.rebuilt(parameters, recorder.indices, cap_mb)
    dist.set_debug_level(dist.DebugLevel.DETAIL)
    ddp = DistributedDataParallel(model, bucket_cap_mb=cap_mb)
    sizes = [int(size) for size in ddp._get_ddp_logging_data()["bucket_sizes"].split(", ")]
    for _ in range(3):  # the third forward pass logs what the second rebuilt
        recipe.loss(ddp(inputs), targets).backward()
    rebuilt = ddp._get_ddp_logging_data()["rebuilt_per_bucket_param_indices"]
    return sizes, [[int(index) for index in bucket.split()] for bucket in rebuilt.split(", ")], *ours


@pytest.fixture
def alone(tmp_path):
    dist.init_process_group("gloo", f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()
    dist.set_debug_level(dist.DebugLevel.OFF)


@pytest.mark.parametrize("cap_mb", [None, 0.002, 0.0002])
@pytest.mark.parametrize("name", ["image", "transformer", "recommender"])
def test_layouts_are_those_that_ddp_reports(name: str, cap_mb: float | None, alone: None):
    sizes, reported, initial, rebuilt = layouts(name, cap_mb)
    assert [list(bucket) for bucket in rebuilt.buckets] == reported
    assert len(initial.buckets) == len(sizes) == 1
    assert initial.buckets[0] == tuple(range(len(initial.buckets[0])))
    assert len(rebuilt.buckets) > 1 or cap_mb is None


def test_types_of_gradients_have_buckets_of_their_own():
    parameters = [torch.zeros(3), torch.zeros(3, dtype=torch.float64), torch.zeros(2)]
    assert sorted(BucketLayout.initial(parameters).buckets) == [(0, 2), (1,)]


def test_nothing_is_recorded_after_closing():
    parameter = torch.nn.Parameter(torch.ones(2))
    recorder = ArrivalOrder([parameter])
    parameter.sum().backward()
    recorder.close()
    parameter.sum().backward()
    assert recorder.indices == [0]
