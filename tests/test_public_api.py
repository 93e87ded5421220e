import importlib
import pkgutil
from types import GenericAlias

import pytest

import elastance

PACKAGES = [
    "elastance",
    *(f"elastance.{module.name}" for module in pkgutil.iter_modules(elastance.__path__) if module.ispkg),
]


@pytest.mark.parametrize("name", [name for name in PACKAGES if name != "elastance.cli"])
def test_every_listed_name_exists_and_is_documented(name: str) -> None:
    package = importlib.import_module(name)
    assert sorted(package.__all__) == sorted(set(package.__all__))
    for public in package.__all__:
        thing = getattr(package, public)
        if callable(thing) and not isinstance(thing, GenericAlias):
            assert thing.__doc__, f"{name}.{public}"


def test_the_top_level_names() -> None:
    assert set(elastance.__all__) == {
        "GPUS", "WORKLOADS", "Comparison", "ElastanceError", "EnergyMeter", "EtaCost", "GpuType", "InputError", "Job",
        "Measurement", "Outcome", "Problem", "Provenance", "RunRecord", "Workload", "__version__", "find_devices",
        "find_gpu", "find_policy", "find_source", "find_workload", "registered_policies", "simulate_recurring",
    }  # fmt: skip
    assert set(dir(elastance)) == set(elastance.__all__)


def test_a_comparison_knows_its_policies_only() -> None:
    comparison = elastance.simulate_recurring("squad", policies=["oracle"], recurrences=1)
    with pytest.raises(KeyError):
        comparison["zeus"]


@pytest.mark.parametrize("seeds", [[1.5], [-1], []])
def test_seeds_are_whole_numbers(seeds: list[float]) -> None:
    with pytest.raises(elastance.InputError, match="seed"):
        elastance.simulate_recurring("squad", seeds=seeds, recurrences=1)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulate_everything'"):
        _ = elastance.simulate_everything


def test_the_documented_three_lines() -> None:
    comparison = elastance.simulate_recurring("librispeech", "v100", seeds=range(3), recurrences=40)
    mean, ci95 = comparison["zeus"].spread("energy_saving")
    assert mean is not None
    assert 0 < mean < 1
    assert ci95 is not None
