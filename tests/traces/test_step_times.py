import json
from pathlib import Path

import pytest

from elastance.catalog import APPLICATIONS
from elastance.errors import InputError, TraceError, UnknownNameError
from elastance.traces import SourceKind, builtin_step_times, find_step_times, read_step_times


def write(folder: Path, document: object) -> Path:
    path = folder / "step_times.json"
    path.write_text(json.dumps(document))
    return path


def test_times_are_linear_between_and_beyond_batch_sizes(tmp_path: Path) -> None:
    times = read_step_times(
        write(tmp_path, {"net": {"8": {"v100": 1.0}, "16": {"v100": 1.5}, "32": {"v100": 4.0}}})
    )
    assert [times.step_s("net", size, "v100") for size in (8, 12, 16, 24, 32, 40)] == [
        1.0,
        1.25,
        1.5,
        2.75,
        4.0,
        5.25,
    ]
    assert times.step_s("net", 4, "v100") == 0.75
    assert times.source.kind is SourceKind.DIRECTORY


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    times = read_step_times(write(tmp_path, {"net": {"8": {"v100": 1.0}, "16": {"v100": 4.0}}}))
    with pytest.raises(UnknownNameError, match="unknown application 'nat': did you mean net"):
        times.step_s("nat", 8, "v100")
    with pytest.raises(UnknownNameError, match="unknown GPU of application net 'a100'"):
        times.step_s("net", 8, "a100")
    with pytest.raises(InputError, match="batch size 1 is too far"):
        times.step_s("net", 1, "v100")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"net": {"8": {"v100": -1.0}}}, "net, 8, v100: input should be greater than 0"),
        ({"net": {"eight": {"v100": 1.0}}}, "net, eight"),
        ({"net": {}}, "net has no batch size"),
        ({"net": {"8": {"v100": 2.0}, "16": {"v100": 1.0}}}, "less time at batch size 16 than at 8"),
        ([1], "the whole file"),
    ],
)
def test_files_that_make_no_sense(tmp_path: Path, document: object, message: str) -> None:
    with pytest.raises(TraceError) as refused:
        read_step_times(write(tmp_path, document))
    assert message in str(refused.value)


def test_where_step_times_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_step_times().source.kind is SourceKind.BUILTIN
    with pytest.raises(TraceError, match="no such file"):
        find_step_times(tmp_path)
    monkeypatch.setenv("ELASTANCE_TRACES", str(tmp_path))
    assert find_step_times().source.kind is SourceKind.BUILTIN
    write(tmp_path, {"net": {"8": {"v100": 1.0}}})
    assert find_step_times().source.kind is SourceKind.ENVIRONMENT


def test_the_models_keep_to_their_stated_error(easyscale: Path) -> None:
    measured, models = read_step_times(easyscale / "step_times.json"), builtin_step_times()
    for application in APPLICATIONS:
        errors = [
            abs(models.step_s(application.name, size, gpu) / time_s - 1)
            for size, times in measured.points[application.name].items()
            for gpu, time_s in times.items()
        ]
        assert max(errors) <= application.fit_error + 5e-4
        assert max(errors) > 0.5 * application.fit_error or application.fit_error <= 0.001
