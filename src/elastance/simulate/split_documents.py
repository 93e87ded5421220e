"""Plans as plain values: what `elastance split --json` prints and what a launcher reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elastance.simulate.splits import SplitComparison, SplitResult
    from elastance.splitting import Plan, Solution, SplitProblem


def comparison_document(comparison: SplitComparison) -> dict[str, Any]:
    """Return the answer of the first method, what it rests on, and the other methods if there are any."""
    problem, steps = comparison.problem, comparison.steps
    document = _answer(comparison.results[0], problem)
    samples = problem.global_batch_size
    document |= {
        "per": comparison.per,
        "steps_in_window": steps,
        "time_per_sample_s": document["step_time_s"] / samples if steps else None,
        "energy_per_sample_j": document["step_energy_j"] / samples if steps else None,
        "global_batch_size": samples,
        "granularity": problem.granularity,
        "goal": problem.goal.value,
        "eta_knob": problem.weight,
        "max_power_w": problem.max_power_w,
        "max_slowdown": problem.max_slowdown,
        "sync_s": problem.sync_s,
        "provenance": sorted({group.profile.provenance.value for group in comparison.groups}),
        "profiles": [
            {
                "profile": group.profile.name,
                "count": group.count,
                "path": group.profile.path,
                "sha256": group.profile.sha256,
                "idle_power_w": group.idle_w,
                "idle_power_assumed": group.idle_power_w is None,
                "largest_profiled_batch_size": group.profile.cap,
                "memory_cap": group.memory_cap,
            }
            for group in comparison.groups
        ],
        "warnings": list(comparison.warnings),
    }
    if len(comparison.results) > 1:
        document["compare"] = [_compared(result) for result in comparison.results]
    if comparison.front is not None:
        document["pareto"] = {
            "complete": comparison.front.complete,
            "plans": [_plan(plan) for plan in comparison.front.plans],
        }
    return document


def _answer(result: SplitResult, problem: SplitProblem) -> dict[str, Any]:
    solution = result.solution
    assert solution is not None
    head = {"method": result.method.name, "optimal": solution.optimal}
    rest = {
        "runner_up": None
        if solution.runner_up is None
        else _plan(solution.runner_up) | {"exact": solution.runner_up_exact},
        "lower_bound": solution.lower_bound,
        "extrapolated": solution.plan.extrapolated,
    }
    if solution.published is None:
        return head | _plan(solution.plan) | rest
    return head | _published(solution, problem) | {"on_measured_curves": _plan(solution.plan)}


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "cost": plan.cost_j,
        "step_time_s": plan.time_s,
        "step_energy_j": plan.energy_j,
        "gpus": [
            {
                "profile": load.gpu,
                "batch_size": load.batch_size,
                "power_limit_w": load.power_limit_w,
                "time_s": load.time_s,
                "power_w": load.power_w,
                "idle_s": load.idle_s,
                "micro_batches": load.micro_batches,
            }
            for load in plan.loads
        ],
    }


def _published(solution: Solution, problem: SplitProblem) -> dict[str, Any]:
    """The published answer in its own terms: fitted times and powers, no waiting, its own cost."""
    published, loads = solution.published, solution.plan.loads
    assert published is not None
    step_s = max(published.times_s)
    fitted = list(zip(loads, published.times_s, published.powers_w, strict=True))
    return {
        "cost": published.cost_j,
        "step_time_s": step_s,
        "step_energy_j": sum(time_s * power_w for _, time_s, power_w in fitted),
        "gpus": [
            {
                "profile": load.gpu,
                "batch_size": load.batch_size,
                "power_limit_w": load.power_limit_w,
                "time_s": time_s,
                "power_w": power_w,
                "idle_s": step_s - time_s,
                "micro_batches": 1,
            }
            for load, time_s, power_w in fitted
        ],
        "runner_up": None,
        "lower_bound": None,
        "extrapolated": any(
            load.batch_size > gpu.largest_measured for load, gpu in zip(loads, problem.gpus, strict=True)
        ),
    }


def _compared(result: SplitResult) -> dict[str, Any]:
    plan = None if result.solution is None else result.solution.plan
    return {
        "method": result.method.name,
        "kind": result.method.kind.value,
        "cost": plan and plan.cost_j,
        "step_time_s": plan and plan.time_s,
        "step_energy_j": plan and plan.energy_j,
        "slack": result.slack,
        "gpus": None if plan is None else _plan(plan)["gpus"],
        "published_cost": result.solution.published.cost_j
        if result.solution and result.solution.published
        else None,
        "refusal": result.refusal or None,
    }
