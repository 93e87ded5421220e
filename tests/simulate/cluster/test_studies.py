from elastance.scheduling import PowerCap
from elastance.simulate.cluster import (
    ClusterCase,
    Timeline,
    drawn_workload,
    over_cap_s,
    run_cases,
    simulate_cluster,
)
from elastance.traces.step_times import builtin_step_times
from elastance.traces.synthesize_cluster import ClusterParameters

TIMES = builtin_step_times()
FEW = ClusterParameters(jobs=6)


def test_a_case_is_what_the_simulation_makes_of_it() -> None:
    workload, cap = drawn_workload(FEW, 4), PowerCap.constant(6e3)
    policies = ("easyscale-heter", "energy-elastic")
    cases = [
        ClusterCase(workload, policies=policies, cap=cap, eta=0.3),
        ClusterCase(workload, seed=2, policies=("fifo",)),
    ]
    capped, fifo = run_cases(cases, TIMES)
    comparison = simulate_cluster(workload, policies=policies, traces=TIMES, power_cap=cap, eta=0.3)
    for result in comparison.policies:
        assert capped[result.policy].measures == result.measures[0]
        assert capped[result.policy].over_cap_s == over_cap_s(Timeline.of(result.histories[0]), cap)
    assert capped["energy-elastic"].over_cap_s == 0.0
    assert fifo["fifo"].over_cap_s is None
    dealt = simulate_cluster(workload, policies=["fifo"], traces=TIMES, seeds=[2])
    assert fifo["fifo"].measures == dealt.policies[0].measures[0]


def test_order_and_progress_do_not_depend_on_processes() -> None:
    cases = [ClusterCase(drawn_workload(FEW, seed), policies=("fifo-backfill",)) for seed in range(4)]
    told: list[tuple[int, int]] = []
    alone = run_cases(cases, TIMES, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert run_cases(cases, TIMES, jobs=2) == alone
    assert len({outcome["fifo-backfill"].measures.makespan_s for outcome in alone}) == 4


def test_drawn_jobs_have_a_digest_of_their_own() -> None:
    one, same, other = (drawn_workload(FEW, seed) for seed in (1, 1, 2))
    assert one == same
    assert one.sha256 != other.sha256
