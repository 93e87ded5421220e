from pathlib import Path

import pytest

from elastance.errors import ConvergenceError, InputError
from elastance.simulate.sweeps import recurring, recurring_sweep, run_sweep
from elastance.simulate.sweeps.store import JOURNAL


def sweep(**changed):
    arguments = {"workloads": ["squad"], "policies": ["zeus", "oracle"], "seeds": range(3), "recurrences": 10}
    return recurring_sweep(**(arguments | changed))


def test_a_sweep_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted after each part in turn: no part is done twice, and the table is that of an undisturbed sweep."""
    undisturbed = run_sweep(sweep(), output=tmp_path / "undisturbed")
    plain, done = recurring.measure_seeds, []

    def measure_seeds(task, policy, seeds):
        if len(done) == started + 2:
            raise KeyboardInterrupt
        done.append((task.facts.max_power_w, policy))
        return plain(task, policy, seeds)

    monkeypatch.setattr(recurring, "measure_seeds", measure_seeds)
    for _ in range(3):
        started = len(done)
        with pytest.raises(KeyboardInterrupt):
            run_sweep(sweep(), output=tmp_path / "disturbed")
        assert len((tmp_path / "disturbed" / JOURNAL).read_bytes().splitlines()) == len(done)
        assert not (tmp_path / "disturbed" / "results.csv").exists()
    started = len(done)
    progress: list[tuple[int, int]] = []
    result = run_sweep(sweep(), output=tmp_path / "disturbed", on_progress=lambda *of: progress.append(of))
    assert len(done) == 8
    assert progress == [(6, 8), (7, 8), (8, 8)]
    assert result.parts == (8, 6)
    assert result.rows == undisturbed.rows
    assert undisturbed.table is not None
    assert result.table is not None
    assert result.table.read_bytes() == undisturbed.table.read_bytes()


def test_a_finished_sweep_is_only_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run_sweep(sweep(), output=tmp_path)
    monkeypatch.setattr(recurring, "measure_seeds", lambda *_: pytest.fail("done twice"))
    again = run_sweep(sweep(), output=tmp_path)
    assert again.rows == first.rows
    assert again.parts == (8, 8)


def test_restart_does_everything_again(tmp_path: Path) -> None:
    run_sweep(sweep(), output=tmp_path, table_format="parquet")
    with pytest.raises(InputError, match="eta_knobs"):
        run_sweep(sweep(etas=[1.0]), output=tmp_path, restart=False)
    result = run_sweep(sweep(etas=[1.0]), output=tmp_path, restart=True)
    assert result.parts == (8, 0)
    assert not (tmp_path / "results.parquet").exists(), "that of the sweep before"


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    result = run_sweep(sweep(), output=tmp_path, table_format="parquet")
    assert polars.read_parquet(tmp_path / "results.parquet").rows() == list(result.rows)
    run_sweep(sweep(), output=tmp_path, table_format="csv")
    frame = polars.read_csv(tmp_path / "results.csv", schema_overrides={"notes": polars.String})
    assert frame["total_cost_j"].to_list() == [record["total_cost_j"] for record in result.records()]


def test_failures_are_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure_seeds(*_):
        raise ConvergenceError("missed")

    with monkeypatch.context() as patched:
        patched.setattr(recurring, "measure_seeds", measure_seeds)
        first = run_sweep(sweep(policies=["zeus"]), output=tmp_path)
    again = run_sweep(sweep(policies=["zeus"]), output=tmp_path)
    assert again.failures == first.failures
    assert len(again.failures) == 4
    assert str(again.failures[0]) == (
        "squad on v100, eta 0.5, beta 2, zeus: missed (3 seed(s), the first is 0)"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"jobs": 0}, "at least one"),
        ({"engine": "dask"}, "known: processes, ray"),
        ({"table_format": "xlsx"}, "known: csv, parquet"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_done(tmp_path: Path, arguments, message) -> None:
    with pytest.raises(InputError, match=message):
        run_sweep(sweep(), output=tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()
