"""A training script under a plan, on a made-up GPU and clock."""

import itertools
import json
from pathlib import Path

import pytest

from elastance.errors import DevicePermissionError, InputError, MeterError
from elastance.measure.limit_records import state_directory
from elastance.runs import Provenance
from elastance.train import EnergyDataLoader, PowerLimitOptimizer, ProfilingDone, profiled_steps
from elastance.train.profiling.plan import PLAN_VARIABLE, Cell, Plan, Progress, read_model, write_model
from elastance.train.profiling.session import ProfilingSession
from elastance.train.profiling.steps import profiling_session
from made_up_time import Now
from made_up_training import Ranks, TrainingGpu


def plan_in(directory: Path, limits_w=(250, 150), **settings) -> Plan:
    (directory / "cells").mkdir(exist_ok=True)
    return Plan(
        **{"devices": None, "batch_size": 32, "limits_w": limits_w, "sets_limits": True, "spread": 0.02}
        | {"most_window_s": 20.0, "results": str(directory / "cells")}
        | {"progress": str(directory / "progress.json")}
        | settings
    )


def cells_in(directory: Path) -> dict[int, Cell]:
    cells = (read_model(path, Cell) for path in (directory / "cells").iterdir())
    return {cell.power_limit_w: cell for cell in cells}


class Training:
    """A session and what it trains on."""

    def __init__(self, directory: Path, **settings) -> None:
        self.now = Now()
        self.gpu = TrainingGpu(self.now)
        self.directory = directory
        self.session = ProfilingSession(plan_in(directory, **settings), [self.gpu], sync=None, clock=self.now)
        self.trained = 0

    def step(self) -> None:
        self.now.s += self.gpu.step_time_s()
        self.trained += 1

    def loop(self, loader) -> None:
        for _ in self.session.steps(loader):
            self.step()

    @property
    def progress(self) -> Progress:
        return read_model(self.directory / "progress.json", Progress)


@pytest.fixture
def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """This process under `elastance profile`, on a simulated GPU."""

    def plan(**settings) -> Path:
        write_model(tmp_path / "plan.json", plan_in(tmp_path, **settings))
        monkeypatch.setenv(PLAN_VARIABLE, str(tmp_path / "plan.json"))
        profiling_session.cache_clear()
        return tmp_path

    yield plan
    profiling_session.cache_clear()


