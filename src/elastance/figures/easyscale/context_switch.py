"""Figure 11: what switching between logical workers costs."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from elastance.elastic.measuring.costs import WITH, WITHOUT, Effort, switching
from elastance.elastic.measuring.gang import require_device
from elastance.elastic.measuring.ratios import averaged
from elastance.figures.easyscale.measured import (
    ONLY_REPORTED,
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

LARGEST, MEAN = 0.02, 0.005
"""What switching may add to a mini-batch: of one model, and on average over models."""

_BASELINE = "the same executor with 8 logical workers that are not switched, taking turns in the same process"


def compute(setting: Setting) -> Result[TimeRow]:
    """Train with and without switching contexts, in turns."""
    require_device(setting.device)
    effort = Effort.on(setting.device, setting.on_progress)
    return judged(switching(effort), effort)


def judged(blocks: Sequence[Block], effort: Effort) -> Result[TimeRow]:
    """Return rows and findings of what was measured."""
    rows = _rows(blocks)
    ratios = {
        model: ratio_of(rows, model, WITH, Provenance.MEASURED)
        for model in models_of(rows, Provenance.MEASURED)
    }
    mean = averaged(ratios.values())
    wide = max(of.half_width for of in ratios.values())
    return Result(
        rows,
        (
            Finding(
                f"switching adds at most {100 * LARGEST:g} % to a mini-batch of any model (median over repeats)",
                tuple(at_most(model, 100 * (of.median - 1), 100 * LARGEST) for model, of in ratios.items()),
                "%",
                _BASELINE,
                SEEDS,
                too_noisy(ratios.values(), 1 + LARGEST, LARGEST),
            ),
            Finding(
                f"at most {100 * MEAN:g} % on average over models",
                (at_most("mean", 100 * (mean.median - 1), 100 * MEAN),),
                "%",
                _BASELINE,
                SEEDS,
                too_noisy([mean], 1 + MEAN, MEAN),
            ),
            Finding(
                f"means of {effort.repeats} repeats, not clamped (95 % intervals at most ± {100 * wide:.2f})",
                tuple(reported(model, 100 * (of.mean - 1)) for model, of in ratios.items()),
                "%",
                _BASELINE,
                SEEDS,
                ONLY_REPORTED,
            ),
            _published_finding(rows),
        ),
        measured_source(effort.device),
        f"8 logical workers on one executor; {effort.repeats} repeats of {effort.steps} steps each way, in turns; "
        f"a mini-batch without switching takes {_milliseconds(rows)}",
        (
            (
                "Marks: means; whiskers: 95 % intervals over repeats; dashed: the claim. A negative number is noise, "
                "and shown. What is switched: random numbers of Python, NumPy, PyTorch; BatchNorm buffers."
            ),
            "Published: on a V100, one run each; the paper's plot shows negative numbers as 0.",
        ),
    )


def _rows(blocks: Sequence[Block]) -> list[TimeRow]:
    ours = (
        Time(
            block.model,
            block.name,
            block.repeat,
            fmean(block.micro_batches_s),
            block.cpu_s / len(block.micro_batches_s),
        )
        for block in blocks
    )
    theirs = (
        Time(row["model"], variant, None, float(row[column]))
        for row in published("context_switch")
        for variant, column in ((WITHOUT, "without_s"), (WITH, "with_s"))
    )
    return [
        *relative_to(WITHOUT, ours, Provenance.MEASURED),
        *relative_to(WITHOUT, theirs, Provenance.PUBLISHED),
    ]


def _published_finding(rows: Sequence[TimeRow]) -> Finding:
    more = {
        model: 100 * (ratio_of(rows, model, WITH, Provenance.PUBLISHED).mean - 1)
        for model in models_of(rows, Provenance.PUBLISHED)
    }
    return Finding(
        "the published table: 0.30 % on average, 1.97 % at most, within 0.01 points",
        (near("mean", fmean(more.values()), 0.30, 0.01), near("largest", max(more.values()), 1.97, 0.01)),
        "%",
        "the published build without switching, V100",
        "none (published)",
    )


def _milliseconds(rows: Sequence[TimeRow]) -> str:
    times = {
        model: fmean(row.time_s for row in rows if (row.model, row.variant) == (model, WITHOUT))
        for model in models_of(rows, Provenance.MEASURED)
    }
    return ", ".join(f"{1e3 * time_s:.0f} ms ({model})" for model, time_s in times.items())


def draw(result: Result[TimeRow], canvas: Canvas) -> None:
    """Extra time per model."""
    draw_beside(
        canvas,
        result.rows,
        [WITH],
        published_on="published (V100)",
        label="extra time of a mini-batch, %",
        targets=(100 * LARGEST,),
    )


EXPERIMENT = Experiment(
    "easyscale/context-switch",
    "EasyScale, Figure 11",
    "What switching between logical workers costs",
    "at most 2 % of a mini-batch for any model, 0.5 % on average; measured here, published numbers beside",
    Kind.MEASURED,
    compute,
    draw,
    height_in=3.1,
)
