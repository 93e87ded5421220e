"""What the README shows must work as it stands there."""

import json
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_policy_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import elastance

    (policy,) = (block for block in PYTHON if "EpsilonGreedy" in block)
    assert len([line for line in policy.splitlines() if line.strip()]) <= 20
    (tmp_path / "my_policies.py").write_text(policy)
    monkeypatch.syspath_prepend(str(tmp_path))
    comparison = elastance.simulate_recurring(
        policies=["my_policies:EpsilonGreedy", "zeus", "oracle"], recurrences=60, seeds=range(5)
    )
    assert all(sum(record.reached for record in h.records) == 60 for h in comparison.policies[0].histories)
    saving = comparison["my_policies:EpsilonGreedy"].spread("energy_saving").mean
    assert saving is not None


def test_the_python_of_the_readme(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = (block for block in PYTHON if "import elastance" in block)
    exec(example, {})
    assert "Spread(mean=" in capsys.readouterr().out


def test_the_commands_of_the_readme_exist(elastance_commands: list[list[str]]) -> None:
    from typer.testing import CliRunner

    from elastance.cli.main import app

    assert elastance_commands
    for words in elastance_commands:
        own = words[: words.index("--")] if "--" in words else words
        verb = [word for word in own if word.isalpha()][:3]
        while CliRunner().invoke(app, [*verb, "--help"]).exit_code != 0:
            assert verb, words
            verb.pop()  # an argument, not a verb
        result = CliRunner().invoke(app, [*verb, "--help"])
        assert "Examples:" in result.output, words
        for option in (word for word in own if word.startswith("--")):
            assert option in result.output, words


@pytest.fixture
def elastance_commands() -> list[list[str]]:
    blocks = re.findall(r"```\n(.*?)```", README, re.DOTALL)
    lines = [line for block in blocks for line in re.findall(r"^elastance ([^#\n]+)", block, re.MULTILINE)]
    return [line.split() for line in lines]


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parents[1]
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md")), root / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_json_documented_is_json_printed() -> None:
    """Every key of a policy's result is in the documentation."""
    import elastance

    documented = (Path(__file__).parents[1] / "docs" / "simulation.md").read_text("utf-8")
    document = elastance.simulate_recurring("squad", recurrences=5).to_json()
    json.dumps(document, allow_nan=False)
    for key in (*document, *document["policies"][0], *document["source"]):
        assert f"`{key}`" in documented or f"`{key} " in documented or f"`{key}[]`" in documented, key
