import pytest

from elastance.errors import InputError, PolicyError
from elastance.splitting import Gpu, SplitProblem
from made_up_splits import made_up_points

A = Gpu.of_points("a", [(4, 100, 2.0, 160.0), (8, 100, 4.0, 320.0)], idle_power_w=10.0)
B = Gpu.of_points("b", [(4, 50, 6.0, 240.0), (8, 50, 12.0, 480.0)], idle_power_w=5.0)


def test_the_step_ends_with_the_slowest_and_waiting_costs_energy() -> None:
    plan = SplitProblem((A, B), 8, eta=0.25, sync_s=1.0).evaluate([(4, 100), (4, 50)])
    assert plan.time_s == 7.0
    assert [load.idle_s for load in plan.loads] == [5.0, 1.0]
    assert plan.energy_j == 160.0 + 50.0 + 240.0 + 5.0
    assert plan.cost_j == 0.25 * 455.0 + 0.75 * 150 * 7.0
    assert [load.power_w for load in plan.loads] == [80.0, 40.0]


def test_a_released_gpu_takes_nothing_unless_it_is_kept_idle() -> None:
    shares = [(8, 100), (0, 50)]
    assert SplitProblem((A, B), 8, sync_s=1.0).evaluate(shares).energy_j == 320.0
    assert SplitProblem((A, B), 8, keep_idle=True).evaluate(shares).energy_j == 340.0


def test_the_price_of_a_second_is_that_of_all_gpus_unless_told_otherwise() -> None:
    shares = [(8, 100), (0, 50)]
    assert SplitProblem((A, B), 8, eta=0.0).evaluate(shares).cost_j == 150 * 4.0
    assert SplitProblem((A, B), 8, eta=0.0, price_released=False).evaluate(shares).cost_j == 100 * 4.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"global_batch_size": 2, "granularity": 4}, "global batch 2 is smaller than the granularity of 4"),
        ({"global_batch_size": 6, "granularity": 4}, "global batch 6 is not a multiple of the granularity 4"),
        ({"granularity": 0}, "granularity 0"),
        ({"eta": 1.5}, r"eta knob 1.5 is not in \[0, 1\]"),
        ({"eta": float("nan")}, "eta knob nan"),
        ({"max_slowdown": 0.9}, "max slowdown 0.9 is below 1"),
        ({"sync_s": -1.0}, "synchronisation time -1 s"),
        ({"gpus": ()}, "no GPU to split over"),
    ],
)
def test_what_is_out_of_range_is_refused(settings, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SplitProblem(**{"gpus": (A, B), "global_batch_size": 8} | settings)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ([(8, 100)], "a share of 0 or more for each of 2 GPUs"),
        ([(9, 100), (-1, 50)], "a share of 0 or more"),
        ([(4, 100), (5, 50)], r"4 \+ 5 do not add up to the global batch 8"),
        ([(4, 90), (4, 50)], "a was not measured at 90 W; there are 100"),
    ],
)
def test_what_is_no_plan_is_refused(shares, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        SplitProblem((A, B), 8).evaluate(shares)


def test_more_than_memory_holds_is_no_plan_without_micro_batches() -> None:
    gpu = Gpu.of_points("g", made_up_points())
    with pytest.raises(PolicyError, match="10 samples do not fit on g, which holds 8 at once"):
        SplitProblem((gpu, gpu), 10, micro_batches=False).evaluate([(10, 100), (0, 100)])
