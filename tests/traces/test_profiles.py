import json
from pathlib import Path
from typing import Any

import pytest

from elastance.catalog import find_workload
from elastance.errors import InputError, TraceError
from elastance.runs import Provenance
from elastance.traces import (
    BuiltinSource,
    DirectorySource,
    SplitProfile,
    find_source,
    profile_of_trace,
    profile_warnings,
    read_profile,
)


def window(limit: int, energy: Any = 100.0, time: Any = 2.0) -> dict[str, Any]:
    return {"power_limit": limit, "energy": energy, "time": time}


def written(directory: Path, document: Any, name: str = "a10.json") -> Path:
    path = directory / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def profile(directory: Path, document: dict[str, Any]) -> SplitProfile:
    return read_profile(written(directory, document))


def test_points_come_in_order(tmp_path: Path) -> None:
    document = {"64": [window(100), window(50, 90.0)], "32": [window(50, 40, 1), window(100, 60.0, 1.5)]}
    read = profile(tmp_path, document)
    assert [point[:2] for point in read.points] == [(32, 50), (32, 100), (64, 50), (64, 100)]
    assert read.points[0] == (32, 50, 1.0, 40.0)
    assert (read.name, read.cap, read.batch_sizes, read.power_limits_w) == ("a10", 64, (32, 64), (50, 100))
    assert len(read.sha256) == 64
    assert read.provenance is Provenance.TRACE
    assert profile_warnings(read, 10.0) == ()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "not JSON"),
        ('{"32": [', "row 1: not JSON"),
        ("[]", "is not what a profile holds here"),
        ("[" * 100_000, "nested too deep"),
        ({}, "the profile is empty"),
        ({"32": []}, "the profile is empty"),
        ({"big": [window(50)]}, "batch size 'big'"),
        ({"0": [window(50)]}, "batch size '0'"),
        ({"32": window(50)}, "batch size '32'"),
        ({"32": [3]}, "batch size '32': 3 is not what a profile holds"),
        ({"32": [{"power_limit": 50, "time": 1.0}]}, "batch size 32, entry 1: energy is missing"),
        (
            {"32": [window(50), window(60, -5.0)]},
            "batch size 32, entry 2: energy is -5.0, expected a positive finite",
        ),
        ({"32": [window(50, 0.0)]}, "energy is 0.0"),
        ({"32": [window(50, time=0)]}, "time is 0"),
        ({"32": [window(50, "much")]}, "energy is 'much'"),
        ('{"32": [{"power_limit": 50, "energy": NaN, "time": 1}]}', "energy is nan"),
        ('{"32": [{"power_limit": 50, "energy": 1e999, "time": 1}]}', "energy is inf"),
        ({"32": [window(-50)]}, "power_limit is -50, expected a positive whole number of watts"),
        ({"32": [window(50), window(50)]}, "batch size 32 has power limit 50 W twice"),
        (
            {"32": [window(50), window(60)], "64": [window(60)]},
            "unequal power limits: batch size 64 .* at 50 W",
        ),
        (
            {"32": [window(50)], "64": [window(50, time=0.9)]},
            "non-monotone: batch size 64 at 50 W took 0.9 s",
        ),
        ('{"32": [], "32": []}', "'32' stands twice"),
    ],
)
def test_what_is_no_profile_is_one_clear_line(tmp_path: Path, document: Any, message: str) -> None:
    path = written(tmp_path, document)
    with pytest.raises(TraceError, match=message) as error:
        read_profile(path)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(str(path))


def test_what_is_no_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="no such file"):
        read_profile(tmp_path / "a10.json")
    with pytest.raises(TraceError, match="cannot be read"):
        read_profile(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(TraceError, match="not"):
        read_profile(tmp_path / "b.json")


def test_each_kind_of_oddity_names_its_worst_point(tmp_path: Path) -> None:
    document = {
        "32": [window(50, 20.0, 0.3), window(100, 100.0, 2.0)],
        "64": [window(50, 150.0, 2.4), window(100, 10.0, 1.8)],
        "128": [window(50, 320.0, 4.0), window(100, 300.0, 4.0)],
    }
    lines = profile_warnings(profile(tmp_path, document), 20.0)
    assert len(lines) == 5
    for line, said in zip(
        lines,
        (
            "1 of 6 points are windows shorter than 10 periods of an energy counter (1 s); worst batch size 32 at 50",
            "2 of 6 points draw more than their power limit; worst batch size 128 at 50 W: 80.0 W",
            "1 of 6 points draw less than the idle power of 20 W; worst batch size 64 at 100 W: 5.6 W",
            "1 of 6 points take less time than a smaller batch (the larger value counts); worst batch size 64 at",
            "1 of 6 points use less energy than a smaller batch (the larger value counts); worst batch size 64 at",
        ),
        strict=True,
    ):
        assert line.startswith(f"a10: {said}")


def test_a_little_noise_is_not_worth_a_word(tmp_path: Path) -> None:
    document = {"32": [window(50, 104.0, 2.0)], "64": [window(50, 102.0, 1.95)]}
    assert profile_warnings(profile(tmp_path, document)) == ()


def test_a_trace_gives_the_share_of_an_epoch() -> None:
    source, workload = BuiltinSource(), find_workload("cifar100")
    made = profile_of_trace(source, "V100", workload, 2048)
    facts = {
        (size, limit): (time_s, power_w)
        for dataset, size, limit, time_s, power_w in zip(
            *(
                getattr(source.power("v100"), column)
                for column in ("dataset", "batch_size", "power_limit", "time_per_epoch", "average_power")
            ),
            strict=True,
        )
        if dataset == "cifar100"
    }
    assert (made.name, made.window, made.provenance) == ("v100", "epoch", Provenance.MODEL)
    for point in made.points:
        time_s, power_w = facts[point.batch_size, point.power_limit_w]
        assert point.time_s == pytest.approx(time_s * point.batch_size / 2048)
        assert point.power_w == pytest.approx(power_w)
    halved = profile_of_trace(source, "v100", workload, 4096)
    assert halved.points[0].time_s == pytest.approx(made.points[0].time_s / 2)


def test_a_trace_without_the_workload_is_refused(tmp_path: Path) -> None:
    header = "dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power\n"
    (tmp_path / "summary_power_v100.csv").write_text(header + "squad,net,8,sgd,100,1.0,50.0\n")
    with pytest.raises(InputError, match="has no rows of cifar100, shufflenetv2, adadelta"):
        profile_of_trace(DirectorySource(tmp_path), "v100", find_workload("cifar100"), 64)


def test_the_public_traces_count_every_size(public_traces: Path) -> None:
    """Also those that never reached a target and are in the power trace only."""
    made = profile_of_trace(find_source(public_traces), "a40", find_workload("cifar100"), 1024)
    assert made.cap == 8192
    assert made.provenance is Provenance.TRACE
    assert any("8192 at 100 W" in line for line in profile_warnings(made))
