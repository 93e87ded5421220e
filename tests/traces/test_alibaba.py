import gzip
import json
import lzma
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elastance.errors import InputError, TraceError
from elastance.runs import Provenance
from elastance.traces import read_groups, read_table
from elastance.traces.alibaba import AlibabaImport, import_alibaba
from made_up_alibaba import make_miniature, write_large_copy

# In no order, so that the importer must find it.
RUN_TIMES_S = {
    "cifar100": 600.0,
    "imagenet": 75_000.0,
    "squad": 7_000.0,
    "librispeech": 60_000.0,
    "movielens-1m": 85.0,
    "sentiment140": 12_000.0,
}
BY_KIND = ("movielens-1m", "cifar100", "squad", "sentiment140", "librispeech", "imagenet")

TABLES = ("pai_job_table", "pai_task_table", "pai_group_tag_table")


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return make_miniature().write(tmp_path / "tables")


def imported(directory: Path, name: str = "groups.csv", **run_times_s: float) -> AlibabaImport:
    return import_alibaba(directory, directory.parent / name, run_times_s or RUN_TIMES_S)


@pytest.mark.parametrize("seed", range(5))
def test_the_truth_of_a_miniature_is_found(tmp_path: Path, seed: int) -> None:
    truth = make_miniature(seed)
    made = imported(truth.write(tmp_path / "tables", np.random.default_rng(seed)))
    assert {reason.name.lower(): count for reason, count in made.dropped.items()} == truth.dropped
    assert made.jobs == len(truth.jobs)
    trace = read_groups(made.written.path)
    assert trace.provenance is Provenance.TRACE
    found = {group.name: [row[:2] for row in group.submissions] for group in trace.groups}
    assert found == truth.kept
    assert list(found) == sorted(found)
    assert {group.name: group.dataset for group in trace.groups} == {
        name: BY_KIND[kind] for name, kind in truth.kind_of_group.items()
    }
    for kind, of_class in enumerate(made.classes):
        rows = [truth.kept[name] for name, of in truth.kind_of_group.items() if of == kind]
        means_s = [float(np.mean([end - start for start, end in group])) for group in rows]
        assert of_class.workload == BY_KIND[kind]
        assert of_class.default_run_time_s == RUN_TIMES_S[BY_KIND[kind]]
        assert of_class.centre_s == pytest.approx(np.exp(np.mean(np.log(means_s))))
        assert (of_class.shortest_s, of_class.longest_s) == pytest.approx((min(means_s), max(means_s)))
        mean_s = np.mean([end - start for group in rows for start, end in group])
        for group in trace.groups:
            if group.dataset == of_class.workload:
                for row in group.submissions:
                    assert row.runtime_ratio == pytest.approx((row.end_s - row.start_s) / mean_s)


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    truth = make_miniature()
    sums = {
        imported(truth.write(tmp_path / str(seed), np.random.default_rng(seed)), f"{seed}.csv").written.sha256
        for seed in range(3)
    }
    assert len(sums) == 1


def test_the_manifest_says_what_was_made_of_what(tables: Path) -> None:
    made = imported(tables)
    manifest = json.loads(made.written.manifest.read_text())
    assert manifest["synthetic"] is False
    assert list(manifest["tables"]) == [f"{name}.csv" for name in TABLES]
    assert manifest["dropped"]["single"] == 18
    assert [of["workload"] for of in manifest["classes"]] == list(BY_KIND)
    assert (manifest["groups"], manifest["rows"]) == (18, len(made.written.table))


def test_fewer_workloads_take_all_groups(tables: Path) -> None:
    made = imported(tables, squad=2.0, cifar100=1.0)
    assert [share.dataset for share in made.written.table.shares] == ["cifar100", "squad"]
    assert sum(share.groups for share in made.written.table.shares) == 18


def pack_gz(path: Path) -> None:
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))


def pack_xz(path: Path) -> None:
    path.with_name(f"{path.name}.xz").write_bytes(lzma.compress(path.read_bytes()))


