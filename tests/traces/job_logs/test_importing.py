import json
from collections.abc import Callable
from pathlib import Path

import pytest

from elastance.errors import InputError, TraceError, UnknownNameError
from elastance.traces import builtin_step_times, read_cluster, read_step_times
from elastance.traces.job_logs import (
    CLASSES,
    ClusterImport,
    Dropped,
    Larger,
    Selection,
    find_log,
    import_gavel_throughputs,
    import_jobs,
    parse_gpu_hours,
)
from elastance.traces.job_logs.applications import SIA_CLASSES, SIA_STAND_INS, TIRESIAS_STAND_INS, class_of
from elastance.traces.synthesize_cluster import APPLICATION_MIX
from made_up_job_logs import LOGS as TEXTS
from made_up_job_logs import THROUGHPUTS

TIMES = builtin_step_times()
Import = Callable[..., ClusterImport]


@pytest.fixture
def importing(tmp_path: Path) -> Import:
    def importing(name: str, times=TIMES, output: str = "jobs.csv", **options) -> ClusterImport:
        path = tmp_path / f"{name}.log.csv"
        path.write_bytes(TEXTS[name].encode())
        return import_jobs(name, path, tmp_path / output, times, **options)

    return importing


@pytest.mark.parametrize("name", ["philly", "helios", "tiresias", "openb"])
def test_a_job_takes_as_long_as_recorded(importing: Import, name: str) -> None:
    made = importing(name, preferred="v100=1,t4=1")
    log = find_log(name).read(made.path.with_name(f"{name}.log.csv"))
    records = {record.name: record for record in log.records}
    for job in read_cluster(made.path).jobs:
        run_s = job.steps * TIMES.step_s(job.application, job.batch_size, job.preferred_gpu)
        assert run_s == pytest.approx(records[job.name].run_s)
        assert job.logical_workers == records[job.name].gpus


def test_gpu_time_decides_what_stands_for_a_job(importing: Import) -> None:
    by_name = {job.name: job for job in importing("philly").jobs}
    classes = {"philly-2": 0, "philly-3": 1, "philly-4": 3, "philly-7": 2}
    assert by_name.keys() == classes.keys()
    for name, number in classes.items():
        job = by_name[name]
        assert job.application in CLASSES[number].applications
        assert job.may_mix_types == APPLICATION_MIX[job.application][2]
    assert class_of(3599.0).name == "small"
    assert class_of(3600.0).name == "medium"


def test_every_stand_in_has_step_times() -> None:
    used = {name for of in CLASSES for name in of.applications}
    used |= set(SIA_STAND_INS.values()) | set(TIRESIAS_STAND_INS.values())
    assert used <= TIMES.points.keys()
    assert SIA_CLASSES.keys() == SIA_STAND_INS.keys()


def test_sia_jobs_take_the_gpu_hours_of_their_class(importing: Import) -> None:
    made = importing("sia", gpu_hours=parse_gpu_hours("xlarge=200"))
    assert {of.application: of.gpu_hours for of in made.shares} == pytest.approx(
        {"resnet50": 200.0, "bert": 3.0, "shufflenetv2": 0.3}
    )
    for text in ("huge=3", "small", "small=-1", "small=nan"):
        with pytest.raises(InputError, match="expected classes and hours such as small=0.3"):
            parse_gpu_hours(text)


def test_a_capped_job_does_the_same_work(importing: Import) -> None:
    whole = {job.name: job for job in importing("tiresias").jobs}
    made = importing("tiresias", selection=Selection(max_workers=2, larger=Larger.CAP))
    assert made.jobs[1].logical_workers == 2
    assert made.jobs[1].samples == whole[made.jobs[1].name].samples
    assert any("1 jobs on more GPUs" in note for note in made.notes)


