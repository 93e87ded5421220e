"""`elastance tune`: let each run of a recurring job teach the next."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from elastance.cli import options

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
_Rule = Annotated[
    str | None,
    typer.Option(
        "--lr-rule",
        help="How it follows the batch size: sqrt, linear, none, or auto, as suits --optimizer.",
        show_default="sqrt; auto with --optimizer",
    ),
]
_Optimizer = Annotated[str | None, typer.Option(help="Such as adamw or sgd.", show_default=False)]
_MaxPower = Annotated[
    float | None,
    typer.Option(
        "--max-power", help="Watts of all devices together, where they do not tell.", show_default=False
    ),
]
_Retries = Annotated[int, typer.Option(help="Further runs, until one reaches the target.")]


class _NeedsDashes(TyperCommand):
    """A command whose own options may stand anywhere before ``--``, and whose arguments after it are another's."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 (Typer's own type is private)
        from elastance.errors import InputError

        if "--" not in args and not {"--help", "-h"} & set(args):
            raise InputError("put -- before the command: elastance tune run NAME -- python train.py ...")
        return super().parse_args(ctx, args)


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
    lr_rule: _Rule = None,
    optimizer: _Optimizer = None,
    eta_knob: options.Eta = 0.5,
    beta_knob: options.Beta = 2.0,
    window: options.Window = 0,
    policy: Annotated[str | None, typer.Option(help="See `elastance policies`.", show_default="zeus")] = None,
    seed: Annotated[int, typer.Option(help="Run i is given this + i.")] = 1,
    max_power: _MaxPower = None,
    devices: options.Devices = None,
    db: _Db = None,
) -> None:
    """Write down a recurring job.

    \b
    Examples:
      elastance tune init nightly --batch-sizes 32:1024:x2 --default 256 --lr 1e-3 --target "acc>=0.84" --max-epochs 9
      elastance tune init nightly --batch-sizes 32,64 --default 64 --target "l<=1" --max-epochs 9 --devices sim:v100
    """  # noqa: D301
    from elastance.cli.opening import opened_devices
    from elastance.cli.output import say
    from elastance.policies import DEFAULT_POLICY
    from elastance.train.tuning.job import TuningJob, offered_power
    from elastance.train.tuning.store import TuningStore

    sizes = options.parse_batch_sizes(batch_sizes)
    with opened_devices(devices) as opened:
        most_w, limits = offered_power(opened, max_power)
    rule = lr_rule or ("sqrt" if optimizer is None else "auto")
    with options.user_modules():
        job = TuningJob(
            name, sizes, default, target, max_epochs, most_w, limits, eta_knob, beta_knob, window,
            policy or DEFAULT_POLICY, lr, rule, optimizer, seed,
        )  # fmt: skip
        TuningStore(db).create(job)
    say(f"job {name}: batch sizes {', '.join(map(str, sizes))}; next: elastance tune run {name} -- COMMAND")


@app.command("run", cls=_NeedsDashes)
def run(
    name: _Name,
    command: _Command,
    devices: options.Devices = None,
    retries: _Retries = 19,
    grace: Annotated[float, typer.Option(help="Seconds from SIGTERM to SIGKILL at the threshold.")] = 30.0,
    db: _Db = None,
) -> None:
    """Run the job once: with the batch sizes the policy chooses, until a run reaches the target.

    Placeholders, anywhere in a word: {batch_size}, {lr}, {seed}, {epochs}, {slice_number}, {target_metric}.
    Exit status: 0 the target was reached, 1 it was not; that of the script if it failed or was interrupted.

    \b
    Examples:
      elastance tune run nightly -- python train.py --batch-size {batch_size} --lr {lr} --seed {seed}
      elastance tune run nightly --devices sim:v100 --retries 0 -- ./train.sh --out=run-{seed}
    """  # noqa: D301
    from elastance.cli.opening import opened_devices
    from elastance.cli.tune_tables import tell_run
    from elastance.errors import InputError
    from elastance.train.tuning.recurrence import run_recurrence
    from elastance.train.tuning.results import Status
    from elastance.train.tuning.run import Pace
    from elastance.train.tuning.store import TuningStore

    if not 0.0 <= grace < float("inf"):
        raise InputError(f"--grace {grace:g}: expected a number of seconds that is not negative")
    if retries < 0:
        raise InputError(f"--retries {retries}: expected a number that is not negative")
    with options.user_modules(), opened_devices(devices) as opened:
        store = TuningStore(db)
        made = run_recurrence(
            store,
            name,
            command,
            opened,
            retries=retries,
            pace=Pace(grace),
            tell=lambda made: tell_run(name, made),
        )
    became = made.result.status
    # Not typer.Exit: the statuses of an interrupted child are not those of an interrupted elastance.
    sys.exit({Status.REACHED: 0, Status.MISSED: 1}.get(became, made.result.exit_status or 1))


@app.command("list")
def list_jobs(as_json: options.Json = False, db: _Db = None) -> None:
    """List the jobs there are.

    \b
    Examples:
      elastance tune list
    """  # noqa: D301
    from elastance.cli.output import print_json, say
    from elastance.cli.tune_tables import print_jobs
    from elastance.train.tuning.store import TuningStore
    from elastance.train.tuning.summary import summarize

    store = TuningStore(db)
    with options.user_modules():
        documents = [
            summarize(store.job(name), store.history(name), store.policies(name)) for name in store.names()
        ]
    if as_json:
        print_json(_finite(documents))
        return
    if not documents:
        say("no jobs yet: see `elastance tune init --help`")
        return
    print_jobs(documents)


@app.command("status")
def status(
    name: _Name,
    as_json: options.Json = False,
    plot: options.Plot = None,
    theme: options.Theme = "light",
    db: _Db = None,
) -> None:
    """Say what the job has learned, cost and saved so far.

    \b
    Examples:
      elastance tune status nightly
      elastance tune status nightly --json
      elastance tune status nightly --plot nightly.png
    """  # noqa: D301
    from elastance.cli.tune_tables import print_status
    from elastance.train.tuning.store import TuningStore
    from elastance.train.tuning.summary import summarize

    options.check_destinations(None, plot, theme)
    store = TuningStore(db)
    with options.user_modules():
        store.bury(name)
        job, history = store.job(name), store.history(name)
        document = summarize(job, history, store.policies(name))

    def draw() -> Figure:
        from elastance.figures.tuning import draw_tuning

        return draw_tuning(job, history, theme=theme)

    options.deliver(
        as_json=as_json,
        history=None,
        plot=plot,
        runs=lambda: history,
        draw=draw,
        document=lambda: _finite(document),
        show=lambda: print_status(document),
    )


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
    from elastance.train.tuning.exported import write_traces
    from elastance.train.tuning.store import TuningStore

    store = TuningStore(db)
    job = store.job(name)
    write_traces(out, gpu, job, store.history(name))
    traced = job.problem.job
    say(
        f"elastance simulate recurring --traces {out} --gpu {gpu} --dataset {name} --network script"
        f" --optimizer {traced.optimizer} --target-metric {traced.target_metric:g} --max-epochs {job.max_epochs}"
        f" --b0 {job.default_batch_size}"
    )


def _finite(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    """Return a document without infinities, which JSON does not have: as words."""
    if isinstance(value, dict):
        return {key: _finite(of) for key, of in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, (list, tuple)):
        return [_finite(of) for of in value]  # pyright: ignore[reportUnknownVariableType]
    return str(value) if value in (float("inf"), float("-inf")) else value
