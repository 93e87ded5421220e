from pathlib import Path

import pytest
import torch

from elastance.elastic import checkpoint_file
from elastance.errors import CheckpointError, InputError

CONTENT = {"step": 3, "weights": torch.arange(5.0), "names": ["a", None, (1, 2.5)]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "step.checkpoint"
    checkpoint_file.write(path, 3, {"seed": 1}, CONTENT)
    return path


def test_what_is_written_is_read(path: Path):
    read = checkpoint_file.read(path)
    assert torch.equal(read.pop("weights"), CONTENT["weights"])
    assert read == {"step": 3, "names": ["a", None, (1, 2.5)]}
    header = checkpoint_file.read_header(path)
    assert (header.step, header.identity) == (3, {"seed": 1})


def test_every_truncation_is_refused(path: Path):
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"truncated|not a checkpoint"):
            checkpoint_file.read(path)


def test_a_flipped_bit_is_refused(path: Path):
    whole = bytearray(path.read_bytes())
    whole[-100] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="checksum"):
        checkpoint_file.read(path)


def test_another_format_is_refused(path: Path):
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 9', 1))
    with pytest.raises(CheckpointError, match="has format 9, expected 1"):
        checkpoint_file.read(path)


def test_another_file_is_refused(tmp_path: Path):
    path = tmp_path / "model.pt"
    torch.save(CONTENT, path)
    with pytest.raises(CheckpointError, match="not a checkpoint of elastance"):
        checkpoint_file.read(path)
    with pytest.raises(CheckpointError, match="No such file"):
        checkpoint_file.read_header(tmp_path / "none")


def test_objects_that_would_run_code_are_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match="holds objects that are no tensors"):
        checkpoint_file.write(tmp_path / "c", 1, {}, {"path": Path("here")})


def test_a_directory_that_is_missing_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="there is no directory"):
        checkpoint_file.write(tmp_path / "no" / "c", 1, {}, {})
