import pytest
from torch.utils.data import DataLoader, DistributedSampler

from elastance.elastic.data_order import DataOrder


@pytest.mark.parametrize("samples", [7, 24, 25])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("sampler_drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_are_those_of_a_ddp_script(
    samples: int, drop_last: bool, sampler_drop_last: bool, shuffle: bool
):
    order = DataOrder(samples, 3, 2, 11, shuffle, drop_last, sampler_drop_last)
    for rank in range(3):
        sampler = DistributedSampler(
            range(samples), 3, rank, shuffle=shuffle, seed=11, drop_last=sampler_drop_last
        )
        loader = DataLoader(range(samples), 2, sampler=sampler, drop_last=drop_last)
        for epoch in range(3):
            sampler.set_epoch(epoch)
            expected = [batch.tolist() for batch in loader]
            assert order.batches(rank, epoch) == expected
            assert order.steps_per_epoch == len(expected)


def test_accumulated_batches_cover_an_epoch():
    order = DataOrder(83, 3, 4, accumulate=3)  # 28 samples each
    assert order.batches_per_epoch == 7
    assert order.steps_per_epoch == 3
    assert [list(order.batches_of_step(step)) for step in range(3)] == [[0, 1, 2], [3, 4, 5], [6]]
