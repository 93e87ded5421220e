"""A single rank: micro-batches, misuse, and what is told to a launcher."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from elastance.errors import InputError  # noqa: E402
from elastance.train import Share  # noqa: E402
from elastance.train.data_parallel import BatchShares  # noqa: E402
from elastance.train.data_parallel.account import Account, read_account  # noqa: E402


def data(samples: int) -> torch.utils.data.TensorDataset:
    inputs = torch.arange(3.0 * samples).reshape(samples, 3) / samples
    return torch.utils.data.TensorDataset(inputs, inputs.square().sum(1, keepdim=True))


def share_of(sizes: tuple[int, ...], at_once: tuple[int, ...], accounts: Path | None = None) -> Share:
    return Share(BatchShares(sizes, at_once), 0, torch.device("cpu"), accounts)


def gradients(at_once: int) -> list[torch.Tensor]:
    share = share_of((8,), (at_once,))
    torch.manual_seed(0)
    model = share.data_parallel(torch.nn.Linear(3, 1))
    seen = []
    for step in share.loader(data(21), seed=1):
        model.zero_grad()
        for inputs, targets in step:
            torch.nn.functional.mse_loss(model(inputs), targets).backward()
        seen.append(model.weight.grad.clone())
    return seen


@pytest.mark.parametrize("at_once", [1, 3, 4, 5])
def test_micro_batches_add_up_to_the_whole_batch(at_once: int) -> None:
    torch.testing.assert_close(gradients(at_once), gradients(8))


def test_a_sample_that_does_not_count_cannot_spoil_the_step() -> None:
    """The last batch is one sample of the other rank's: this rank computes one too, with whatever comes out."""
    share = share_of((1, 7), (1, 7))
    model = share.data_parallel(torch.nn.Linear(3, 1))
    last = None
    for step in share.loader(data(9), shuffle=False):
        model.zero_grad()
        for inputs, _ in step:
            (model(inputs).mean() * (float("nan") if step.samples == 0 else 1.0)).backward()
        last = step, model.weight.grad.clone()
    assert last is not None
    assert last[0].samples == 0
    assert torch.equal(last[1], torch.zeros(1, 3))


def test_weights_end_with_the_step() -> None:
    share = share_of((8,), (3,))
    model = share.data_parallel(torch.nn.Linear(3, 1, bias=False))
    for step in share.loader(data(8)):
        for inputs, _ in step:
            model(inputs).mean().backward()
    model.zero_grad()
    model(torch.ones(1, 3)).sum().backward()
    assert torch.equal(model.weight.grad, torch.ones(1, 3))


def test_epochs_go_on_by_themselves_or_where_a_checkpoint_left_off() -> None:
    share = share_of((4,), (4,))
    model = share.data_parallel(torch.nn.Linear(3, 1))

    def seen(loader) -> list[float]:
        first = []
        for step in loader:
            for inputs, _ in step:
                model(inputs).mean().backward()
                first.append(float(inputs[0, 0]))
        return first

    loader = share.loader(data(12))
    first, second = seen(loader), seen(loader)
    assert first != second
    again = share.loader(data(12))
    again.set_epoch(1)
    assert seen(again) == second
    assert len(again) == 3


def test_gradients_without_weights_are_refused() -> None:
    share = share_of((5, 3), (5, 3))
    with pytest.raises(InputError, match=r"model = share.data_parallel\(model\) comes before"):
        next(iter(share.loader(data(9))))


def test_micro_batches_that_are_left_out_are_noticed() -> None:
    share = share_of((8,), (4,))
    share.data_parallel(torch.nn.Linear(3, 1))
    steps = iter(share.loader(data(16)))
    next(iter(next(steps)))
    with pytest.raises(InputError, match="step 0 was left after some of its 2 micro-batches"):
        next(steps)


def test_gradients_outside_of_their_micro_batch_are_noticed() -> None:
    """They would have no weight, and nobody would see it."""
    share = share_of((8,), (4,))
    model = share.data_parallel(torch.nn.Linear(3, 1))
    step = next(iter(share.loader(data(16))))
    with pytest.raises(InputError, match="no gradient was computed within a micro-batch"):
        list(step)
    step = next(iter(share.loader(data(16))))
    for inputs, _ in step:
        model(inputs).mean().backward()
    with pytest.raises(InputError, match="once only"):
        next(iter(step))


def test_models_that_cannot_be_weighted() -> None:
    share = share_of((8, 3), (4, 4))
    normed = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.SyncBatchNorm(3))
    with pytest.raises(InputError, match="SyncBatchNorm, which needs all ranks in every forward pass"):
        share.data_parallel(normed)
    share.data_parallel(torch.nn.Linear(3, 1))
    with pytest.raises(InputError, match="the gradients of one model"):
        share.data_parallel(torch.nn.Linear(3, 1))


def test_data_without_a_length() -> None:
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(3))

    with pytest.raises(InputError, match="a Stream cannot be shared: expected a data set with a length"):
        share_of((8,), (8,)).loader(Stream())


def train(share: Share, samples: int, leave_in: int | None = None) -> None:
    for step in share.loader(data(samples)):
        for inputs, targets in step:
            torch.nn.functional.mse_loss(share._model(inputs), targets).backward()
        if step.number == leave_in:
            break


def test_the_account_has_full_steps_but_the_first_of_each_epoch(tmp_path: Path) -> None:
    share = share_of((8,), (8,), tmp_path)
    share.data_parallel(torch.nn.Linear(3, 1))
    assert read_account(tmp_path, 0) is None
    train(share, 36)  # four full steps, and one of 4 samples
    account = read_account(tmp_path, 0)
    assert account is not None
    assert (account.steps, account.samples, account.epochs, account.steps_per_epoch) == (5, 36, 1, 5)
    assert account.timed_steps == 3
    assert not account.in_steady_steps
    assert account.computed_s is not None
    assert 0.0 < account.computed_s < account.timed_s
    train(share, 32, leave_in=2)
    left = read_account(tmp_path, 0)
    assert left is not None
    assert (left.steps, left.samples, left.epochs) == (8, 60, 1)
    assert left.timed_steps == 5


def test_a_launcher_sees_when_steps_are_steady(tmp_path: Path) -> None:
    share = share_of((8,), (8,), tmp_path)
    model = share.data_parallel(torch.nn.Linear(3, 1))
    seen = []
    for step in share.loader(data(36)):
        account = read_account(tmp_path, 0)
        seen.append(account is not None and account.in_steady_steps)
        for inputs, targets in step:
            torch.nn.functional.mse_loss(model(inputs), targets).backward()
    assert seen == [False, True, True, True, False]


def test_parameters_without_gradients_leave_the_computing_unknown(tmp_path: Path) -> None:
    share = share_of((8,), (8,), tmp_path)
    share.data_parallel(torch.nn.ModuleList([torch.nn.Linear(3, 1), torch.nn.Linear(3, 1)]))
    for step in share.loader(data(32)):
        for inputs, _ in step:
            share._model[0](inputs).mean().backward()
    account = read_account(tmp_path, 0)
    assert account is not None
    assert account.timed_steps == 3
    assert account.computed_s is None


def test_a_rank_outlives_the_directory_of_its_account(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts"
    share = share_of((8,), (8,), accounts)
    share.data_parallel(torch.nn.Linear(3, 1))
    train(share, 32)
    assert not accounts.exists()


def test_an_account_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "rank-3.json").write_text(json.dumps({"rank": 3, "steps": 7, "timed_s": 0.5}))
    assert read_account(tmp_path, 3) == Account(3, steps=7, timed_s=0.5)
