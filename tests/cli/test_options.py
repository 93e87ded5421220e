"""Options that several verbs share."""

import pytest

from elastance.cli.options import parse_batch_sizes
from elastance.errors import InputError


@pytest.mark.parametrize(("text", "sizes"), [
    ("32", (32,)),
    ("64,32,64", (32, 64)),
    ("32:1024:x2", (32, 64, 128, 256, 512, 1024)),
    ("10:100:x3", (10, 30, 90)),
])  # fmt: skip
def test_batch_sizes(text: str, sizes: tuple[int, ...]) -> None:
    assert parse_batch_sizes(text) == sizes


@pytest.mark.parametrize(
    "text", ["", "a", "32,", "0,32", "-1", "32:1024", "32:1024:2", "32:1024:x1", "64:32:x2", "1.5"]
)
def test_batch_sizes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="expected a list such as 32,64,128 or a range such as 32:1024:x2"):
        parse_batch_sizes(text)