def test_every_limit_is_measured_and_the_script_ends(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.gpu.limit_w = 200.0
    with pytest.raises(ProfilingDone) as ended:
        training.loop(range(10_000))
    assert ended.value.code == 0
    cells = cells_in(tmp_path)
    assert sorted(cells) == [150, 250]
    for limit_w, cell in cells.items():
        assert cell.step_time_s == pytest.approx(0.05 + 20.0 / limit_w)
        assert cell.step_energy_j == pytest.approx(0.9 * limit_w * cell.step_time_s)
        assert (cell.settled, cell.gpus, cell.epoch_steps) == (True, 1, 10_000)
        assert (cell.energy_source, cell.energy_method) == (Provenance.COUNTER, Provenance.COUNTER)
        assert cell.spread_time == pytest.approx(0.0, abs=1e-9)
    assert training.gpu.limit_w == 200.0
    assert training.gpu.set_w == [250.0, 150.0, 200.0]
    assert not list(state_directory().glob("*.json"))
    assert training.progress == Progress(power_limit_w=None)
    assert training.trained < 60
    with pytest.raises(ProfilingDone):  # a script that caught it does not train on
        training.session.on_step_begin()


def test_without_limits_to_set_none_is_set(tmp_path: Path) -> None:
    training = Training(tmp_path, limits_w=(250,), sets_limits=False)
    with pytest.raises(ProfilingDone):
        training.loop(range(100))
    assert training.gpu.set_w == []
    assert list(cells_in(tmp_path)) == [250]


def test_batches_are_given_again_and_windows_may_span_short_epochs(tmp_path: Path) -> None:
    training = Training(tmp_path)
    with pytest.raises(ProfilingDone):
        training.loop([1, 2, 3])
    cells = cells_in(tmp_path)
    assert {cell.spans_epochs for cell in cells.values()} == {True}
    assert {cell.epoch_steps for cell in cells.values()} == {3}


def test_the_length_of_an_epoch_is_observed(tmp_path: Path) -> None:
    class Stream:
        def __iter__(self):
            return iter(range(17))

    training = Training(tmp_path)
    with pytest.raises(ProfilingDone):
        training.loop(Stream())
    assert cells_in(tmp_path)[150].epoch_steps == 17


def test_an_iterator_that_is_used_up_ends_the_loop(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.loop(iter(range(8)))
    assert training.trained == 8
    assert cells_in(tmp_path) == {}
    assert training.progress.power_limit_w == 250


def test_a_loop_that_is_left_early_does_not_measure_what_follows(tmp_path: Path) -> None:
    training = Training(tmp_path)

    def epochs() -> None:
        for _ in range(100):
            for count, _ in enumerate(training.session.steps(range(1000))):
                if count == 12:
                    break
                training.step()
            training.now.s += 7.0  # an evaluation

    with pytest.raises(ProfilingDone):
        epochs()
    cells = cells_in(tmp_path)
    assert cells[150].step_time_s == pytest.approx(0.05 + 20.0 / 150)
    assert all(cell.settled and not cell.spans_epochs for cell in cells.values())


def test_callbacks_with_evaluations_in_between(tmp_path: Path) -> None:
    training = Training(tmp_path)

    def epochs() -> None:
        for _ in range(100):
            for _ in range(12):
                training.session.on_step_begin()
                training.step()
            training.session.on_epoch_end()
            training.now.s += 7.0  # an evaluation

    with pytest.raises(ProfilingDone):
        epochs()
    cells = cells_in(tmp_path)
    assert {cell.epoch_steps for cell in cells.values()} == {12}
    assert all(cell.settled and not cell.spans_epochs for cell in cells.values())
    assert cells[150].step_time_s == pytest.approx(0.05 + 20.0 / 150)


def test_callbacks_with_too_short_epochs_say_so(tmp_path: Path) -> None:
    training = Training(tmp_path)

    def epochs() -> None:
        for _ in range(100):
            for _ in range(3):
                training.session.on_step_begin()
                training.step()
            training.session.on_epoch_end()

    with pytest.raises(MeterError, match="5 epochs in a row ended"):
        epochs()
    assert training.progress.problem is not None
    assert "profiled_steps" in training.progress.problem
    assert training.gpu.limit_w == 250.0


def test_what_goes_wrong_is_told_and_the_limit_put_back(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.gpu.limit_w = 200.0
    set_limit = training.gpu.set_power_limit

    def deny(power_limit_w: float) -> None:
        if power_limit_w == 150.0:
            raise DevicePermissionError("no right")
        set_limit(power_limit_w)

    training.gpu.set_power_limit = deny
    with pytest.raises(DevicePermissionError):
        training.loop(range(1000))
    assert training.progress.problem == "no right"
    assert training.gpu.limit_w == 200.0
    assert list(cells_in(tmp_path)) == [250]


def test_a_script_that_ends_early_puts_the_limit_back_at_exit(tmp_path: Path) -> None:
    from elastance.measure.held_limits import held_limits

    training = Training(tmp_path, limits_w=(150,))
    next(training.session.steps(range(100)))
    assert training.gpu.limit_w == 150.0
    held_limits.release_all()  # what leaving Python does
    assert training.gpu.limit_w == 250.0


def test_a_window_without_a_reading_is_no_zero(tmp_path: Path) -> None:
    training = Training(tmp_path)
    training.gpu.energy_j = lambda: 5.0
    with pytest.raises(MeterError, match="could not be measured: no reading"):
        training.loop(range(1000))


def test_the_first_rank_measures_and_all_end_together(tmp_path: Path) -> None:
    ranks = Ranks(2)
    now = Now()
    gpus = [TrainingGpu(now, "GPU-0"), TrainingGpu(now, "GPU-1")]
    steps = [0, 0]

    def work(rank: int) -> str:
        session = ProfilingSession(
            plan_in(tmp_path), gpus, sync=None, gather=ranks.gather_of(rank), clock=now
        )
        for _ in session.steps(range(10_000)):
            steps[rank] += 1
            if rank == 0:
                now.s += gpus[0].step_time_s()
        return "ended"

    results = ranks.run(lambda rank: _until_done(work, rank))
    assert results == ["done", "done"]
    assert steps[0] == steps[1]
    cells = cells_in(tmp_path)
    assert {cell.gpus for cell in cells.values()} == {2}
    assert cells[250].step_energy_j == pytest.approx(2 * 0.9 * 250 * cells[250].step_time_s)


def _until_done(work, rank: int) -> str:
    try:
        return work(rank)
    except ProfilingDone:
        return "done"


def test_a_problem_of_the_first_rank_ends_all(tmp_path: Path) -> None:
    ranks = Ranks(2)
    now = Now()
    gpu = TrainingGpu(now)
    gpu.energy_j = lambda: 5.0

    def work(rank: int) -> None:
        session = ProfilingSession(
            plan_in(tmp_path), [gpu], sync=None, gather=ranks.gather_of(rank), clock=now
        )
        for _ in session.steps(range(10_000)):
            if rank == 0:
                now.s += 0.1

    assert all(isinstance(result, MeterError) for result in ranks.run(work))


def test_ranks_on_several_machines_are_refused(tmp_path: Path) -> None:
    gathered = itertools.cycle([["one:1:1", "two:2:2"]])
    session = ProfilingSession(plan_in(tmp_path), [], gather=lambda _: next(gathered))
    with pytest.raises(InputError, match="several machines"):
        session.on_step_begin()


def test_elsewhere_the_loader_stays_as_it_is() -> None:
    loader = [1, 2, 3]
    assert profiled_steps(loader) is loader


FAST = {"devices": "sim:v100,period=0.001", "limits_w": (250, 200), "spread": 0.9, "most_window_s": 0.1}


def test_a_script_under_a_plan(planned) -> None:
    directory = planned(**FAST)
    loader = profiled_steps(list(range(50)))
    assert len(loader) == 50
    with pytest.raises(ProfilingDone):
        for _ in loader:
            pass
    cells = cells_in(directory)
    assert sorted(cells) == [200, 250]
    assert {cell.energy_source for cell in cells.values()} == {Provenance.MODEL}
    assert {cell.energy_method for cell in cells.values()} == {Provenance.COUNTER}


def test_a_tuned_script_under_a_plan_tunes_nothing(planned) -> None:
    directory = planned(**FAST)
    tuner = PowerLimitOptimizer("sim:a40", sync=None)

    def train() -> None:
        with tuner:
            while True:
                tuner.on_step_begin()
                tuner.on_step_end()

    with pytest.raises(ProfilingDone):
        train()
    assert tuner.state is None
    assert sorted(cells_in(directory)) == [200, 250]


def test_a_loader_that_stops_in_time_under_a_plan(planned) -> None:
    directory = planned(**FAST)

    def train() -> None:
        with PowerLimitOptimizer("sim:v100", sync=None) as tuner:
            loader = EnergyDataLoader(list(range(20)), tuner, max_epochs=2)
            for _ in loader.epochs():
                for _ in loader:
                    pass

    with pytest.raises(ProfilingDone):
        train()
    assert {cell.epoch_steps for cell in cells_in(directory).values()} == {20}


def test_a_plan_that_cannot_be_read_is_told(planned) -> None:
    directory = planned(**FAST)
    document = json.loads((directory / "plan.json").read_text())
    (directory / "plan.json").write_text(json.dumps(document | {"version": 2}))
    with pytest.raises(InputError, match=r"plan\.json: version"):
        profiled_steps([])
    (directory / "plan.json").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        profiled_steps([])
