"""`elastance split`: how to share one batch among unlike GPUs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from elastance.cli import options
from elastance.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from elastance.simulate import GpuGroup, SplitComparison
    from elastance.splitting import SplitProblem

_Value = TypeVar("_Value")

_Profiles = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PROFILE...",
        help="Profile of each kind of GPU, with how many there are: a10.json:4. With --workload: GPU types, v100:2.",
        show_default=False,
    ),
]
_GlobalBatch = Annotated[
    int | None,
    typer.Option(help="Samples of a step over all GPUs.", show_default="required; 4096 for zeus2 methods"),
]
_Method = Annotated[str, typer.Option(help="How to split; --compare shows all there are.")]
_Compare = Annotated[bool, typer.Option("--compare", help="Show all methods side by side.")]
_Eta = Annotated[float | None, typer.Option(help="1 minimises energy, 0 time.", show_default="0.5")]
_Minimize = Annotated[str | None, typer.Option(help="energy or time instead of the cost of both.")]
_MaxSlowdown = Annotated[float | None, typer.Option(help="At most this multiple of the fastest plan's time.")]
_Granularity = Annotated[int, typer.Option(help="Shares are multiples of this many samples.")]
_Idle = Annotated[
    str | None,
    typer.Option(help="Watts a waiting GPU draws: one number, or one per profile.", show_default="assumed"),
]
_Cap = Annotated[
    str | None,
    typer.Option(
        help="Most samples in memory at once: one number, or one per profile (- for none).",
        show_default="largest profiled",
    ),
]
_NoMicro = Annotated[bool, typer.Option("--no-micro-batches", help="Compute every share in one part.")]
_Extrapolate = Annotated[
    bool, typer.Option("--allow-extrapolation", help="Guess beyond the profiled sizes, marked as such.")
]
_Sync = Annotated[float, typer.Option(help="Seconds to exchange gradients once two GPUs or more are in use.")]
_KeepIdle = Annotated[bool, typer.Option("--keep-idle", help="A released GPU still draws its idle power.")]
_PriceOf = Annotated[
    str, typer.Option(help="MaxPower counts all GPUs, or only those in use (favours fewer GPUs).")
]
_Steps = Annotated[
    int | None, typer.Option(help="Steps in a profiled window; then all is per step.", show_default="unknown")
]
_Workload = Annotated[str | None, typer.Option(help="Split an epoch of it from traces or built-in models.")]
_Pareto = Annotated[bool, typer.Option("--pareto", help="List the plans that trade time for energy.")]
_Output = Annotated[Path | None, typer.Option(help="Write the plan to this JSON file.")]


def split(
    profiles: _Profiles = None,
    global_batch: _GlobalBatch = None,
    method: _Method = "exact",
    compare: _Compare = False,
    eta_knob: _Eta = None,
    minimize: _Minimize = None,
    max_slowdown: _MaxSlowdown = None,
    granularity: _Granularity = 1,
    idle_power: _Idle = None,
    memory_cap: _Cap = None,
    no_micro_batches: _NoMicro = False,
    allow_extrapolation: _Extrapolate = False,
    sync_time: _Sync = 0.0,
    keep_idle: _KeepIdle = False,
    max_power_of: _PriceOf = "all",
    steps: _Steps = None,
    workload: _Workload = None,
    traces: options.Traces = None,
    pareto: _Pareto = False,
    as_json: options.Json = False,
    plot: options.Plot = None,
    theme: options.Theme = "light",
    output: _Output = None,
) -> None:
    """Split a global batch over unlike GPUs: how many samples for each, and under which power limit?

    GPUs that train together wait for the slowest. The exact method finds the plan with the least cost
    eta x energy + (1 - eta) x MaxPower x time, waiting included, and proves it. What exceeds the largest profiled
    batch runs in micro-batches; nothing is extrapolated unless asked for.

    A profile is a JSON file {"<batch size>": [{"power_limit": W, "energy": J, "time": s}, ...], ...}, totals of one
    window of equally many steps each. Exit status: 1 if the method has no plan that keeps the constraints, 2 if there
    can be none.

    \b
    Examples:
      elastance split a10.json t4.json --global-batch 4096 --compare --plot split.png
      elastance split a10.json:4 t4.json:12 --global-batch 8192 --granularity 8 --output plan.json
      elastance split a10.json t4.json --global-batch 512 --minimize energy --max-slowdown 1.1
      elastance split v100 a40:2 --workload cifar100 --global-batch 4096 --pareto
      elastance split a10.json t4.json --method zeus2-brute-force --json
    """  # noqa: D301
    from elastance.cli import output as shown
    from elastance.files import check_writable
    from elastance.simulate import split_problem

    options.check_destinations(None, plot, theme)
    if output is not None:
        check_writable(output)
    batch = _batch_size(global_batch, method)
    groups = _groups(profiles or [], workload, traces, batch, idle_power, memory_cap)
    problem = split_problem(
        groups,
        batch,
        steps=steps,
        extrapolate=allow_extrapolation,
        **_aim(eta_knob, minimize),
        granularity=granularity,
        max_slowdown=max_slowdown,
        micro_batches=not no_micro_batches,
        sync_s=sync_time,
        keep_idle=keep_idle,
        price_released=_is_all(max_power_of),
    )
    comparison = _computed(groups, problem, method, compare=compare, pareto=pareto, steps=steps)
    if output is not None:
        shown.write_json(output, comparison.to_json())
    if plot is not None:
        from elastance.figures import draw_splits, save_figure

        save_figure(draw_splits(comparison, theme=theme), plot)
    if as_json:
        shown.print_json(comparison.to_json())
        return
    from elastance.cli.split_tables import print_comparison

    print_comparison(comparison)
    for path in (output, plot):
        if path is not None:
            shown.say(f"wrote {path}", style="dim")


def _computed(
    groups: list[GpuGroup],
    problem: SplitProblem,
    method: str,
    *,
    compare: bool,
    pareto: bool,
    steps: int | None,
) -> SplitComparison:
    from dataclasses import replace

    from elastance.cli import output as shown
    from elastance.simulate import compare_splits
    from elastance.splitting import pareto_front, registered_methods

    methods = [method, *(info.name for info in registered_methods() if compare and info.function)]
    with options.user_modules():
        with shown.waiting("searching") as on_search:
            comparison = compare_splits(
                groups,
                problem,
                methods,
                steps=steps,
                on_progress=lambda bound, best: on_search(f"within {_gap(bound, best)} of the optimum"),
            )
        if pareto:
            with shown.counting("plans between fastest and most frugal") as on_progress:
                comparison = replace(comparison, front=pareto_front(problem, on_progress))
    return comparison


def _gap(bound: float, best: float) -> str:
    return f"{100 * (1 - bound / best):.2g} %" if 0 < bound <= best else "an unknown part"


def _batch_size(given: int | None, method: str) -> int:
    from elastance.splitting import PUBLISHED_BATCH_SIZE, MethodKind, find_method

    with options.user_modules():
        kind = find_method(method).kind
    if given is not None:
        return given
    if kind is MethodKind.PUBLISHED:
        return PUBLISHED_BATCH_SIZE
    raise InputError("--global-batch N is missing: the samples of a step over all GPUs")


def _aim(eta: float | None, minimize: str | None) -> dict[str, object]:
    from elastance.splitting import Goal

    if minimize is None:
        return {"eta": 0.5 if eta is None else eta}
    if eta is not None:
        raise InputError("give --eta-knob or --minimize, not both")
    if minimize not in (Goal.TIME, Goal.ENERGY):
        raise InputError(f"--minimize {minimize!r}: expected energy or time")
    return {"goal": Goal(minimize)}


def _is_all(max_power_of: str) -> bool:
    if max_power_of not in ("all", "used"):
        raise InputError(f"--max-power-of {max_power_of!r}: expected all or used")
    return max_power_of == "all"


def _groups(
    arguments: list[str],
    workload: str | None,
    traces: Path | None,
    batch: int,
    idle_power: str | None,
    memory_cap: str | None,
) -> list[GpuGroup]:
    """Read the profiles, and give each its number of GPUs, idle power and memory cap."""
    from elastance.catalog import find_workload
    from elastance.simulate import GpuGroup
    from elastance.traces import find_source, profile_of_trace, read_profile

    if not arguments:
        raise InputError("no profile: name a profile file per kind of GPU, or GPU types with --workload")
    if batch < 1:
        raise InputError(f"global batch {batch} is not a positive number of samples")
    counted = [_counted(argument) for argument in arguments]
    if workload is not None:
        source, trained = find_source(traces), find_workload(workload)
        read = [profile_of_trace(source, name, trained, batch) for name, _ in counted]
    elif traces is not None:
        raise InputError("--traces goes with --workload: which of its workloads is to be split?")
    else:
        read = [_read(name, read_profile) for name, _ in counted]
    idle = _per_profile("--idle-power", idle_power, len(read), float, "watts such as 25 or 25,10")
    caps = _per_profile("--memory-cap", memory_cap, len(read), int, "samples such as 512 or 512,-")
    return [
        GpuGroup(profile, count, idle_w, cap)
        for profile, (_, count), idle_w, cap in zip(read, counted, idle, caps, strict=True)
    ]


def _counted(argument: str) -> tuple[str, int]:
    """Part ``a10.json:4`` into name and number."""
    match = re.fullmatch(r"(.+):([^:/\\]*)", argument)
    if match is None or (not match[2].lstrip("-").isdigit() and Path(argument).exists()):
        return argument, 1
    if not match[2].isdigit() or int(match[2]) < 1:
        raise InputError(f"{argument}: expected a number of GPUs after the colon, as in {match[1]}:4")
    return match[1], int(match[2])


def _read(name: str, read: Callable[[Path], _Value]) -> _Value:
    from elastance.catalog import GPUS

    if name.lower() in {gpu.name for gpu in GPUS} and not Path(name).exists():
        raise InputError(
            f"{name}: no such file; to split a workload over GPU types from traces, add --workload cifar100"
        )
    return read(Path(name))


def _per_profile(
    option: str, text: str | None, profiles: int, kind: Callable[[str], _Value], expected: str
) -> list[_Value | None]:
    if text is None:
        return [None] * profiles
    try:
        values = [None if part.strip() in ("-", "") else kind(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} {text!r}: expected {expected}") from None
    if len(values) not in (1, profiles):
        raise InputError(f"{option} {text!r}: {len(values)} values for {profiles} profiles")
    return values * profiles if len(values) == 1 else values
