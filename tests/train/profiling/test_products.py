"""What measurements become: split profile, power trace, best limit."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.runs import Provenance
from elastance.traces import find_issues, profile_warnings, read_profile, read_table
from elastance.train.launching.placement import is_of_type
from elastance.train.profiling.plan import Cell, Trial
from elastance.train.profiling.products import JobIdentity, best_limit, gpu_file_name, make_products

JOB = JobIdentity("cifar", "resnet", "sgd")


def cell(size: int, limit_w: int, step_s: float = 0.01, steps: int = 100, **fields) -> Cell:
    power_w = fields.pop("power_w", 0.8 * limit_w)
    trial = Trial(time_s=steps * step_s, energy_j=steps * step_s * power_w)
    return Cell(
        **{"batch_size": size, "power_limit_w": limit_w, "steps": steps, "warmup_steps": 10, "settled": True}
        | {"trials": (trial, trial, trial), "spans_epochs": False, "gpus": 1, "epoch_steps": 50}
        | {"energy_source": Provenance.COUNTER, "energy_method": Provenance.COUNTER, "uncertainty_j": 1.0}
        | fields
    )


@given(st.dictionaries(st.integers(1, 4096), st.tuples(st.integers(2, 500), st.floats(1e-4, 10)), min_size=1))
def test_totals_are_of_equally_many_steps_whatever_was_measured(sizes) -> None:
    """Of the same number in every profile: a plan is made of several."""
    cells = [
        cell(size, limit_w, step_s * 250 / limit_w, steps)
        for size, (steps, step_s) in sizes.items()
        for limit_w in (250, 200)
    ]
    made = make_products(cells, (250, 200), "v100", JOB)
    assert made.split_steps == 1000
    profile = json.loads(made.files["v100.json"])
    for one in cells:
        (row,) = [row for row in profile[str(one.batch_size)] if row["power_limit"] == one.power_limit_w]
        assert row["time"] == pytest.approx(1000 * one.step_time_s)
        assert row["energy"] == pytest.approx(1000 * one.step_energy_j)


def test_the_files_are_what_other_commands_read(tmp_path: Path) -> None:
    cells = [cell(size, limit, 0.01 * size / 32) for size in (32, 64) for limit in (100, 250, 200)]
    made = make_products(cells, (250, 200, 100), "v100", JOB)
    for name, text in made.files.items():
        (tmp_path / name).write_text(text)
    profile = read_profile(tmp_path / "v100.json")
    assert (profile.batch_sizes, profile.power_limits_w) == ((32, 64), (100, 200, 250))
    assert profile_warnings(profile) == ()
    table = read_table(tmp_path / "summary_power_v100.csv")
    assert list(find_issues(table)) == []
    assert table.columns["power_limit"] == [100, 200, 250] * 2
    assert table.columns["time_per_epoch"] == pytest.approx([0.5] * 3 + [1.0] * 3)
    assert table.columns["average_power"] == pytest.approx([80.0, 160.0, 200.0] * 2)
    assert {made.digests[path.name] for path in tmp_path.iterdir()} == set(made.digests.values())


def test_a_manifest_beside_it_says_that_a_profile_is_simulated(tmp_path: Path) -> None:
    made = make_products([cell(32, 250)], (250,), "v100", JOB)
    path = tmp_path / "v100.json"
    path.write_text(made.files["v100.json"])
    assert read_profile(path).provenance is Provenance.TRACE
    manifest = {"synthetic": True, "files": made.digests}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert read_profile(path).provenance is Provenance.MODEL
    path.write_text(path.read_text() + "\n")  # no longer what the manifest is about
    assert read_profile(path).provenance is Provenance.TRACE
    path.write_text(made.files["v100.json"])
    for other in ("{", "[]", '{"synthetic": true}', json.dumps(manifest | {"synthetic": False})):
        (tmp_path / "manifest.json").write_text(other)
        assert read_profile(path).provenance is Provenance.TRACE


def test_a_size_that_is_not_complete_is_left_out_and_named() -> None:
    made = make_products([cell(32, 250), cell(32, 200), cell(64, 250)], (250, 200), "v100", JOB)
    assert list(json.loads(made.files["v100.json"])) == ["32"]
    assert made.notes == ("left out of the files, as not every limit was measured: batch size 64",)
    nothing = make_products([cell(64, 250)], (250, 200), "v100", JOB)
    assert (nothing.files, nothing.split_steps) == ({}, None)


def test_an_epoch_is_as_long_as_the_samples_or_the_loader_say() -> None:
    def times(cells, samples) -> list[float]:
        made = make_products(cells, (250,), "v100", JOB, samples)
        rows = csv.DictReader(io.StringIO(made.files["summary_power_v100.csv"]))
        return [float(row["time_per_epoch"]) for row in rows]

    assert times([cell(32, 250), cell(64, 250)], 3200) == pytest.approx([1.0, 0.5])
    known_later = [cell(32, 250), cell(64, 250, epoch_steps=25)]
    assert times(known_later, None) == pytest.approx([0.5, 0.25])
    unknown = make_products([cell(32, 250, epoch_steps=None)], (250,), "v100", JOB)
    assert list(unknown.files) == ["v100.json"]
    assert "batch size 32 is unknown; give --samples N" in unknown.notes[0]


def test_the_limits_of_several_gpus_are_added_up_in_the_trace() -> None:
    made = make_products([cell(32, 250, gpus=4, power_w=900.0)], (250,), "v100", JOB)
    (row,) = csv.DictReader(io.StringIO(made.files["summary_power_v100.csv"]))
    assert (row["power_limit"], float(row["average_power"])) == ("1000", pytest.approx(900.0))
    assert list(made.files) == ["summary_power_v100.csv"]


def test_the_best_limit_depends_on_what_matters() -> None:
    cells = [cell(32, 100, 0.02), cell(32, 200, 0.0125), cell(32, 250, 0.01)]
    assert [best_limit(cells, eta).power_limit_w for eta in (0.0, 1.0)] == [250, 100]


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("NVIDIA Tesla V100 PCIe (simulated)", "v100"),
        ("NVIDIA A40", "a40"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm4-80gb"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx6000-ada-generation"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("Tesla T4", "t4"),
        ("AMD Instinct MI300X", "mi300x"),
    ],
)
def test_files_are_named_after_the_gpu(product: str, name: str) -> None:
    assert gpu_file_name(product) == name
    assert is_of_type(name, product)  # so that `elastance launch` finds it again
    assert gpu_file_name("???") == "gpu"
