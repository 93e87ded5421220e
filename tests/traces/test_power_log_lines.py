"""The fast parser against the plain one, and the plain one against the standard library."""

import csv
import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.traces.power_log_lines import MalformedLineError, parse_lines, parse_regular_lines

HEADER = ["Time", "Power", "Temp", "SMFreq", "Mem"]
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)

_times = st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31), timezones=st.just(UTC))
_row = st.tuples(_times, st.integers(0, 999), st.lists(st.integers(0, 10**18 - 1), min_size=4, max_size=4))
_rows = st.lists(_row, min_size=1, max_size=30)


def _block(rows, columns: int) -> bytes:
    lines = []
    for when, nanoseconds, numbers in rows:
        stamp = f"{when:%Y-%m-%d %H:%M:%S.%f}{nanoseconds:03d}"
        lines.append(",".join([stamp, *map(str, numbers[: columns - 1])]))
    return ("\n".join(lines) + "\n").encode()


@given(_rows, st.integers(2, 5))
def test_regular_lines_are_read_as_plainly_written(rows, columns: int) -> None:
    expected = [
        [(when - _FIRST) // timedelta(microseconds=1) * 1000 + nanoseconds for when, nanoseconds, _ in rows],
        *([numbers[column] for _, _, numbers in rows] for column in range(columns - 1)),
    ]
    block = _block(rows, columns)
    plain, fast = parse_lines(block, HEADER[:columns]), parse_regular_lines(block, columns)
    assert fast is not None
    for of_plain, of_fast, values in zip(plain, fast, expected, strict=True):
        assert of_plain.dtype == of_fast.dtype == np.int64
        assert of_plain.tolist() == of_fast.tolist() == values


@given(_rows, st.data())
def test_what_is_not_regular_is_never_misread(rows, data: st.DataObject) -> None:
    """One byte is changed, lost or added anywhere: the fast parser gives up or agrees with the plain one."""
    block = bytearray(_block(rows, 3))
    where = data.draw(st.integers(0, len(block) - 2))
    byte = data.draw(st.sampled_from(list(b"0129,.:-/ \rxZ+\n\xff")))
    match data.draw(st.sampled_from(["change", "lose", "add"])):
        case "change":
            block[where] = byte
        case "lose":
            del block[where]
        case _:
            block.insert(where, byte)
    fast = parse_regular_lines(bytes(block), 3)
    if fast is not None:
        plain = parse_lines(bytes(block), HEADER[:3])
        assert [column.tolist() for column in fast] == [column.tolist() for column in plain]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "1 cells where the header has 2"),
        ("2022-07-13 02:07:36.708783111", "1 cells"),
        ("2022-07-13 02:07:36.708783111,1,2", "3 cells"),
        ("2022-07-13 02:07:36.708783,1", "expected UTC as YYYY"),
        ("2022-07-13T02:07:36.708783111,1", "expected UTC"),
        ("2022-13-13 02:07:36.708783111,1", "expected UTC"),
        ("2022-02-29 02:07:36.708783111,1", "expected UTC"),
        ("2022-07-13 24:07:36.708783111,1", "expected UTC"),
        ("2022-07-13 02:60:36.708783111,1", "expected UTC"),
        ("2022-07-13 02:07:60.708783111,1", "expected UTC"),
        ("1969-07-13 02:07:36.708783111,1", "expected UTC"),
        ("2262-07-13 02:07:36.708783111,1", "expected UTC"),
        ("2022-07-13 02:07:36.70878311\u0661,1", "expected UTC"),
        ("2022-07-13 02:07:36.708783111,", "Power '': expected a whole number"),
        ("2022-07-13 02:07:36.708783111,-1", "Power '-1': expected a whole number"),
        ("2022-07-13 02:07:36.708783111,1.5", "Power '1.5'"),
        ("2022-07-13 02:07:36.708783111,nan", "Power 'nan'"),
        ("2022-07-13 02:07:36.708783111, 1", "Power ' 1'"),
        ("2022-07-13 02:07:36.708783111,1000000000000000000", "expected a whole number"),
    ],
)
def test_a_malformed_line_is_found(line: str, message: str) -> None:
    good = "2022-07-13 02:07:36.708783111,32402\n"
    block = f"{good}{good}{line}\n{good}".encode()
    assert parse_regular_lines(block, 2) is None
    with pytest.raises(MalformedLineError, match=message) as caught:
        parse_lines(block, HEADER[:2])
    assert caught.value.index == 2


def test_windows_line_ends_are_no_fault() -> None:
    block = b"2022-07-13 02:07:36.708783111,32402\r\n"
    assert parse_regular_lines(block, 2) is None
    assert [column.tolist() for column in parse_lines(block, HEADER[:2])] == [[1657678056708783111], [32402]]


def test_the_sample_is_read_as_the_csv_module_reads_it(public_traces) -> None:
    text = (public_traces / "power_log_sample.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    fast = parse_regular_lines(text.split("\n", 1)[1].encode(), 2)
    assert fast is not None
    assert fast[0].tolist() == [np.datetime64(row["Time"], "ns").astype(np.int64) for row in rows]
    assert fast[1].tolist() == [int(row["Power"]) for row in rows]


def test_a_line_broken_in_two_is_no_regular_line() -> None:
    block = b"2022-07-13 02:07:36.708783111,32402\n41\n"
    assert parse_regular_lines(block, 3) is None
    with pytest.raises(MalformedLineError, match="2 cells where the header has 3"):
        parse_lines(block, HEADER[:3])
