"""What forgetting is worth on drifting data: the table of docs/drift.md.

Synthetic drift traces, one per trace seed, each simulated under several world seeds; the mean over world seeds is
one observation, and the interval is that of the mean over traces (Student's t, 95 %). Run with
``.venv/bin/python benchmarks/drift_window.py``; it takes about two minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from elastance.catalog import find_workload
from elastance.cost import EtaCost
from elastance.job import Job
from elastance.policies import Problem, build_policy, find_policy
from elastance.simulate import JobWorld, NormalRules, RecurringJob, Spread, Task
from elastance.simulate.measures import measure_by
from elastance.traces import find_source, read_drift
from elastance.traces.drift_model import DriftSettings, synthesize_drift

if TYPE_CHECKING:
    from elastance.simulate import Measures


class RememberingRules(NormalRules):
    """Normal, but the least cost that runs are stopped by is remembered for ever, as published."""

    threshold_forgets = False


VARIANTS = {
    "no window": (0, NormalRules()),
    "window 10, threshold remembers (published)": (10, RememberingRules()),
    "window 10": (10, NormalRules()),
    "window 5": (5, NormalRules()),
}


def main() -> None:
    """Print a table row per variant and length of the drift."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu", default="v100")
    parser.add_argument("--traces", type=int, default=40, help="drift traces")
    parser.add_argument("--seeds", type=int, default=20, help="world seeds per trace")
    parser.add_argument("--slices", default="38,200", help="lengths of the drift")
    given = parser.parse_args()
    print(
        "| slices | variant | regret, oracle jobs | less than without window | total energy over oracle's |"
    )
    print("|--:|---|--:|--:|--:|")
    for slices in map(int, given.slices.split(",")):
        regrets: dict[str, list[float]] = {name: [] for name in VARIANTS}
        energies: dict[str, list[float]] = {name: [] for name in VARIANTS}
        for trace_seed in range(given.traces):
            task = make_task(DriftSettings(slices=slices, seed=trace_seed), given.gpu)
            oracle_j = sum(task.baselines[i].oracle.energy_j for i in range(slices))
            for name, (window, rules) in VARIANTS.items():
                found = [run(task, window, rules, seed) for seed in range(given.seeds)]
                regrets[name].append(sum(of.regret_oracle_jobs for of in found) / len(found))
                energies[name].append(sum(of.energy_j for of in found) / len(found) / oracle_j - 1)
        for name, of_variant in regrets.items():
            saved = [without - value for without, value in zip(regrets["no window"], of_variant, strict=True)]
            cells = [interval(of_variant), "-" if name == "no window" else interval(saved)]
            print(
                f"| {slices} | {name} | {' | '.join(cells)} | {interval(energies[name], 100)} % |", flush=True
            )


def make_task(settings: DriftSettings, gpu: str) -> Task:
    """Return the job on a new synthetic drift trace."""
    source = find_source()
    job = Job.of_workload(find_workload(settings.workload))
    with tempfile.TemporaryDirectory() as directory:
        drift = read_drift(synthesize_drift(Path(directory) / "drift.csv", settings)[0])
    facts = drift.job_facts(source.power(gpu), job, source.record(gpu, train=False).provenance)
    problem = Problem(job, facts[0].power_limits_w, EtaCost(0.5, facts[0].max_power_w))
    return Task(facts[0], problem, settings.slices, slices=facts)


def run(task: Task, window: int, rules: NormalRules, seed: int) -> Measures:
    """Simulate zeus with a window, under rules of which the command knows only the normal ones."""
    known = task.problem
    problem = Problem(known.job, known.power_limits_w, known.cost, known.beta, window)
    world_rng, policy_rng = rules.generators(seed)
    pair = build_policy(find_policy("zeus"), problem, policy_rng, published=False)
    job = RecurringJob(JobWorld(task.facts, problem, pair, world_rng, rules=rules), task.slices)
    records = [record for _ in range(task.recurrences) for record in job.run_recurrence()]
    return measure_by(task.yardstick, records, task.recurrences)


def interval(values: list[float], factor: float = 1.0) -> str:
    """Return mean and 95 % interval."""
    mean, ci95 = Spread.of([factor * value for value in values])
    return f"{mean:.2f} ± {ci95 or 0.0:.2f}"


if __name__ == "__main__":
    main()
