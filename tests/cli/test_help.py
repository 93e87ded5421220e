"""Every verb explains itself, with examples, and stays quick to start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

VERBS = [
    ("measure",),
    ("simulate", "recurring"),
    ("simulate", "cluster"),
    ("data", "list"),
    ("data", "describe"),
    ("data", "validate"),
    ("data", "fetch"),
    ("data", "import", "alibaba-2020"),
    ("data", "capriccio"),
    ("data", "synthesize", "traces"),
    ("data", "synthesize", "groups"),
    ("data", "synthesize", "cluster"),
    ("data", "synthesize", "drift"),
    ("sweep", "recurring"),
    ("sweep", "groups"),
    ("record",),
    ("energy",),
    ("top",),
    ("export",),
    ("policies",),
    ("doctor",),
    ("limit", "set"),
    ("limit", "show"),
    ("limit", "reset"),
    ("figures", "list"),
    ("figures", "run"),
    ("split",),
    ("launch",),
    ("resize",),
    ("certify",),
    ("profile",),
]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_examples(elastance, verb) -> None:
    answer = elastance(*verb, "--help")
    assert answer.status == 0
    assert "Examples:" in answer.out
    assert f"elastance {' '.join(verb)}" in answer.out


@pytest.mark.parametrize(
    "group",
    [(), ("simulate",), ("sweep",), ("figures",), ("data",), ("data", "import"), ("data", "synthesize")],
)
def test_a_group_without_a_verb_shows_its_help(elastance, group) -> None:
    answer = elastance(*group)
    assert answer.status == 2
    assert "Usage: elastance" in answer.out
    assert answer.out == elastance(*group, "--help").out


def test_policies_are_listed_with_kind_and_default(elastance) -> None:
    answer = elastance("policies")
    for text in ("zeus (default)", "grid-early-stop", "power-limit", "baseline"):
        assert text in answer.out
    assert "easyscale-heter" in answer.out
    document = json.loads(elastance("policies", "--json").out)
    assert "fifo-backfill" in [scheduler["name"] for scheduler in document["schedulers"]]
    assert document["default"] == "zeus"
    assert [policy["name"] for policy in document["policies"] if policy["default"]] == ["zeus"]
    assert all(policy["summary"] and policy["kind"] for policy in document["policies"])


def test_a_full_disk_is_one_clear_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    command = f"{sys.executable} -m elastance policies > /dev/full"
    shown = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stderr) == (2, "elastance: the output: No space left on device\n")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import elastance", ("numpy", "pydantic", "typer", "rich", "scipy", "matplotlib")),
        ("import elastance.cli.main", ("numpy", "pydantic", "scipy", "matplotlib")),
        ("import elastance.simulate", ("scipy", "matplotlib", "typer", "torch", "polars")),
    ],
)
def test_starting_up_imports_nothing_heavy(code: str, heavy: tuple[str, ...]) -> None:
    probe = f"{code}; import sys; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
