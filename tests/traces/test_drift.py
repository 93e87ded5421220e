import json
import math
from itertools import pairwise
from pathlib import Path

import pytest

from elastance.errors import InputError, TraceError
from elastance.job import Job
from elastance.runs import Provenance
from elastance.traces import BuiltinSource, find_issues, read_drift, read_table
from elastance.traces.drift_model import DriftModel, DriftSettings, synthesize_drift

HEAD = "dataset,network,batch_size,optimizer,learning_rate,run,target_metric,target_epoch,slice"
JOB = Job("sentiment140", "bert_base_uncased", "adamw", 0.84, 10, 128)


def write(path: Path, *rows: tuple[int, int, str], head: str = HEAD) -> Path:
    """A drift trace of (slice, batch size, epochs to the target)."""
    lines = [
        f"sentiment140,bert_base_uncased,{size},adamw,1e-7,1,0.84,{epoch},{number}"
        for number, size, epoch in rows
    ]
    path.write_text("\n".join([head, *lines, ""]))
    return path


def test_every_slice_has_its_own_paths_and_the_same_power(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", (2, 64, "5"), (1, 128, "4"), (1, 64, "3"), (2, 128, ""))
    drift = read_drift(path)
    assert (drift.provenance, drift.synthetic, drift.datasets) == (Provenance.TRACE, False, ("sentiment140",))
    power = BuiltinSource().power("v100")
    first, second = drift.job_facts(power, JOB, Provenance.TRACE)
    assert [(size, of.paths) for size, of in first.sizes.items()] == [(64, (3,)), (128, (4,))]
    assert [(size, of.paths) for size, of in second.sizes.items()] == [(64, (5,)), (128, (None,))]
    assert first.sizes[64].epoch_at == second.sizes[64].epoch_at
    assert first.provenance is Provenance.TRACE
    assert drift.job_facts(power, JOB, Provenance.MODEL)[0].provenance is Provenance.MODEL


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(2, 64, "3")], "row 2, column slice: .*slice 1 is missing"),
        ([(1, 64, "3"), (3, 64, "3")], "row 3, column slice: .*slice 2 is missing; slices count from 1"),
        (
            [(1, 64, "3"), (1, 32, "3"), (2, 32, "3")],
            "row 4, column batch_size: .*slice 2 lacks batch size 64",
        ),
        ([(1, 64, "3"), (1, 64, "4")], "row 3: same as row 2: .*slice 1, run 1"),
        ([(0, 64, "3")], "row 2, column slice: '0', expected a positive whole number"),
    ],
)
def test_slices_without_gaps_and_with_equal_sizes(tmp_path: Path, rows, message) -> None:
    with pytest.raises(TraceError, match=message):
        read_drift(write(tmp_path / "d.csv", *rows))


def test_a_train_trace_is_no_drift_trace(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", (1, 64, "3"))
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in path.read_text().splitlines()) + "\n")
    with pytest.raises(TraceError, match="column slice: column missing from the header; a drift trace has"):
        read_drift(path)
    assert read_table(path).schema.kind == "train"


def test_a_job_that_is_not_on_every_slice(tmp_path: Path) -> None:
    path = write(tmp_path / "d.csv", (1, 64, "3"), (2, 64, "3"))
    path.write_text(path.read_text() + "squad,bert_base_uncased,32,adamw,1e-6,1,84.0,4,1\n")
    drift = read_drift(path)
    power = BuiltinSource().power("v100")
    assert len(drift.job_facts(power, JOB, Provenance.TRACE)) == 2
    squad = Job("squad", "bert_base_uncased", "adamw", 84.0, 6, 32)
    assert len(drift.job_facts(power, squad, Provenance.TRACE)) == 1
    with pytest.raises(InputError, match=r"target metric 0.5 is not in slice 1 of .*d.csv"):
        drift.job_facts(
            power, Job("sentiment140", "bert_base_uncased", "adamw", 0.5, 10, 64), Provenance.TRACE
        )


def test_a_synthetic_trace_says_so_whatever_becomes_of_its_name(tmp_path: Path) -> None:
    path, manifest = synthesize_drift(tmp_path / "d.csv", DriftSettings(slices=3))
    assert json.loads(manifest.read_text())["synthetic"] is True
    assert read_drift(path).synthetic
    renamed = path.rename(tmp_path / "real.csv")
    assert read_drift(renamed).synthetic
    assert "synthetic drift over 3 slices" in str(read_drift(renamed))
    # ... and without the column, by the manifest alone.
    plain = "".join(
        line.removesuffix(",synthetic").removesuffix(",origin") + "\n"
        for line in renamed.read_text().splitlines()
    )
    (tmp_path / "real.csv").write_text(plain)
    assert not read_drift(renamed).synthetic
    manifest.rename(tmp_path / "real.csv.manifest.json")
    assert read_drift(renamed).synthetic
    (tmp_path / "real.csv.manifest.json").write_text("[]")
    with pytest.raises(TraceError, match="not a readable manifest"):
        read_drift(renamed)


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    contents = [
        synthesize_drift(tmp_path / f"{name}.csv", DriftSettings(seed=seed))[0].read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert contents[0] == contents[1] != contents[2]
    assert list(find_issues(read_table(tmp_path / "a.csv"))) == []


def test_the_best_batch_size_wanders_smoothly() -> None:
    model = DriftModel(DriftSettings(slices=38, seed=3))
    best = [model.best_size(number) for number in range(1, 40)]
    assert best[-1] == pytest.approx(best[0])  # back after a period
    assert max(best) / min(best) > 2**2.9
    assert all(0.75 < after / before < 1.34 for before, after in pairwise(best))
    for number in (1, 10, 20):
        at = {size: abs(math.log2(size / best[number - 1])) for size in model.batch_sizes}
        assert min(at, key=lambda size: model.epochs(number, size)) == min(at, key=lambda size: at[size])
    far = DriftModel(DriftSettings(swing=4.0, contrast=3.0))
    number = max(range(1, 39), key=far.best_size)
    assert far.epochs(number, 8) / far.epochs(number, 128) == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slices": 0}, "slices 0"),
        ({"repeats": 0}, "repeats 0"),
        ({"seed": -1}, "seed -1"),
        ({"noise": 1.0}, "noise 1.0"),
        ({"swing": -1.0}, "swing -1.0"),
        ({"period": 0.5}, "period 0.5"),
        ({"contrast": 0.5}, "contrast 0.5"),
        ({"workload": "sentiment"}, "did you mean sentiment140"),
    ],
)
def test_nonsense_is_refused(settings, message) -> None:
    with pytest.raises(InputError, match=message):
        DriftSettings(**settings)
