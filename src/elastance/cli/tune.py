"""`elastance tune`: let each run of a recurring job teach the next."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elastance.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.devices import Device

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the job.", show_default=False)]
_Command = Annotated[list[str], typer.Argument(metavar="-- COMMAND...", show_default=False)]
_Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="sqlite:///FILE or postgresql://... Default: $ELASTANCE_DB, else a file of yours.",
        show_default=False,
    ),
]
_Sizes = Annotated[str, typer.Option("--batch-sizes", help="32,64,128 or 32:1024:x2.")]
_Default = Annotated[int, typer.Option("--default", help="Your own batch size.")]
_Target = Annotated[str, typer.Option(help="When a run is done, such as acc>=0.84 or loss<=1.5.")]
_MaxEpochs = Annotated[int, typer.Option(help="Longest a run may take.")]
_Rate = Annotated[
    float | None, typer.Option("--lr", help="What suits the default batch size.", show_default=False)
]
_Rule = Annotated[str, typer.Option("--lr-rule", help="How it follows the batch size: sqrt, linear, none.")]
_Power = Annotated[
    float | None,
    typer.Option(
        "--max-power", help="Watts of all devices together, where they do not tell.", show_default=False
    ),
]
_LIMIT_STEP_W = 25


@app.callback()
def tune() -> None:
    """Tune a recurring training job: every run is measured, and chooses the batch size of the next."""


@app.command("init")
def init(
    name: _Name,
    batch_sizes: _Sizes,
    default: _Default,
    target: _Target,
    max_epochs: _MaxEpochs,
    lr: _Rate = None,
    lr_rule: _Rule = "sqrt",
    eta_knob: options.Eta = 0.5,
    beta_knob: options.Beta = 2.0,
    window: options.Window = 0,
    policy: Annotated[str | None, typer.Option(help="See `elastance policies`.", show_default="zeus")] = None,
    seed: Annotated[int, typer.Option(help="Run i is given this + i.")] = 1,
    max_power: _Power = None,
    devices: options.Devices = None,
    db: _Db = None,
) -> None:
    """Write down a recurring job.

    \b
    Examples:
      elastance tune init nightly --batch-sizes 32:1024:x2 --default 256 --target "acc>=0.84" --max-epochs 20
      elastance tune init nightly --batch-sizes 32,64 --default 64 --target "l<=1" --max-epochs 9 --devices sim:v100
    """  # noqa: D301
    from elastance.cli.opening import opened_devices
    from elastance.cli.output import say
    from elastance.policies import DEFAULT_POLICY
    from elastance.train.tuning.job import TuningJob, parse_batch_sizes
    from elastance.train.tuning.store import TuningStore

    sizes = parse_batch_sizes(batch_sizes)
    with opened_devices(devices) as opened:
        most_w, limits = _power_of(opened, max_power)
    with options.user_modules():
        job = TuningJob(
            name, sizes, default, target, max_epochs, most_w, limits, eta_knob, beta_knob, window,
            policy or DEFAULT_POLICY, lr, lr_rule, seed,
        )  # fmt: skip
        TuningStore(db).create(job)
    say(f"job {name}: batch sizes {', '.join(map(str, sizes))}; next: elastance tune run {name} -- COMMAND")


@app.command("run", context_settings={"allow_interspersed_args": False})
def run(
    name: _Name,
    command: _Command,
    devices: options.Devices = None,
    grace: Annotated[float, typer.Option(help="Seconds from SIGTERM to SIGKILL at the threshold.")] = 30.0,
    db: _Db = None,
) -> None:
    """Make one run of the job with the batch size the policy chooses; the script's exit status is passed on.

    Options come before NAME. Placeholders, anywhere in a word: {batch_size}, {lr}, {seed}, {epochs}, {slice_number},
    {target_metric}.

    \b
    Examples:
      elastance tune run nightly -- python train.py --batch-size {batch_size} --lr {lr} --seed {seed}
      elastance tune run --devices sim:v100 nightly -- ./train.sh --out=run-{seed}
    """  # noqa: D301
    from elastance.cli.opening import opened_devices
    from elastance.cli.output import joules
    from elastance.errors import InputError
    from elastance.train.tuning.runner import run_once
    from elastance.train.tuning.store import TuningStore

    if not 0.0 <= grace < float("inf"):
        raise InputError(f"--grace {grace:g}: expected a number of seconds that is not negative")
    with options.user_modules(), opened_devices(devices) as opened:
        made = run_once(TuningStore(db), name, command[command[0] == "--" :], opened, grace_s=grace)
    said = (
        f"batch size {made.dispatch.batch_size}, {made.result.status.value}, {joules(made.result.energy_j)}"
    )
    stopped = ", stopped at the cost threshold" if made.stopped else ""
    print(f"elastance: {name}, run {made.dispatch.trial + 1}: {said}{stopped}", file=sys.stderr)
    sys.exit(made.exit_status)


@app.command("status")
def status(name: _Name, as_json: options.Json = False, db: _Db = None) -> None:
    """Say what the job has learned, cost and saved so far.

    \b
    Examples:
      elastance tune status nightly
      elastance tune status nightly --json
    """  # noqa: D301
    from elastance.cli.output import joules, print_json, say
    from elastance.train.tuning.store import TuningStore
    from elastance.train.tuning.summary import summarize

    store = TuningStore(db)
    with options.user_modules():
        store.bury(name)
        document = summarize(store.job(name), store.history(name), store.policies(name))
    if as_json:
        print_json(_finite(document))
        return
    _print_arms(document["arms"])
    counts = ", ".join(f"{count} {what}" for what, count in document["runs"].items() if count)
    say(f"runs: {counts or 'none yet'}; {joules(document['energy_j'])} so far")
    if document["saved_j"] is not None:
        even = document["break_even"]
        say(f"saved against the default: {joules(document['saved_j'])}; breaks even: {even or 'not yet'}")
    made_up = {"model", "replay"} & set(document["sources"])
    if made_up:
        say(f"not measured on hardware ({', '.join(sorted(made_up))})")


@app.command("export")
def export(
    name: _Name,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to make.")],
    gpu: Annotated[str, typer.Option(help="What to call the GPU.")] = "v100",
    db: _Db = None,
) -> None:
    """Write the job's history as a train and a power trace, for `elastance simulate recurring --traces`.

    \b
    Examples:
      elastance tune export nightly -o traces
    """  # noqa: D301
    from elastance.cli.output import say
    from elastance.errors import InputError
    from elastance.traces.schema import POWER, TRAIN
    from elastance.traces.sources import POWER_STEM, TRAIN_STEM
    from elastance.train.tuning.store import TuningStore
    from elastance.train.tuning.summary import traces_of

    store = TuningStore(db)
    job = store.job(name)
    train, power = traces_of(job, store.history(name))
    if not train:
        raise InputError(f"job {name} has no run yet that told its epochs: nothing to export")
    out.mkdir(parents=True, exist_ok=True)
    _write(out / f"{TRAIN_STEM}.csv", list(TRAIN.columns), train)
    _write(out / f"{POWER_STEM}{gpu}.csv", list(POWER.columns), power)
    say(
        f"elastance simulate recurring --traces {out} --dataset {name} --network script --optimizer script"
        f" --gpu {gpu} --target-metric {train[0][6]} --max-epochs {job.max_epochs} --b0 {job.default_batch_size}"
    )


def _power_of(devices: Sequence[Device], max_power_w: float | None) -> tuple[float, tuple[int, ...]]:
    """Return the largest power of all devices together, and the limits on offer for each, W."""
    from elastance.errors import InputError, NotSupportedError

    try:
        ranges = [device.power_limits() for device in devices]
    except NotSupportedError as error:
        if max_power_w is None:
            raise InputError(f"{error}: say with --max-power what all devices may draw together") from None
        return max_power_w, (max(1, round(max_power_w)),)
    most = int(min(one.max_w for one in ranges))
    least = max(one.min_w for one in ranges)
    limits = [limit for limit in range(most, 0, -_LIMIT_STEP_W) if limit >= least]
    return max_power_w or sum(one.max_w for one in ranges), tuple(sorted(limits)) or (most,)


def _finite(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return a document without infinities, which JSON does not have: as words."""
    if isinstance(value, dict):
        return {key: _finite(of) for key, of in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_finite(of) for of in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value) if value in (float("inf"), float("-inf")) else value


def _write(path: Path, columns: list[str], rows: Sequence[Sequence[object]]) -> None:
    from elastance.files import replacing

    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])


def _print_arms(arms: Sequence[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from elastance.cli.output import console, joules

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("batch size", "runs", "reached", "mean cost", "mean energy", "in the running"):
        table.add_column(heading, justify="right", no_wrap=True)
    for arm in arms:
        running = {None: "-", True: "yes", False: "no"}[arm["in_the_running"]]
        counts = (str(arm[key]) for key in ("batch_size", "runs", "reached"))
        table.add_row(*counts, joules(arm["mean_cost_j"]), joules(arm["mean_energy_j"]), running)
    console().print(table)
