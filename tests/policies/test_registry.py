import sys
from pathlib import Path

import numpy as np
import pytest

from elastance.errors import InputError, PolicyError, UnknownNameError
from elastance.policies import (
    DEFAULT_POLICY,
    BatchSizePolicy,
    PolicyKind,
    PowerLimitPolicy,
    Restorable,
    build_policy,
    find_policy,
    registered_policies,
)
from made_up import make_problem

DECIDING = [info.name for info in registered_policies() if info.kind is not PolicyKind.BASELINE]


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "user_policies.py").write_text(
        '''
class Fixed:
    """Always the default size."""
    def __init__(self, problem, rng):
        self.size = problem.job.default_batch_size
    def choose_batch_size(self):
        return self.size
    def observe_run(self, outcome):
        pass

class Half:
    """The middle limit."""
    def __init__(self, problem, rng):
        self.limits = problem.power_limits_w
    def choose_power_limit(self, batch_size):
        return self.limits[batch_size][1]
    def observe_profile(self, batch_size, profile):
        pass

class Nothing:
    pass

class Broken(Fixed):
    def __init__(self, problem, rng):
        raise KeyError("no such thing")
'''
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "user_policies"
    sys.modules.pop("user_policies", None)


def test_there_is_one_default() -> None:
    assert [info.name for info in registered_policies() if info.is_default] == [DEFAULT_POLICY]


@pytest.mark.parametrize("name", DECIDING)
def test_every_registered_policy_is_built_and_restorable(name: str) -> None:
    pair = build_policy(find_policy(name), make_problem(), np.random.default_rng(1))
    assert isinstance(pair.batch_size, BatchSizePolicy)
    assert isinstance(pair.power_limit, PowerLimitPolicy)
    assert isinstance(pair.batch_size, Restorable)
    assert isinstance(pair.power_limit, Restorable)


def test_a_class_of_the_users(user_module: str) -> None:
    info = find_policy(f"{user_module}:Fixed")
    assert (info.kind, info.summary) == (PolicyKind.BATCH_SIZE, "Always the default size.")
    assert build_policy(info, make_problem(), np.random.default_rng(1)).batch_size.choose_batch_size() == 32


def test_two_joined(user_module: str) -> None:
    info = find_policy(f"{user_module}:Half+{user_module}:Fixed")
    pair = build_policy(info, make_problem(), np.random.default_rng(1))
    assert (pair.batch_size.choose_batch_size(), pair.power_limit.choose_power_limit(32)) == (32, 150)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zues", "did you mean zeus"),
        ("no_such_module:Policy", "ModuleNotFoundError"),
        ("user_policies:Missing", "has no 'Missing'"),
        ("user_policies:Nothing", "not a policy class"),
        ("thompson+pruning-thompson", "one batch-size and one power-limit"),
        ("thompson+max-power+zeus", "single '\\+'"),
        ("zeus+max-power", "zeus \\(both\\)"),
    ],
)
@pytest.mark.usefixtures("user_module")
def test_names_that_are_no_policy(name: str, message: str) -> None:
    with pytest.raises((UnknownNameError, PolicyError, InputError), match=message):
        find_policy(name)


def test_a_constructor_that_raises_is_named(user_module: str) -> None:
    with pytest.raises(PolicyError, match="Broken: KeyError: 'no such thing' while being built"):
        build_policy(find_policy(f"{user_module}:Broken"), make_problem(), np.random.default_rng(1))


def test_a_baseline_is_not_built() -> None:
    with pytest.raises(InputError, match="baseline"):
        build_policy(find_policy("oracle"), make_problem(), np.random.default_rng(1))


def test_entry_points_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user_module: str) -> None:
    info = tmp_path / "thirdparty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thirdparty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[elastance.batch_size_policies]\nalways = {user_module}:Fixed\nbroken = no_such_module:Policy\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = {policy.name: policy for policy in registered_policies()}
    assert (found["always"].kind, found["always"].origin) == (PolicyKind.BATCH_SIZE, "thirdparty")
    assert find_policy("always").summary == "Always the default size."
    assert "cannot be loaded" in found["broken"].summary
    with pytest.raises(PolicyError, match="broken of thirdparty cannot be loaded"):
        find_policy("broken")
