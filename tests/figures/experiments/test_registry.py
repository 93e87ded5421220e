import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.figures.experiments.experiment import Kind
from elastance.figures.experiments.registry import find_experiments, known_experiments


def test_every_figure_can_be_had_or_says_why_not() -> None:
    known = known_experiments()
    assert len({experiment.name for experiment in known}) == len(known)
    for experiment in known:
        possible = experiment.compute is not None and experiment.draw is not None
        assert possible != bool(experiment.impossible)
        assert (experiment.kind is Kind.IMPOSSIBLE) == bool(experiment.impossible)
        assert experiment.must_hold


def test_all_are_those_that_can_be_had() -> None:
    possible = [experiment.name for experiment in known_experiments() if not experiment.impossible]
    of_zeus = [name for name in possible if name.startswith("zeus/")]
    for names, expected in (
        (["all"], possible),
        (["zeus/all"], of_zeus),
        (["zeus/all", "zeus/eta"], of_zeus),
        (["zeus2/all"], ["zeus2/pairs"]),
    ):
        assert [experiment.name for experiment in find_experiments(names)] == expected
    assert [of.name for of in find_experiments(["zeus/eta", "zeus/beta", "zeus/eta"])] == [
        "zeus/eta",
        "zeus/beta",
    ]


def test_names_that_stand_for_nothing() -> None:
    with pytest.raises(UnknownNameError, match="did you mean zeus/potential"):
        find_experiments(["zeus/potental"])
    with pytest.raises(UnknownNameError, match="unknown figure 'venus/all'"):
        find_experiments(["venus/all"])
    with pytest.raises(InputError, match="zeus/pollux cannot be reproduced: it takes four A40"):
        find_experiments(["zeus/pollux"])
