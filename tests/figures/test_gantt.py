from pathlib import Path

import pytest

from elastance.figures import draw_cluster_gantt
from elastance.figures.gantt import MOST_ROWS, job_bars, shown_jobs
from elastance.simulate.cluster import ClusterComparison, simulate_cluster
from pictures import overlaps, texts


def compared(directory: Path, jobs: int, policies: list[str], **options) -> ClusterComparison:
    lines = [
        "name,submit_s,application,logical_workers,batch_size,samples,may_mix_types,preferred_gpu",
        *(
            f"synthetic-{n},{40 * (jobs - n)},bert,{2 + n % 4},8,{2000 * (1 + n % 3)},yes,v100"
            for n in range(jobs)
        ),
        "",
    ]
    path = directory / "jobs.csv"
    path.write_text("\n".join(lines))
    return simulate_cluster(path, "v100=8,t4=4", policies=policies, **options)


@pytest.mark.parametrize(
    ("jobs", "policies"), [(3, ["fifo"]), (62, ["fifo-backfill", "easyscale-heter"]), (200, ["srtf"])]
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read(tmp_path: Path, jobs: int, policies: list[str], theme: str) -> None:
    figure = draw_cluster_gantt(compared(tmp_path, jobs, policies), theme=theme)
    boxes = texts(figure)
    shown = " ".join(text for text, _, _ in boxes)
    assert all(name in shown for name in (*policies, "V100", "T4", "restarting"))
    assert ("jobs 61 to 140 of 200" in shown) == (jobs == 200)
    assert list(overlaps(boxes)) == []
    width, height = figure.get_size_inches() * figure.dpi
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for _, box, _ in boxes)


@pytest.mark.parametrize("options", [{}, {"compat": True}])
def test_bars_cover_what_every_job_held(tmp_path: Path, options: dict[str, bool]) -> None:
    (result,) = compared(tmp_path, 12, ["easyscale-heter"], **options).policies
    history = result.histories[0]
    jobs = shown_jobs(history)
    assert [history.jobs[number].submit_s for number in jobs] == sorted(job.submit_s for job in history.jobs)
    drawn = dict.fromkeys(range(len(jobs)), 0.0)
    for bar in job_bars(history, jobs):
        assert 0.0 <= bar.low < bar.high <= 1.0 + 1e-12
        drawn[bar.row] += (bar.end_s - bar.start_s) * (bar.high - bar.low)
    for row, number in enumerate(jobs):
        held = sum(phase.end_s - phase.start_s for phase in history.phases if phase.job == number)
        assert drawn[row] == pytest.approx(held)
    assert any(bar.high - bar.low < 1.0 for bar in job_bars(history, jobs))


def test_of_many_jobs_the_middle_ones_are_shown(tmp_path: Path) -> None:
    (result,) = compared(tmp_path, MOST_ROWS + 21, ["fifo-backfill"]).policies
    history = result.histories[0]
    jobs = shown_jobs(history)
    order = sorted(range(len(history.jobs)), key=lambda number: history.jobs[number].submit_s)
    assert jobs == order[10 : 10 + MOST_ROWS]
    assert {bar.row for bar in job_bars(history, jobs)} == set(range(MOST_ROWS))
