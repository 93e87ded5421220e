from dataclasses import replace
from pathlib import Path

import pytest

from elastance.figures import draw_cluster_allocation, draw_cluster_comparison
from elastance.runs import Provenance
from elastance.simulate.cluster import simulate_cluster
from elastance.traces import ApplicationProfile
from elastance.traces.profiles import SplitProfile
from pictures import overlaps, texts

JOBS = "\n".join(
    [
        "name,submit_s,application,logical_workers,batch_size,samples,may_mix_types,preferred_gpu",
        *(f"synthetic-{n},{40 * n},bert,{2 + n % 4},8,{2000 * (1 + n % 3)},yes,v100" for n in range(9)),
        "",
    ]
)


@pytest.mark.parametrize(
    "policies", [["fifo"], ["fifo", "srtf", "tiresias", "easyscale-homo", "easyscale-heter"]]
)
@pytest.mark.parametrize("draw", [draw_cluster_comparison, draw_cluster_allocation])
def test_everything_can_be_read(tmp_path: Path, draw, policies: list[str]) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(JOBS)
    figure = draw(simulate_cluster(path, "v100=8,t4=4", policies=policies, seeds=[0, 1]))
    boxes = texts(figure)
    shown = " ".join(text for text, _, _ in boxes)
    assert "Synthetic jobs in jobs.csv" in shown
    assert "assumed" in shown
    assert all(name in shown for name in policies)
    assert list(overlaps(boxes)) == []
    width, height = figure.get_size_inches() * figure.dpi
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for _, box, _ in boxes)


def test_the_heading_names_what_was_profiled(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(JOBS)
    comparison = simulate_cluster(path, "v100=8,t4=4", policies=["fifo"])
    profile = SplitProfile("bert on v100", (), "a step", Provenance.TRACE, "bert.json", "0" * 64)
    profiled = replace(comparison, profiles=(ApplicationProfile("bert", "v100", 1, profile),))
    shown = [
        " ".join(text for text, _, _ in texts(draw_cluster_comparison(of))) for of in (comparison, profiled)
    ]
    assert ["as profiled: bert" in text for text in shown] == [False, True]
