import json
from pathlib import Path

import pytest

from elastance.figures.experiments.registry import known_experiments

QUICK = ("figures", "run", "zeus/potential,zeus/tradeoff")


def test_every_figure_is_listed_with_its_claim(elastance) -> None:
    answer = elastance("figures", "list")
    assert answer.status == 0
    for experiment in known_experiments():
        assert experiment.name in answer.out
    assert "zeus/pollux cannot be reproduced: it takes four A40 GPUs" in answer.out
    document = json.loads(elastance("figures", "list", "--json").out)
    assert [of["name"] for of in document["figures"]] == [of.name for of in known_experiments()]
    assert [of["name"] for of in document["figures"] if not of["reproducible"]] == ["zeus/pollux"]
    assert all(of["must_hold"] and of["kind"] for of in document["figures"])


def test_a_run_writes_its_files_and_a_line_per_claim(elastance, tmp_path: Path) -> None:
    answer = elastance(*QUICK, "--output", tmp_path / "new")
    assert answer.status == 0, answer.err
    assert answer.err == ""
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"zeus-{name}.{end}" for name in ("potential", "tradeoff") for end in ("csv", "json", "png")
    ]
    lines = [line.strip() for line in answer.out.splitlines()]
    judged = [line for line in lines if line.startswith("not judged (the facts are a model")]
    assert len(judged) == 3
    for line in judged:
        assert "against: default: the user's own batch size at the largest power limit" in line
        assert "seeds: none (exact)" in line
    assert answer.out.count("facts: built-in models") == 2


def test_the_json_document(elastance, tmp_path: Path) -> None:
    answer = elastance(*QUICK, "--output", tmp_path, "--json")
    document = json.loads(answer.out)
    assert document["held"] is True
    assert [of["figure"] for of in document["figures"]] == ["zeus/potential", "zeus/tradeoff"]
    for of in document["figures"]:
        assert of["source"]["provenance"] == "model"
        assert all(Path(path).exists() for path in of["written"])
        assert of["findings"]


def test_seeds_are_simulated_alike_by_any_number_of_workers(elastance, tmp_path: Path) -> None:
    written = []
    for jobs in (1, 2):
        directory = tmp_path / str(jobs)
        answer = elastance(
            "figures", "run", "zeus/eta", "--seeds", "5:8", "--output", directory, "--jobs", jobs,
            "--theme", "dark", "--format", "svg",
        )  # fmt: skip
        assert answer.status == 0, answer.err
        assert "seeds: 5 to 7 (published simulator replayed)" in answer.out
        written.append({path.name: path.read_bytes() for path in directory.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {"zeus-eta.csv", "zeus-eta.json", "zeus-eta.svg"}


def test_on_the_public_traces_the_claims_hold(elastance, public_traces: Path, tmp_path: Path) -> None:
    answer = elastance(*QUICK, "--traces", public_traces, "--output", tmp_path)
    assert answer.status == 0
    assert answer.out.count("  held: ") == 3
    assert "72 of 72 numbers" in answer.out


def test_a_claim_that_does_not_hold_is_exit_status_1(
    elastance, public_traces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elastance.figures.zeus.tradeoff._DEFAULT_S", 60000.0)
    answer = elastance(*QUICK, "--traces", public_traces, "--output", tmp_path)
    assert answer.status == 1
    assert "did not hold: default's time and energy" in answer.out
    assert answer.out.rstrip().endswith("did not hold: zeus/tradeoff")
    document = json.loads(elastance(*QUICK, "--traces", public_traces, "--output", tmp_path, "--json").out)
    assert [of["held"] for of in document["figures"]] == [True, False]
    assert document["held"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("zeus/potental",), "unknown figure 'zeus/potental': did you mean zeus/potential"),
        (("potential",), "unknown figure 'potential': did you mean zeus/potential"),
        (("zeus/pollux",), "zeus/pollux cannot be reproduced: it takes four A40"),
        (("zeus/eta,",), "expected names separated by commas"),
        (("zeus/eta", "--seeds", "1:1"), "is an empty range"),
        (("zeus/eta", "--seeds", "-1"), "seed -1 is not a whole number from 0"),
        (("zeus/eta", "--jobs", "0"), "0 jobs"),
        (("zeus/eta", "--theme", "beige"), "unknown theme 'beige'"),
        (("zeus/eta", "--format", "jpg"), "picture format 'jpg'"),
        (("zeus/eta", "--traces", "/nowhere"), "/nowhere: no such directory"),
    ],
)
def test_bad_input_is_one_line(refused, arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert said in refused("figures", "run", *arguments, "--output", output).err
    assert not output.exists()


def test_an_output_that_cannot_be_is_one_line(refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for output, said in (
        (tmp_path / "a" / "b", "there is no directory"),
        (tmp_path / "file", "cannot be made"),
    ):
        assert said in refused("figures", "run", "zeus/tradeoff", "--output", output).err