def test_gavel_runs_on_its_own_step_times(importing: Import, tmp_path: Path) -> None:
    source = tmp_path / "throughputs.csv"
    source.write_text(THROUGHPUTS)
    made = import_gavel_throughputs(source, tmp_path / "step_times.json")
    times = read_step_times(made.path)
    assert times.step_s("ResNet-18 (batch size 64)", 64, "k80") == 0.25
    assert times.points["CycleGAN"] == {1: {"v100": 2.0}}
    assert made.document["left_out"] == {"unconsolidated": 1, "not measured": 1}
    assert made.document["scaling"] == {"v100": {"2": 0.8}}
    jobs = importing("gavel", times).jobs
    assert [job.steps for job in jobs] == [500.0, 30000.0, 700.0]
    assert [job.may_mix_types for job in jobs] == [False, True, False]
    with pytest.raises(TraceError, match="row 1: unknown application 'ResNet-18.*gavel-throughputs` makes"):
        importing("gavel")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("v100,10.0", "v100,-10.0", "row 3, column steps_per_s: -10 is negative"),
        ("gpu_type", "type", "column gpu_type: column missing"),
        (",1,", ",2,", "no job type was measured on one GPU"),
    ],
)
def test_throughputs_that_make_no_sense(tmp_path: Path, before: str, after: str, message: str) -> None:
    path = tmp_path / "throughputs.csv"
    path.write_text(THROUGHPUTS.replace(before, after))
    with pytest.raises(TraceError, match=message):
        import_gavel_throughputs(path, tmp_path / "step_times.json")
    assert not (tmp_path / "step_times.json").exists()


def test_the_manifest_says_where_jobs_come_from_and_simulations_hear_of_it(importing: Import) -> None:
    made = importing("openb")
    document = json.loads(made.manifest.read_text())
    assert document["source"]["licence"] == "Apache-2.0"
    assert document["dropped"] == {"no_gpu": 1, "never_ran": 1, "no_run_time": 1}
    assert document["jobs"] + sum(document["dropped"].values()) == document["rows"] == 6
    workload = read_cluster(made.path)
    assert workload.irregularities[0] == "made by elastance data import openb of openb.log.csv"
    assert any("a share of a GPU" in line for line in workload.irregularities)
    made.path.write_text(made.path.read_text().replace("pod-0", "pod-9"))  # no longer what was imported
    assert read_cluster(made.path).irregularities == ()


def test_same_seed_same_bytes_however_compressed(importing: Import) -> None:
    first = importing("philly", preferred="v100=1,t4=1").path.read_bytes()
    assert importing("philly", preferred="v100=1,t4=1").path.read_bytes() == first
    others = {
        importing("philly", preferred="v100=1,t4=1", seed=seed).path.read_bytes() for seed in range(1, 5)
    }
    assert others - {first}
    packed = importing("philly", output="jobs.csv.xz", preferred="v100=1,t4=1")
    assert read_cluster(packed.path).jobs == packed.jobs


def test_what_cannot_be_imported(importing: Import, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown job log 'pilly': did you mean philly"):
        import_jobs("pilly", tmp_path / "x", tmp_path / "y.csv", TIMES)
    with pytest.raises(TraceError, match="unknown GPU of application .* 'h100'"):
        importing("philly", preferred="h100")
    with pytest.raises(TraceError, match="no job is left: of 6 rows, .* outside the window"):
        importing("philly", selection=Selection(from_days=90.0))
    with pytest.raises(InputError, match=r"must end in \.csv"):
        importing("philly", output="jobs.parquet")
    with pytest.raises(InputError, match="seed -1 is negative"):
        importing("philly", seed=-1)
    path = tmp_path / "sia.csv"
    path.write_text(TEXTS["sia"].replace("bert,16", "gpt,16"))
    with pytest.raises(TraceError, match="row 3: unknown application of sia 'gpt'"):
        import_jobs("sia", path, tmp_path / "jobs.csv", TIMES)
    assert [of.name for of in tmp_path.iterdir() if of.name.startswith("jobs")] == []


def test_reasons_are_counted(importing: Import) -> None:
    made = importing("philly", selection=Selection(jobs=2, max_workers=4))
    assert made.dropped == {
        Dropped.NO_RUN_TIME: 1,
        Dropped.NO_GPU: 1,
        Dropped.TOO_LARGE: 1,
        Dropped.NOT_PICKED: 1,
    }
