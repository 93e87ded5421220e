"""Figure 9: through changes of executors, which levels train as DDP does?"""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from elastance.elastic.measuring.consistency import STAGES, VARIANTS, Step, Variant, trajectory
from elastance.elastic.measuring.gang import require_device
from elastance.elastic.measuring.task import Size
from elastance.figures.easyscale.measured import measured_source
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, near, reported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.finding import Check
    from elastance.figures.experiments.setting import Setting

STEPS_PER_STAGE = 20
_STEPS_ON_GPU = 100
_SEEDS = "one, fixed"


class ConsistencyRow(NamedTuple):
    """One global step of one run beside that of DDP.

    Attributes:
        level: How it was trained.
        compared_with: Which DDP run.
        stage: From 0.
        step: Global step, from 0.
        loss: Of the last logical worker's mini-batch.
        ddp_loss: Of DDP's last worker.
        difference: The one minus the other.
        equal: Whether loss, that worker's random numbers, and sha256 of parameters, buffers and optimizer are equal.
    """

    level: str
    compared_with: str
    stage: int
    step: int
    loss: float
    ddp_loss: float
    difference: float
    equal: bool


def compute(setting: Setting) -> Result[ConsistencyRow]:
    """Train through all stages at every level, and with DDP."""
    require_device(setting.device)
    on_gpu = setting.device == "cuda"
    ways = [way for way in VARIANTS if not (on_gpu and way.pinned)]
    total = sum(1 if way.level is None else len(STAGES) for way in ways)
    done = count(1)

    def on_stage() -> None:
        if setting.on_progress is not None:
            setting.on_progress(next(done), total)

    steps_per_stage = _STEPS_ON_GPU if on_gpu else STEPS_PER_STAGE
    size = Size.CUDA if on_gpu else Size.CPU
    trained = {
        way.name: trajectory(way, steps_per_stage, size=size, device=setting.device, on_stage=on_stage)
        for way in ways
    }
    return judged(trained, steps_per_stage, setting.device)


def judged(
    trained: Mapping[str, Sequence[Step]], steps_per_stage: int, device: str = "cpu"
) -> Result[ConsistencyRow]:
    """Return rows and findings of what was trained, by name of the way."""
    ways = [way for way in VARIANTS if way.level is not None and way.name in trained]
    rows = [row for way in ways for row in _rows(way, trained, steps_per_stage)]
    # Executors that share one GPU are not unlike: nothing breaks D1 there.
    unlike = device == "cpu"
    return Result(
        rows,
        tuple(_finding(way, rows, steps_per_stage, unlike=unlike) for way in ways),
        measured_source(device),
        f"image net (convolutions, BatchNorm, dropout, augmentation), 4 logical workers, {steps_per_stage} steps per "
        "stage, a checkpoint between stages",
        (
            "Executors: four with one logical worker each; two with two; three with 2, 1 and 1"
            + (", the last two of an unlike type (SSE only)." if unlike else ", all on one GPU."),
            (
                "DDP with pinned kernels is DDP with the settings of level D2 on four executors of one type, as in "
                "the paper (its DDP-heter). D0 with pinned kernels is its D0+D2."
            ),
            "Published (no table): differences of about 0.2 (ResNet50) and 0.0075 to 0.011 (VGG19) in training loss.",
        ),
    )


def _rows(way: Variant, trained: Mapping[str, Sequence[Step]], steps_per_stage: int) -> list[ConsistencyRow]:
    pairs = zip(trained[way.name], trained[way.compared_with], strict=True)
    rows: list[ConsistencyRow] = []
    for number, (ours, ddp) in enumerate(pairs):
        assert ours.loss is not None
        assert ddp.loss is not None
        rows.append(
            ConsistencyRow(
                way.name, way.compared_with, number // steps_per_stage, number,
                ours.loss, ddp.loss, ours.loss - ddp.loss, ours == ddp,
            )
        )  # fmt: skip
    return rows


def _finding(way: Variant, rows: Sequence[ConsistencyRow], steps_per_stage: int, *, unlike: bool) -> Finding:
    own = [row for row in rows if row.level == way.name]
    stages = (
        len(STAGES) if way.level is not None and way.level.keeps_layout and not unlike else way.equal_stages
    )
    equal_steps = stages * steps_per_stage
    broken = next((row.step for row in own if not row.equal), len(own))
    checks: list[Check] = [near("steps before the first that differs", broken, equal_steps, 0)]
    if equal_steps < len(own):
        checks.append(reported("largest difference in loss", max(abs(row.difference) for row in own)))
        plural = "s" if stages > 1 else ""
        claim = f"{way.name}: equal in stage{plural} {_stages(stages)}, and different from the next on"
    else:
        claim = f"{way.name}: equal in every step of every stage"
    return Finding(claim, tuple(checks), "", f"{way.compared_with}, sha256 after every step", _SEEDS)


def _stages(count: int) -> str:
    return " and ".join(str(stage) for stage in range(count))


def draw(result: Result[ConsistencyRow], canvas: Canvas) -> None:
    """A panel per level: difference in loss over steps."""
    levels = list(dict.fromkeys(row.level for row in result.rows))
    grid = canvas.grid(len(levels), 1, above_in=0.52, left=0.1, right=0.985, hspace=0.75)
    extent = max(abs(row.difference) for row in result.rows) or 1.0
    for place, level in enumerate(levels):
        axes = canvas.figure.add_subplot(grid[place])
        own = [row for row in result.rows if row.level == level]
        axes.axhline(0.0, color=canvas.look.faint, linewidth=0.7)
        for equal, colour, label in (
            (True, canvas.look.energy, "all bits equal"),
            (False, canvas.look.policies["grid"], "some bits differ"),
        ):
            shown = [row for row in own if row.equal is equal]
            axes.plot(
                [row.step for row in shown], [row.difference for row in shown],
                "o" if equal else "D", markersize=3, color=colour, label=label,
            )  # fmt: skip
        for row in own[1:]:
            if row.stage != own[row.step - 1].stage:
                axes.axvline(row.step - 0.5, color=canvas.look.ink, linewidth=0.8, linestyle=(0, (4, 2)))
        axes.set_ylim(-1.2 * extent, 1.2 * extent)
        axes.set_title(f"{level}, against {own[0].compared_with}")
        axes.set_ylabel("loss")
        if place == len(levels) - 1:
            axes.set_xlabel("global step; dashed: other executors from here on")
        else:
            axes.tick_params(axis="x", labelbottom=False)
    canvas.legend(2)


EXPERIMENT = Experiment(
    "easyscale/accuracy-consistency",
    "EasyScale, Figure 9",
    "Loss of the last worker, relative to DDP",
    "D2 equals DDP in every stage; D1 until executors are unlike; D0 until the first restart (sha256 of every step)",
    Kind.MEASURED,
    compute,
    draw,
    height_in=5.0,
)
