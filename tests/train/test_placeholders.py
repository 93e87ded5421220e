"""What is put in place of a command's placeholders."""

import pytest

from elastance.errors import InputError, UnknownNameError
from elastance.train.placeholders import fill_command


def test_placeholders_are_filled_anywhere_in_a_word() -> None:
    command = ["python", "train.py", "--batch-size={batch_size}", "{{x}}", "{seed}/{seed}"]
    filled = fill_command(command, {"batch_size": 64, "seed": 7})
    assert filled == ["python", "train.py", "--batch-size=64", "{x}", "7/7"]


def test_an_unknown_placeholder_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="batch_size"):
        fill_command(["{batchsize}"], {"batch_size": 64})


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("{batch_size:3}", "a name only"),
        ("{batch_size!r}", "a name only"),
        ("{lr}", "there is no lr to put in its place"),
        ("{batch_size", "write {{ and }} for braces"),
    ],
)
def test_what_cannot_be_filled_is_refused(word: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        fill_command([word], {"batch_size": 64, "lr": None})
    assert said in str(refused.value)
