import functools
import http.server
import json
import threading
from pathlib import Path

import pytest


def test_list_names_jobs_gpus_and_the_source(elastance) -> None:
    answer = elastance("data", "list")
    assert answer.status == 0
    for text in ("built-in models", "librispeech", "deepspeech2", "rtx6000", "2-192 (15)"):
        assert text in answer.out
    document = json.loads(elastance("data", "list", "--json").out)
    assert document["gpus"] == ["v100", "a40", "rtx6000", "p100"]
    assert document["workloads"][0]["batch_sizes"]["p100"] == [2**power for power in range(3, 12)]


def test_describe_prints_the_fit_error_of_the_models(elastance) -> None:
    answer = elastance("data", "describe", "--workload", "squad")
    assert answer.status == 0
    assert "time error" in answer.out
    assert "excess" in answer.out
    document = json.loads(elastance("data", "describe", "--json").out)
    assert len(document["cells"]) == 24
    assert 0 < document["fit"]["time_median"] <= 0.03
    assert 0 < document["fit"]["power_median"] <= 0.03
    assert document["fit"]["time_p95"] <= 0.12
    assert document["fit"]["power_p95"] <= 0.12


# Workload: recurrences (twice the sizes times the limits) on V100, A40, RTX6000, P100, as on the public traces.
RECURRENCES = {
    "cifar100": (140, 180, 160, 108),
    "imagenet": (70, 108, 64, 24),
    "squad": (98, 126, 96, 60),
    "librispeech": (210, 108, 176, 108),
    "movielens-1m": (182, 216, 208, 156),
    "sentiment140": (70, 50, 80, 48),
}


@pytest.mark.parametrize("public", [False, True])
def test_every_source_offers_the_same_grid(elastance, request, public) -> None:
    traces = ("--traces", request.getfixturevalue("public_traces")) if public else ()
    cells = json.loads(elastance("data", "describe", "--json", *traces).out)["cells"]
    found = dict.fromkeys(RECURRENCES, ())
    for cell in cells:
        found[cell["workload"]] += (cell["recurrences"],)
    assert found == RECURRENCES
    assert [cell["max_power_w"] for cell in cells[:4]] == [250, 300, 260, 250]


def test_describe_refuses_unknown_names(refused) -> None:
    assert "did you mean p100" in refused("data", "describe", "--gpu", "p10").err
    assert "did you mean squad" in refused("data", "describe", "--workload", "squat").err


def test_synthetic_traces_are_valid_and_reproducible(elastance, tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("same", 7), ("other", 8)):
        answer = elastance("data", "synthesize", "traces", "--output", tmp_path / name, "--seed", seed)
        assert answer.status == 0
    files = {
        name: {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "same", "other")
    }
    assert files["one"] == files["same"]
    assert files["one"]["summary_train.csv"] != files["other"]["summary_train.csv"]
    assert json.loads(files["one"]["manifest.json"])["synthetic"] is True
    checked = json.loads(elastance("data", "validate", tmp_path / "one", "--json").out)
    assert checked["valid"]
    assert len(checked["files"]) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--repeats", "0"), "0 repeats"),
        (("--noise", "2"), "noise 2.0"),
        (("--seed", "-1"), "seed -1"),
        (("--gpu", "h100"), "unknown GPU 'h100'"),
    ],
)
def test_synthesize_refuses_nonsense(refused, tmp_path, arguments, message) -> None:
    target = tmp_path / "made-up"
    assert message in refused("data", "synthesize", "traces", "--output", target, *arguments).err
    assert not target.exists()


@pytest.fixture
def power_file(tmp_path: Path) -> Path:
    path = tmp_path / "summary_power_x.csv"
    path.write_text(
        "dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power\n"
        "squad,bert,32,adamw,100,10,90\n"
        "squad,bert,32,adamw,200,8,150\n"
    )
    return path


def test_validate_says_what_a_file_is(elastance, power_file: Path) -> None:
    answer = elastance("data", "validate", power_file, "--strict")
    assert answer.status == 0
    assert "power trace, 2 rows, 0 error(s), 0 warning(s)" in answer.out


def test_validate_names_file_row_and_column(elastance, power_file: Path) -> None:
    power_file.write_text(power_file.read_text().replace(",150", ",-1"))
    answer = elastance("data", "validate", power_file)
    assert answer.status == 2
    assert "row 3, column average_power, '-1', expected a positive finite number" in answer.out
    document = json.loads(elastance("data", "validate", power_file, "--json").out)
    assert not document["valid"]
    assert document["files"][0]["issues"][0]["row"] == 3


def test_warnings_count_only_when_strict(elastance, power_file: Path) -> None:
    power_file.write_text(power_file.read_text().replace(",90\n", ",110\n"))
    assert elastance("data", "validate", power_file).status == 0
    answer = elastance("data", "validate", power_file, "--strict")
    assert answer.status == 1
    assert "warning: row 2, column average_power, 110.0 W is above the limit" in answer.out


def test_validate_what_is_not_there(elastance, refused, tmp_path: Path) -> None:
    assert "no such file" in elastance("data", "validate", tmp_path / "x.csv").out
    assert elastance("data", "validate", tmp_path / "x.csv").status == 2
    assert "holds no trace file" in refused("data", "validate", tmp_path).err


def test_validate_the_public_traces(elastance, public_traces: Path) -> None:
    answer = elastance("data", "validate", public_traces)
    assert answer.status == 0
    assert "train trace, 3759 rows, 0 error(s)" in answer.out


def test_fetch_without_a_server(refused, tmp_path: Path) -> None:
    answer = refused("data", "fetch", "--url", "http://127.0.0.1:9/trace", "--output", tmp_path / "t")
    assert "cannot be reached" in answer.err


def test_fetch_from_a_mirror_then_simulate(elastance, public_traces: Path) -> None:
    """The whole way of a new user: a real download into the cache, which the next command finds."""
    handler = functools.partial(QuietHandler, directory=str(public_traces))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        answer = elastance("data", "fetch", "--url", url)
        server.shutdown()
        thread.join()
    assert answer.status == 0, answer.err
    assert answer.out.count("fetched ") == 5
    assert "295,019 bytes" in answer.out
    source = json.loads(elastance("simulate", "recurring", "--json", "--recurrences", "3").out)["source"]
    assert (source["kind"], source["provenance"]) == ("cache", "trace")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test output quiet."""


def test_a_filled_cache_is_found(elastance, public_traces: Path, tmp_path: Path, monkeypatch) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("ELASTANCE_CACHE", str(cache))
    for path in public_traces.glob("summary_*.csv"):
        (cache / path.name).write_bytes(path.read_bytes())
    answer = elastance("data", "fetch", "--json")
    assert len(json.loads(answer.out)["present"]) == 5
    assert json.loads(elastance("data", "list", "--json").out)["source"]["kind"] == "cache"


def test_a_damaged_cache_is_refused(refused, public_traces: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ELASTANCE_CACHE", str(tmp_path))
    for path in public_traces.glob("summary_*.csv"):
        (tmp_path / path.name).write_text(path.read_text() + "squad,a,4,b,100,1,1\n" * ("power" in path.name))
    assert "data fetch --force" in refused("simulate", "recurring").err