def pack_tar(path: Path) -> None:
    """As downloaded."""
    with tarfile.open(path.with_name(f"{path.stem}.tar.gz"), "w:gz") as archive:
        archive.add(path, f"./{path.name}")


PACKERS = (pack_gz, pack_xz, pack_tar)


@pytest.mark.parametrize("pack", PACKERS)
def test_compressed_tables_read_the_same(tables: Path, pack: Callable[[Path], None]) -> None:
    plain = imported(tables).written.sha256
    for name in TABLES:
        pack(tables / f"{name}.csv")
        (tables / f"{name}.csv").unlink()
    assert imported(tables, "again.csv").written.sha256 == plain


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("cut", ["truncated", "garbled", "other"])
def test_compressed_tables_cut_off_or_damaged(tables: Path, pack: Callable[[Path], None], cut: str) -> None:
    pack(tables / "pai_job_table.csv")
    (tables / "pai_job_table.csv").unlink()
    (packed,) = tables.glob("pai_job_table*")
    content = packed.read_bytes()
    middle = len(content) // 2
    packed.write_bytes(
        {
            "truncated": content[:middle],
            "garbled": content[:middle] + bytes(100) + content[middle + 100 :],
            "other": b"<html>not found</html>",
        }[cut]
    )
    message = "is truncated" if cut == "truncated" else "cannot be (decompressed|unpacked)|is truncated"
    with pytest.raises(TraceError, match=f"{packed.name}: .*({message})"):
        imported(tables)
    assert not (tables.parent / "groups.csv").exists()


def test_an_archive_of_something_else(tables: Path) -> None:
    pack_tar(tables / "pai_job_table.csv")
    (tables / "pai_job_table.csv").unlink()
    (tables / "pai_job_table.tar.gz").rename(tables / "pai_task_table.tar.gz")
    (tables / "pai_task_table.csv").rename(tables / "pai_job_table.csv")
    with pytest.raises(TraceError, match=r"pai_job_table\.csv, row 1: 10 columns, pai_job_table has 6"):
        imported(tables)
    (tables / "pai_job_table.csv").rename(tables / "x.csv")
    (tables / "pai_task_table.tar.gz").rename(tables / "pai_job_table.tar.gz")
    pack_tar(tables / "x.csv")
    (tables / "x.tar.gz").rename(tables / "pai_task_table.tar.gz")
    with pytest.raises(TraceError, match=r"pai_task_table\.tar\.gz: holds no pai_task_table\.csv"):
        imported(tables)


def prepend(path: Path, line: str) -> None:
    path.write_text(f"{line}\n{path.read_text()}")


def test_header_lines_and_header_files_are_understood(tables: Path) -> None:
    plain = imported(tables).written.sha256
    prepend(tables / "pai_job_table.csv", "job_name,inst_id,user,status,start_time,end_time")
    (tables / "pai_group_tag_table.header").write_text("inst_id,user,gpu_type_spec,group,workload\n")
    assert imported(tables, "again.csv").written.sha256 == plain
    # A header file in another order than the published one is believed.
    path = tables / "pai_group_tag_table.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("".join(",".join([group, inst, user]) + "\n" for inst, user, _, group, _ in rows))
    (tables / "pai_group_tag_table.header").write_text("group,inst_id,user\n")
    assert imported(tables, "third.csv").written.sha256 == plain
    (tables / "pai_group_tag_table.header").write_text("group,inst_id,owner\n")
    with pytest.raises(TraceError, match=r"pai_group_tag_table\.header: names no column user"):
        imported(tables)


@pytest.mark.parametrize("last", [True, False])
def test_a_job_tagged_twice_counts_once(tables: Path, last: bool) -> None:
    plain = imported(tables).written.sha256
    path = tables / "pai_group_tag_table.csv"
    text = path.read_text()
    first = text.splitlines()[0].split(",")
    other = ",".join([*first[:3], "zzz", first[4]]) + "\n"
    path.write_text(text + other if last else other + text)
    assert imported(tables, "again.csv").written.sha256 == plain


