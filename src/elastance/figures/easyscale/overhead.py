"""Figure 12: what the levels of determinism cost against stock DDP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.elastic.measuring.costs import DDP, Effort
from elastance.elastic.measuring.costs import overhead as measured_overhead
from elastance.elastic.measuring.gang import require_device
from elastance.figures.easyscale.measured import (
    SEEDS,
    Time,
    TimeRow,
    measured_source,
    models_of,
    published,
    ratio_of,
    relative_to,
    too_noisy,
)
from elastance.figures.easyscale.panels import draw_beside
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, at_most, near, reported
from elastance.runs import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.elastic.measuring.blocks import Block
    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting

D1, D2 = "D1", "D2"
LARGEST = 0.03
"""What D1 may add to a step of stock DDP."""

_BASELINE = "stock DDP over gloo, two processes"


def compute(setting: Setting) -> Result[TimeRow]:
    """Train with stock DDP and at each level, in turns."""
    require_device(setting.device)
    effort = Effort.on(setting.device, setting.on_progress)
    return judged(measured_overhead(effort), effort)


def judged(blocks: Sequence[Block], effort: Effort) -> Result[TimeRow]:
    """Return rows and findings of what was measured."""
    rows = _rows(blocks)
    models = models_of(rows, Provenance.MEASURED)
    of_d1 = {model: ratio_of(rows, model, D1, Provenance.MEASURED) for model in models}
    of_d2 = {
        model: ratio_of(rows, model, D2, Provenance.MEASURED)
        for model in models
        if any(row.variant == D2 for row in rows if row.model == model)
    }
    findings = [
        Finding(
            f"D1 adds at most {100 * LARGEST:g} % to a step (median over repeats)",
            tuple(at_most(model, 100 * (of.median - 1), 100 * LARGEST) for model, of in of_d1.items()),
            "%",
            _BASELINE,
            SEEDS,
            too_noisy(of_d1.values(), 1 + LARGEST, LARGEST),
        ),
        Finding(
            "D2 is cheap for attention and perceptrons, dear for convolutions",
            tuple(reported(f"{model}, times", of.median) for model, of in of_d2.items()),
            "",
            _BASELINE,
            SEEDS,
            "a GPU's kernels are meant: on CPUs D2 does without vector instructions, which costs every model",
        ),
        _published_finding(rows),
    ]
    return Result(
        rows,
        tuple(findings if of_d2 else [findings[0], findings[2]]),
        measured_source(effort.device),
        f"two executors with one logical worker each; {effort.repeats} repeats of {effort.steps} steps, in turns",
        (
            f"Time of a step relative to {_BASELINE}. Marks: means; whiskers: 95 % intervals over repeats.",
            (
                "Published: V100. Vendor kernels were exchanged there for D2; here vector instructions and oneDNN "
                "are done without."
            ),
        ),
    )


def _rows(blocks: Sequence[Block]) -> list[TimeRow]:
    ours = (Time(block.model, block.name, block.repeat, block.step_s, block.cpu_s) for block in blocks)
    theirs = (
        Time(_label(row), variant, None, float(row[column]))
        for row in published("overhead")
        for variant, column in ((DDP, "ddp_s"), (D1, "d1_s"), (D2, "d2_s"))
    )
    return [*relative_to(DDP, ours, Provenance.MEASURED), *relative_to(DDP, theirs, Provenance.PUBLISHED)]


def _label(row: dict[str, str]) -> str:
    return f"{row['model']} {row['gpu'].upper()}"


_WITH_CONVOLUTIONS = ("ShuffleNetv2", "ResNet50", "VGG19", "YOLOv3")


def _published_finding(rows: Sequence[TimeRow]) -> Finding:
    def mean(variant: str, *, without: tuple[str, ...] = (), only: tuple[str, ...] = ("",)) -> float:
        chosen = [
            row.relative
            for row in rows
            if row.provenance == Provenance.PUBLISHED.value
            and row.variant == variant
            and row.model.startswith(only)
            and not (without and row.model.startswith(without))
        ]
        return sum(chosen) / len(chosen)

    return Finding(
        "the published table: means of D1, and of D1+D2 with and without convolutions",
        (
            near("D1, without VGG19, times", mean(D1, without=("VGG19",)), 1.001, 0.001),
            near("D1+D2, with convolutions, times", mean(D2, only=_WITH_CONVOLUTIONS), 2.60, 0.01),
            near("D1+D2, without, times", mean(D2, without=_WITH_CONVOLUTIONS), 1.004, 0.001),
        ),
        "",
        "the published stock DDP; V100, P100 and T4",
        "none (published)",
    )


def draw(result: Result[TimeRow], canvas: Canvas) -> None:
    """Relative time per model and level; of the published ones those on a V100."""
    shown = [
        row._replace(model=row.model.removesuffix(" V100"))
        for row in result.rows
        if row.provenance == Provenance.MEASURED.value or row.model.endswith("V100")
    ]
    variants = [D1, D2] if any(row.variant == D2 for row in shown) else [D1]
    draw_beside(
        canvas,
        shown,
        variants,
        published_on="published (V100; D2: D1+D2)",
        label="time of a step relative to stock DDP",
        logarithmic=True,
    )


EXPERIMENT = Experiment(
    "easyscale/overhead",
    "EasyScale, Figure 12",
    "What the levels of determinism cost",
    "D1 adds at most 3 % to a step of stock DDP; D2 little without convolutions; measured here, "
    "published numbers beside",
    Kind.MEASURED,
    compute,
    draw,
    height_in=3.4,
)
