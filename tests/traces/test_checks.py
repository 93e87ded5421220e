from pathlib import Path

import pytest

from elastance.errors import TraceError
from elastance.traces import Severity, find_issues, read_table
from elastance.traces.checks import require_usable

TRAIN_HEADER = "dataset,network,batch_size,optimizer,learning_rate,run,target_metric,target_epoch\n"
POWER_HEADER = "dataset,network,batch_size,optimizer,power_limit,time_per_epoch,average_power\n"
GROUP_HEADER = "group,start_time,end_time,dataset,runtime_ratio\n"

CIFAR = "cifar100,shufflenetv2,32,adadelta,0.1"
SPEECH = "librispeech,deepspeech2,32,adamw,0.1"
OTHER = "mine,net,32,adam,0.1"


def issues_of(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    return [
        f"{issue.severity} {issue.row} {issue.column} {issue.message}"
        for issue in find_issues(read_table(path))
    ]


def train(tmp_path: Path, *rows: str) -> list[str]:
    return issues_of(tmp_path, TRAIN_HEADER + "".join(row + "\n" for row in rows))


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    found = train(tmp_path, f"{CIFAR},1,0.5,3", f"{CIFAR},2,0.5,3", f"{CIFAR},1,0.5,4")
    assert found[0].startswith("error 4 None same as row 2: dataset cifar100")


@pytest.mark.parametrize(
    ("job", "epochs", "bad_row"),
    [
        (CIFAR, ("3", "2"), 3),  # accuracy: higher is harder
        (CIFAR, ("nan", "9"), 3),
        (SPEECH, ("3", "4"), 2),  # word error rate: lower is harder
        (SPEECH, ("9", "nan"), 2),
    ],
)
def test_a_harder_target_is_never_met_earlier(
    tmp_path: Path, job: str, epochs: tuple[str, str], bad_row: int
) -> None:
    found = train(tmp_path, f"{job},1,0.4,{epochs[0]}", f"{job},1,0.5,{epochs[1]}", f"{job},2,0.4,7")
    assert found[0] == f"error {bad_row} target_epoch met at an earlier epoch than an easier target metric"


def test_the_direction_of_an_unknown_metric_is_detected(tmp_path: Path) -> None:
    rising = [f"{OTHER},{run},0.4,3" for run in (1, 2)] + [f"{OTHER},{run},0.5,4" for run in (1, 2)]
    assert train(tmp_path, *rising) == []
    falling = [f"{OTHER},{run},0.4,4" for run in (1, 2)] + [f"{OTHER},{run},0.5,3" for run in (1, 2)]
    assert train(tmp_path, *falling) == []
    mixed = [*rising, f"{OTHER},3,0.4,5", f"{OTHER},3,0.5,4"]
    assert train(tmp_path, *mixed) == [
        "error 7 target_epoch met at an earlier epoch than an easier target metric"
    ]
    flat = [f"{OTHER},{run},{metric},3" for run in (1, 2) for metric in (0.4, 0.5)]
    assert train(tmp_path, *flat) == [
        "warning None None mine/net/adam: cannot tell whether a higher metric is better"
    ]


def test_a_single_repeat_is_a_warning(tmp_path: Path) -> None:
    assert train(tmp_path, f"{CIFAR},1,0.5,3") == [
        "warning None None cifar100/shufflenetv2/adadelta/32: only one repeat, no spread to learn from"
    ]


def test_power_warnings(tmp_path: Path) -> None:
    def row(size: int, limit: int, power: float = 90.0, job: str = "a,n,{},sgd") -> str:
        return f"{job.format(size)},{limit},10,{power}\n"

    text = POWER_HEADER + row(8, 100, 121.04) + row(8, 150) + row(16, 150) + row(8, 100, job="b,n,{},sgd")
    assert issues_of(tmp_path, text) == [
        "warning 2 average_power 121.0 W is above the limit of 100 W",
        "warning None None a/n/sgd: batch size 16 has only power limits 150",
        "warning None None b/n/sgd: only 1 of 2 power limits",
    ]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,0,10,squad,1\na,5,4,squad,1\n", "error 3 end_time group a ends at 4.0 before it starts at 5.0"),
        (
            "a,5,10,squad,1\na,4,9,squad,1\n",
            "error 3 start_time group a is not sorted: starts at 4.0 after 5.0",
        ),
        ("a,0,10,squad,1\na,5,9,imagenet,1\n", "error 3 dataset group a mixes squad and imagenet"),
        ("a,0,10,squat,1\n", "error 2 dataset unknown dataset 'squat'"),
    ],
)
def test_groups(tmp_path: Path, rows: str, message: str) -> None:
    assert issues_of(tmp_path, GROUP_HEADER + rows)[0].startswith(message)


def test_interleaved_groups_are_fine(tmp_path: Path) -> None:
    assert issues_of(tmp_path, GROUP_HEADER + "a,5,10,squad,1\nb,1,9,imagenet,1\na,6,7,squad,2\n") == []


def test_the_first_error_is_raised_and_warnings_are_not(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TRAIN_HEADER + f"{CIFAR},1,0.5,3\n")
    assert require_usable(read_table(path)) is not None
    path.write_text(TRAIN_HEADER + f"{CIFAR},1,0.5,3\n{CIFAR},1,0.6,2\n")
    with pytest.raises(TraceError, match=r"t\.csv, row 3, column target_epoch"):
        require_usable(read_table(path))


def test_the_public_traces_have_warnings_only(public_traces: Path) -> None:
    counts = {}
    for path in sorted(public_traces.glob("summary_*.csv")):
        issues = list(find_issues(read_table(path)))
        assert all(issue.severity is Severity.WARNING for issue in issues)
        counts[path.stem] = sum("above the limit" in issue.message for issue in issues)
    assert counts == {
        "summary_train": 0,
        "summary_power_a40": 39,
        "summary_power_p100": 0,
        "summary_power_rtx6000": 0,
        "summary_power_v100": 8,
    }