def edit_row(path: Path, edit: Callable[[list[str]], list[str]], row: int = 5) -> None:
    lines = path.read_text().splitlines()
    lines[row - 1] = ",".join(edit(lines[row - 1].split(",")))
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda cells: cells[:-1], r"pai_job_table\.csv, row 5: 5 cells where there should be 6"),
        (lambda cells: [*cells, "x"], r"pai_job_table\.csv, row 5: 7 cells where there should be 6"),
        (lambda cells: [*cells[:-1], "noon"], r"could not parse `noon` as dtype `f64` at column 'end_time'"),
        (lambda cells: ['"' + cells[0], *cells[1:]], r"pai_job_table\.csv, row 5: not CSV: "),
    ],
)
def test_malformed_rows(tables: Path, edit: Callable[[list[str]], list[str]], message: str) -> None:
    edit_row(tables / "pai_job_table.csv", edit)
    with pytest.raises(TraceError, match=message) as refused:
        imported(tables)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (1, "the last line has no line end"),
        (15, "cells where there should be 6; the file was probably cut off"),
    ],
)
def test_a_table_cut_off(tables: Path, cut: int, message: str) -> None:
    path = tables / "pai_job_table.csv"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(TraceError, match=message):
        imported(tables)


def test_quoted_cells_are_read(tables: Path) -> None:
    plain = imported(tables).written.sha256
    edit_row(tables / "pai_group_tag_table.csv", lambda cells: [*cells[:4], '"a, b"'])
    assert imported(tables, "again.csv").written.sha256 == plain


def test_tables_that_are_not_there(tables: Path) -> None:
    (tables / "pai_task_table.csv").unlink()
    with pytest.raises(TraceError, match="tables: no pai_task_table here"):
        imported(tables)
    with pytest.raises(TraceError, match="elsewhere: no such directory"):
        imported(tables.parent / "elsewhere")
    (tables / "pai_task_table.csv").touch()
    with pytest.raises(TraceError, match=r"pai_task_table\.csv: the file is empty"):
        imported(tables)


def test_nothing_recurs(tables: Path) -> None:
    path = tables / "pai_job_table.csv"
    path.write_text(path.read_text().replace("Terminated", "Failed"))
    with pytest.raises(
        TraceError, match="no recurring group: of 323 jobs, 36 no group tag, 36 planned without a"
    ):
        imported(tables)


def test_fewer_groups_than_workloads(tmp_path: Path) -> None:
    truth = make_miniature(groups_of_a_kind=1)
    keep = next(iter(truth.kept))
    truth.tags = [row for row in truth.tags if row[3] == keep]
    tables = truth.write(tmp_path / "tables")
    with pytest.raises(
        TraceError,
        match=r"1 recurring group\(s\) with 1 distinct mean run time\(s\), too few for 6 workloads",
    ):
        imported(tables)
    assert len(imported(tables, squad=1.0).written.table.names) == 1


def test_without_polars(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError, match=r"needs the extra 'parquet': pip install 'elastance\[parquet\]'"):
        imported(tables)


MEASURED = """
import resource, sys
from pathlib import Path
from elastance.traces.alibaba import import_alibaba
made = import_alibaba(Path(sys.argv[1]), Path(sys.argv[2]), dict(zip("abcdef", range(6))))
print(made.jobs, len(made.written.table), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_trace_of_full_size_needs_less_than_two_gigabytes(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the unit of the peak differs elsewhere")
    tables = write_large_copy(tmp_path / "tables", jobs=1_200_000)
    shown = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tables), str(tmp_path / "groups.csv.gz")],
        capture_output=True,
        text=True,
        check=True,
    )
    jobs, rows, peak_kib = map(int, shown.stdout.split())
    assert jobs == 1_200_000
    assert rows > 500_000
    assert peak_kib < 2_000_000
    assert len(read_table(tmp_path / "groups.csv.gz")) == rows
