from contextlib import nullcontext

import pytest
import torch
from torch.utils.data import default_collate

from elastance.elastic import OperatorScan
from elastance.elastic.operators import Family, OperatorReport, report
from elastance.elastic.trial_record import digests
from made_up_elastic import RECIPES, seed_everything


def one_step(name: str, *, scanned: bool = True) -> tuple[OperatorReport, dict[str, str]]:
    recipe = RECIPES[name]
    model, optimizer, scheduler = recipe.start()
    seed_everything(3)
    data = recipe.data(8)
    inputs, targets = default_collate([data[index] for index in range(4)])
    scaler = recipe.scaler()
    scan = OperatorScan(model, optimizer)
    with scan if scanned else nullcontext():
        recipe.backward(model, inputs, targets, scaler)
        recipe.update(model, optimizer, scheduler, scaler)
    return report(scan.operators()), digests(model, optimizer)


@pytest.mark.parametrize("name", ["image", "transformer"])
def test_numbers_do_not_change_by_being_watched(name: str):
    assert one_step(name)[1] == one_step(name, scanned=False)[1]


def families(found: OperatorReport) -> set[Family]:
    return {use.family for use in found.uses}


def test_an_image_net_has_convolutions_and_batch_norm_by_name():
    found, _ = one_step("image")
    assert found.is_d2_expensive
    modules = {use.family: use.modules for use in found.uses}
    assert modules[Family.CONVOLUTION] == ("body.0", "body.4")
    assert modules[Family.BATCH_NORM] == ("body.1", "body.5")
    assert {use.family: use.calls for use in found.uses}[Family.CONVOLUTION] == 4  # two forward, two backward


@pytest.mark.parametrize(
    ("name", "expected"),
    [("transformer", Family.NORM), ("recommender", Family.EMBEDDING)],
)
def test_the_others_have_none(name: str, expected: Family):
    found, _ = one_step(name)
    assert not found.is_d2_expensive
    assert {expected, Family.MATRIX_PRODUCT} <= families(found)
    assert not families(found) & {Family.CONVOLUTION, Family.BATCH_NORM}


def test_phases_are_told_apart_and_nothing_is_noted_afterwards():
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with OperatorScan(model, optimizer) as scan:
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    phases = {operator.name: operator.phases for operator in scan.operators()}
    assert phases["aten.addmm.default"] == ("forward",)
    assert "backward" in phases["aten.mm.default"]
    assert phases["aten.add_.Tensor"] == ("optimizer",)
    before = scan.operators()
    model(torch.ones(1, 2))
    assert scan.operators() == before
