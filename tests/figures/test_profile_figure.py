from pathlib import Path

import pytest

from elastance.errors import UnknownNameError
from elastance.figures import draw_profile, save_figure
from elastance.runs import Provenance
from elastance.train.profiling.plan import Cell, Trial
from elastance.train.profiling.products import Products
from elastance.train.profiling.runner import ProfileResult
from pictures import overlaps, texts

LIMITS = (100, 150, 200, 250)


def profiled(sizes=(32, 64, 128), limits=LIMITS, *, settled: bool = True) -> ProfileResult:
    cells = tuple(
        Cell(
            batch_size=size, power_limit_w=limit, steps=10, warmup_steps=10, settled=settled,
            trials=tuple(
                Trial(time_s=noise * size / limit, energy_j=noise * size) for noise in (0.9, 1.0, 1.1)
            ),
            spans_epochs=False, gpus=1, epoch_steps=None, energy_source=Provenance.MODEL,
            energy_method=Provenance.COUNTER, uncertainty_j=None,
        )
        for size in sizes for limit in limits
    )  # fmt: skip
    manifest = {
        "gpu": {"name": "NVIDIA Made Up", "file_name": "made-up", "count": 2},
        "job": {"dataset": "train", "network": "script", "optimizer": "script"},
        "settings": {"spread": 0.02, "command": ["/home/somebody/train.py"]},
    }
    return ProfileResult(cells, (), Products({}, None, ()), manifest)


def test_a_line_per_batch_size_and_a_ring_at_the_best_limit() -> None:
    energy, time = draw_profile(profiled(), eta=0.0).axes
    lines = [line for line in energy.lines if len(line.get_xdata()) > 1]
    assert [list(line.get_xdata()) for line in lines] == [list(LIMITS)] * 3
    assert [line.get_ydata()[0] for line in lines] == pytest.approx([3.2, 6.4, 12.8])
    rings = [line for line in time.lines if len(line.get_xdata()) == 1]
    assert [ring.get_xdata()[0] for ring in rings] == [250] * 3
    times = [line.get_ydata()[-1] for line in time.lines if len(line.get_xdata()) > 1]
    assert times == pytest.approx([12.8, 25.6, 51.2])


def test_with_one_limit_the_batch_size_is_what_changes() -> None:
    energy, _ = draw_profile(profiled(limits=(250,))).axes
    assert energy.get_xlabel() == "batch size"
    (line,) = energy.lines
    assert list(line.get_xdata()) == [32, 64, 128]


def test_a_wide_range_is_logarithmic() -> None:
    energy, _ = draw_profile(profiled(sizes=(8, 1024))).axes
    assert energy.get_yscale() == "log"


def test_it_says_what_it_rests_on_without_paths_and_can_be_read() -> None:
    figure = draw_profile(profiled(sizes=(32, 33, 34, 4096), settled=False), theme="dark")
    boxes = texts(figure)
    said = " ".join(text for text, _, _ in boxes)
    assert "train on 2 x NVIDIA Made Up" in said
    assert "energy: model; trials within 2 % except 16 of 16; ring: least cost at eta 0.5" in said
    assert "somebody" not in said
    assert list(overlaps(boxes)) == []


def test_nothing_measured_is_an_empty_picture_and_same_is_same(tmp_path: Path) -> None:
    assert "nothing measured" in " ".join(text for text, _, _ in texts(draw_profile(profiled(sizes=()))))
    for name in ("one.svg", "two.svg"):
        save_figure(draw_profile(profiled()), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    with pytest.raises(UnknownNameError, match="theme"):
        draw_profile(profiled(), theme="blue")
