import json
import logging
from pathlib import Path

import pytest

from elastance.errors import InputError, TraceError, UnknownNameError
from elastance.job import Job
from elastance.runs import Provenance
from elastance.traces import BuiltinSource, DirectorySource, SourceKind, find_source
from elastance.traces.fetch import PUBLIC_FILES, cache_dir
from elastance.traces.sources import SourceRecord, is_synthetic
from elastance.traces.synthesize import synthesize_traces

SQUAD = Job("squad", "bert_base_uncased", "adamw", 84.0, 6, 32)


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    synthesize_traces(tmp_path / "made-up", ["v100", "p100"], seed=3)
    return tmp_path / "made-up"


def test_the_order_of_sources(made_up: Path, tmp_path: Path) -> None:
    named = {"ELASTANCE_TRACES": str(made_up)}
    assert find_source(made_up, environment={"ELASTANCE_TRACES": "/nowhere"}).kind is SourceKind.DIRECTORY
    assert find_source(environment=named).kind is SourceKind.ENVIRONMENT
    assert find_source(environment={}).kind is SourceKind.BUILTIN
    cache_dir().mkdir(exist_ok=True)
    for file in PUBLIC_FILES:
        (cache_dir() / file.name).touch()
    assert find_source(environment={}).kind is SourceKind.CACHE


def test_half_a_cache_is_passed_over_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    cache_dir().mkdir(exist_ok=True)
    (cache_dir() / PUBLIC_FILES[0].name).touch()
    with caplog.at_level(logging.WARNING):
        assert find_source(environment={}).kind is SourceKind.BUILTIN
    assert "holds only 1 of 5 public traces" in caplog.text


def test_a_source_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"no such directory \(named by --traces\)"):
        find_source(tmp_path / "nowhere")
    with pytest.raises(TraceError, match=r"no such directory \(named by \$ELASTANCE_TRACES\)"):
        find_source(environment={"ELASTANCE_TRACES": str(tmp_path / "nowhere")})
    (tmp_path / "file").touch()
    with pytest.raises(TraceError, match="must name a directory"):
        find_source(tmp_path / "file")


def test_gpus_are_those_there_are_files_for(made_up: Path) -> None:
    source = DirectorySource(made_up)
    assert source.gpus() == ("v100", "p100")
    (made_up / "summary_power_p100.csv").rename(made_up / "summary_power_h100.csv")
    assert DirectorySource(made_up).gpus() == ("v100", "h100")
    assert DirectorySource(made_up).job_facts(SQUAD, "H100").max_power_w == 250
    with pytest.raises(UnknownNameError, match=r"no summary_power_a40\.csv in"):
        source.power("a40")


def test_every_source_gives_the_same_kind_of_facts(made_up: Path) -> None:
    for source in (DirectorySource(made_up), BuiltinSource()):
        facts = source.job_facts(SQUAD, "v100")
        assert list(facts.sizes) == [8, 12, 16, 24, 32, 48, 56]
        assert facts.provenance is Provenance.MODEL
        assert facts.default_recurrences == 98
        assert source.record("v100").provenance is Provenance.MODEL


def test_recorded_traces_are_no_model(public_traces: Path) -> None:
    source = DirectorySource(public_traces)
    assert source.job_facts(SQUAD, "v100").provenance is Provenance.TRACE
    record = source.record("v100")
    assert record.files == {
        file.name: file.sha256
        for file in PUBLIC_FILES
        if file.name in {"summary_train.csv", "summary_power_v100.csv"}
    }


def test_the_digest_covers_every_file() -> None:
    def digest(**files: str) -> str:
        return SourceRecord.of_files(SourceKind.DIRECTORY, "d", files, Provenance.TRACE).sha256

    assert digest(a="1", b="2") == digest(b="2", a="1")
    assert len({digest(a="1", b="2"), digest(a="1", b="3"), digest(a="2", b="1"), digest(a="1")}) == 4


def test_a_manifest_decides_what_is_synthetic(tmp_path: Path) -> None:
    assert not is_synthetic(tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"synthetic": False}))
    assert not is_synthetic(tmp_path)
    manifest.write_text("{")
    with pytest.raises(TraceError, match="not a readable manifest"):
        is_synthetic(tmp_path)


def test_files_are_read_once(made_up: Path) -> None:
    source = DirectorySource(made_up)
    source.job_facts(SQUAD, "v100")
    for path in made_up.iterdir():
        path.unlink()
    assert source.job_facts(SQUAD, "v100").sizes


def test_synthetic_traces_need_a_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be created: Not a directory"):
        synthesize_traces(tmp_path / "file" / "made-up", ["v100"], seed=1)


def test_without_noise_the_power_trace_is_the_models(tmp_path: Path) -> None:
    synthesize_traces(tmp_path, ["a40"], seed=1, noise=0.0)
    written, built_in = DirectorySource(tmp_path).power("a40"), BuiltinSource().power("a40")
    assert written.time_per_epoch == pytest.approx(list(built_in.time_per_epoch), rel=1e-12)
    assert list(written.power_limit) == list(built_in.power_limit)


def test_the_public_traces_are_known_by_their_digests(public_traces: Path) -> None:
    record = DirectorySource(public_traces).record("v100")
    assert record.is_public
    name, *_ = record.files
    other = SourceRecord.of_files(
        record.kind, record.path, {**record.files, name: "0" * 64}, record.provenance
    )
    assert not other.is_public
    labelled = SourceRecord.of_files(record.kind, record.path, record.files, Provenance.MODEL)
    assert not labelled.is_public, "whoever calls them synthetic will have a reason"
    assert not BuiltinSource().record("v100").is_public
