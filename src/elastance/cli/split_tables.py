"""What `elastance split` prints: the plan, the methods side by side, and what to know about both."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from elastance.cli.output import console, joules, percent, say, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from elastance.simulate import SplitComparison, SplitResult
    from elastance.splitting import GpuLoad, Plan, SplitProblem


def print_comparison(comparison: SplitComparison) -> None:
    """Print the plan of the method that was asked for, then all methods and the front, if there are any."""
    _print_heading(comparison)
    _print_plan(comparison)
    if len(comparison.results) > 1:
        _print_methods(comparison)
    if comparison.front is not None:
        _print_front(comparison)
    for line in _remarks(comparison):
        say(line, style="yellow")


def _print_heading(comparison: SplitComparison) -> None:
    problem = comparison.problem
    gpus = " + ".join(
        (f"{group.count} x " if group.count > 1 else "") + group.profile.name for group in comparison.groups
    )
    say(f"{problem.global_batch_size:,} samples per step over {gpus}", style="bold")
    aim = {
        "cost": f"least cost at eta {problem.eta:g}, MaxPower {problem.max_power_w} W",
        "time": "least time, then least energy",
        "energy": "least energy, then least time",
    }[problem.goal]
    slowdown = (
        "" if problem.max_slowdown is None else f", at most {problem.max_slowdown:g} x the fastest time"
    )
    facts = ", ".join(
        dict.fromkeys(f"{group.profile.path} ({group.profile.provenance})" for group in comparison.groups)
    )
    idle = ", ".join(
        f"{group.profile.name} {group.idle_w:g} W{' (assumed)' if group.idle_power_w is None else ''}"
        for group in comparison.groups
    )
    say(
        f"{aim}{slowdown}; times and energies are totals of one {comparison.per}\n"
        f"facts: {facts}\nidle power: {idle}\n",
        style="dim",
    )


def _print_plan(comparison: SplitComparison) -> None:
    from rich.table import Table

    result, solution = comparison.results[0], comparison.chosen
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("gpu", "samples", "share", "limit", "computes", "waits", "power", "energy"):
        table.add_column(name, justify="left" if name == "gpu" else "right")
    for load, count in _alike(solution.plan):
        share = percent(load.batch_size / comparison.problem.global_batch_size)
        name = load.gpu if count == 1 else f"{count} x {load.gpu}"
        if not load.batch_size:
            table.add_row(name, "released", "", "", "", "", "", joules(load.idle_energy_j))
            continue
        table.add_row(
            name,
            f"{load.batch_size:,}",
            share,
            f"{load.power_limit_w} W",
            seconds(load.time_s),
            seconds(load.idle_s),
            f"{load.power_w:.1f} W",
            joules(load.energy_j + load.idle_energy_j),
        )
    console().print(table)
    proven = ", proven optimal" if solution.optimal else ""
    say(f"\n{result.method.name}{proven}: {_totals(solution.plan)}", style="bold")
    if solution.runner_up is not None:
        gap = comparison.problem.order(solution.runner_up)[0] / comparison.problem.order(solution.plan)[0] - 1
        which = "second best" if solution.runner_up_exact else "best other plan seen"
        say(f"{which}: {_shares(solution.runner_up)}, {100 * gap:.2g} % worse", style="dim")
    if solution.published is not None:
        fitted = "; ".join(
            f"{load.gpu} {power_w:.4g} W under a limit of {load.power_limit_w} W"
            for load, power_w in zip(solution.plan.loads, solution.published.powers_w, strict=True)
        )
        say(
            f"published cost: {solution.published.cost_j:,.4f} J from fitted curves that are extrapolated beyond "
            f"the profiled sizes ({fitted}); the table above is what the measured curves say of the same plan",
            style="yellow",
        )


def _print_methods(comparison: SplitComparison) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("method", "samples @ limit", "time", "energy", "cost", "over the best"):
        table.add_column(name, justify="left" if name in ("method", "samples @ limit") else "right")
    for result in _in_order(comparison):
        if result.solution is None:
            table.add_row(result.method.name, result.refusal, "-", "-", "-", "-", style="dim")
            continue
        plan = result.solution.plan
        table.add_row(
            result.method.name,
            _shares(plan),
            seconds(plan.time_s),
            joules(plan.energy_j),
            joules(plan.cost_j),
            "the best" if abs(result.slack or 0.0) < 5e-7 else percent(result.slack),
        )
    say()
    console().print(table)
    baselines = {result.method.name: result.solution for result in comparison.results if result.solution}
    best = baselines.get("exact")
    for name, strength in (("even", "stock data parallel"), ("time-balanced", "the strong baseline")):
        if best is not None and name in baselines:
            plan = baselines[name].plan
            say(
                f"exact against {name} ({strength}): {_change(best.plan.energy_j, plan.energy_j)} energy, "
                f"{_change(best.plan.time_s, plan.time_s)} time",
                style="dim",
            )


def _change(value: float, before: float) -> str:
    return f"{100 * (value / before - 1.0):+.1f} %"


def _print_front(comparison: SplitComparison) -> None:
    from rich.table import Table

    front = comparison.front
    assert front is not None
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("time", "energy", "samples @ limit"):
        table.add_column(name, justify="left" if name == "samples @ limit" else "right")
    for plan in front.plans:
        table.add_row(seconds(plan.time_s), joules(plan.energy_j), _shares(plan))
    which = "all there are" if front.complete else "some of them; there may be others in between"
    say(f"\nplans that nothing beats in both time and energy ({which})", style="bold")
    console().print(table)


def _remarks(comparison: SplitComparison) -> Iterator[str]:
    yield from _beyond(comparison.chosen.plan, comparison.problem)
    for line in comparison.warnings:
        yield f"warning: {line}"


def _beyond(plan: Plan, problem: SplitProblem) -> Iterator[str]:
    """Say which GPU works outside what was profiled, and how."""
    said: set[str] = set()
    for load, gpu in zip(plan.loads, problem.gpus, strict=True):
        if load.extrapolated:
            line = (
                f"{load.gpu}: {load.batch_size} samples are extrapolated from at most {gpu.largest_measured}"
            )
        elif load.micro_batches > 1:
            line = f"{load.gpu}: runs {load.micro_batches} micro-batches of at most {gpu.micro_batch} samples"
        else:
            continue
        if line not in said:
            said.add(line)
            yield line


def _in_order(comparison: SplitComparison) -> list[SplitResult]:
    """The best first; what has no plan last."""
    return sorted(comparison.results, key=lambda of: (of.solution is None, of.slack or 0.0))


def _alike(plan: Plan) -> Iterator[tuple[GpuLoad, int]]:
    for _, same in groupby(plan.loads, key=lambda load: (load.gpu, load.batch_size, load.power_limit_w)):
        loads = list(same)
        yield loads[0], len(loads)


def _shares(plan: Plan) -> str:
    return ", ".join(
        (f"{count} x " if count > 1 else "")
        + (f"{load.batch_size} @ {load.power_limit_w} W" if load.batch_size else "released")
        for load, count in _alike(plan)
    )


def _totals(plan: Plan) -> str:
    return f"{seconds(plan.time_s)}, {joules(plan.energy_j)}, cost {joules(plan.cost_j)}"
