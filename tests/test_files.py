from pathlib import Path

import pytest

from elastance.errors import InputError
from elastance.files import check_writable, replacing


def test_the_file_appears_only_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    with replacing(target) as temporary:
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")
    with pytest.raises(error), replacing(target) as temporary:  # noqa: PT012 - the block is what is interrupted
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a directory"):
        check_writable(tmp_path)
    with pytest.raises(InputError, match="there is no directory"):
        check_writable(tmp_path / "missing" / "out.json")
    with pytest.raises(InputError, match="No space left"), replacing(tmp_path / "out.json"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []
