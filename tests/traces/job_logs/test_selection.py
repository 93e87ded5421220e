import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastance.errors import InputError
from elastance.traces.job_logs import Dropped, GpuMix, JobRecord, Larger, Pick, Selection, select

RECORDS = [JobRecord(row, f"job-{row}", 86400.0 * row + 500.0, row) for row in (4, 1, 3, 2)]


def chosen(selection: Selection, seed: int = 0) -> list[tuple[str, float, int]]:
    found = select(RECORDS, selection, np.random.default_rng(seed))
    rows = zip(found.records, found.workers, strict=True)
    return [(record.name, record.submit_s, workers) for record, workers in rows]


def test_times_count_from_the_window() -> None:
    assert chosen(Selection()) == [(f"job-{n}", 86400.0 * (n - 1), n) for n in (1, 2, 3, 4)]
    assert chosen(Selection(from_days=0.5, to_days=2.0)) == [("job-2", 43200.0, 2)]
    assert chosen(Selection(from_days=1.0, scale_time=0.5))[1] == ("job-3", 43200.0, 3)


def test_large_jobs_are_dropped_or_capped() -> None:
    assert [workers for *_, workers in chosen(Selection(max_workers=2))] == [1, 2]
    assert [workers for *_, workers in chosen(Selection(max_workers=2, larger=Larger.CAP))] == [1, 2, 2, 2]
    found = select(RECORDS, Selection(max_workers=2, larger=Larger.CAP), np.random.default_rng(0))
    assert found.capped == 2
    assert found.dropped == {}


def test_the_first_or_a_random_sample() -> None:
    assert [name for name, *_ in chosen(Selection(jobs=2))] == ["job-1", "job-2"]
    samples = {
        tuple(name for name, *_ in chosen(Selection(jobs=2, pick=Pick.RANDOM), seed)) for seed in range(9)
    }
    assert len(samples) > 2
    assert all(list(names) == sorted(names) for names in samples)


@given(st.floats(0, 3), st.floats(0.1, 3), st.integers(1, 5), st.integers(1, 5), st.sampled_from(Larger))
def test_every_job_is_taken_or_counted(
    from_days: float, days: float, jobs: int, most: int, larger: Larger
) -> None:
    selection = Selection(from_days, from_days + days, jobs, max_workers=most, larger=larger)
    found = select(RECORDS, selection, np.random.default_rng(0))
    assert len(found.records) + sum(found.dropped.values()) == len(RECORDS)
    assert all(record.submit_s >= 0.0 for record in found.records)
    assert all(workers <= most for workers in found.workers)
    assert Dropped.NOT_PICKED not in found.dropped or len(found.records) == jobs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"from_days": -1.0}, "window from day -1"),
        ({"from_days": 2.0, "to_days": 2.0}, "an end after its start"),
        ({"jobs": 0}, "0 jobs"),
        ({"scale_time": -0.5}, "scaled by -0.5"),
        ({"max_workers": 0}, "at most 0 workers"),
    ],
)
def test_selections_that_make_no_sense(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Selection(**options)


def test_a_mix_of_gpu_types() -> None:
    mix = GpuMix.parse("V100=3, t4=1")
    assert [mix.pick(draw) for draw in (0.0, 0.74, 0.76, 0.999999)] == ["v100", "v100", "t4", "t4"]
    assert str(GpuMix.parse("p100")) == "p100"
    for text in ("", "v100,t4", "v100=0", "v100=1,v100=2", "=3", "v100=inf"):
        with pytest.raises(InputError, match="expected one, or weights such as"):
            GpuMix.parse(text)
