import pytest

from elastance.simulate.cluster import ClusterMeasures
from elastance.simulate.cluster.measures import spread_json
from made_up_cluster import make_history


def test_of_two_jobs() -> None:
    found = ClusterMeasures.of(make_history())
    assert found.jct_s == {"mean": 42.5, "p50": 42.5, "p99": pytest.approx(44.95)}
    assert found.makespan_s == 60.0
    assert found.queue_s == 2.5
    assert found.allocated_gpu_hours * 3600 == pytest.approx(2 * 40 + 40)
    assert found.useful_gpu_hours * 3600 == pytest.approx(2 * 20 + 40)
    assert found.restart_gpu_hours * 3600 == pytest.approx(2 * 20)
    assert found.utilization == pytest.approx(80 / (3 * 60))
    assert found.mean_allocated_gpus == pytest.approx(120 / 60)
    assert found.restarts == 1
    assert found.energy_j == pytest.approx(20 * 90 + 10 * 150 + 20 * 570 + 10 * 150)
    assert found.idle_energy_j == pytest.approx(20 * 90 + 10 * 80 + 10 * 80)
    assert found.energy_per_job_j == found.energy_j / 2
    assert found.fairness["p50"] == pytest.approx((45 / 20 + 40 / 80) / 2)
    assert found.peak_power_w == pytest.approx(570.0)


def test_over_seeds_every_number_has_an_interval() -> None:
    of_one = ClusterMeasures.of(make_history())
    found = spread_json([of_one, of_one, of_one])
    assert set(found) == set(of_one.to_json())
    assert found["jct_s"]["mean"] == {"mean": 42.5, "ci95": 0.0}
    assert found["restarts"] == {"mean": 1.0, "ci95": 0.0}
