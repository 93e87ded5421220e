"""Figure 10: several workers on one device, packed as processes or hosted by one executor."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from elastance.elastic.measuring.costs import DDP, Effort, memory, sharing
from elastance.elastic.measuring.gang import require_device
from elastance.elastic.measuring.ratios import estimated
from elastance.elastic.measuring.task import Model
from elastance.figures.easyscale.measured import SEEDS, measured_source, published, too_noisy
from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Check, Finding, at_least, at_most, near, reported
from elastance.runs import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from elastance.elastic.measuring.blocks import Block
    from elastance.elastic.measuring.costs import Footprint
    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting

COUNTS = (1, 2, 4, 8)
MODEL = Model.IMAGE_NET
PACKING, ELASTIC = "packing (DDP)", "one executor"
ROOM = 0.05
"""What the memory of an executor may grow by, besides one gradient per worker."""

_MIB = 2.0**20
_BASELINE = "as many DDP processes on the same device"


class SharingRow(NamedTuple):
    """So many workers on one device.

    Attributes:
        model: What was trained.
        way: `PACKING` or `ELASTIC`.
        workers: How many.
        memory_mib: What they take together; None: out of memory.
        micro_batch_s: Time of the device per worker's mini-batch, s; None: out of memory.
        throughput: Mini-batches per time, relative to one packed worker; None: out of memory.
        provenance: ``"measured"`` or ``"published"``.
    """

    model: str
    way: str
    workers: int
    memory_mib: float | None
    micro_batch_s: float | None
    throughput: float | None
    provenance: str


def compute(setting: Setting) -> Result[SharingRow]:
    """Measure memory in fresh processes, then time in turns."""
    require_device(setting.device)
    effort = replace(Effort.on(setting.device, setting.on_progress), models=(MODEL,))
    return judged(memory(effort, COUNTS, MODEL), sharing(effort, COUNTS), gradient_mib(effort), effort)


def gradient_mib(effort: Effort) -> float:
    """Return the size of one gradient of the model, MiB."""
    from elastance.elastic.measuring.models import workload

    net = workload(MODEL, effort.size).model()
    return sum(of.numel() * of.element_size() for of in net.parameters()) / _MIB


def judged(
    footprints: Sequence[Footprint], blocks: Sequence[Block], one_gradient_mib: float, effort: Effort
) -> Result[SharingRow]:
    """Return rows and findings of what was measured."""
    ours = _measured(footprints, blocks)
    taken = {(row.way, row.workers): row.memory_mib or 0.0 for row in ours}
    counts = sorted({row.workers for row in ours})
    first, most = counts[0], counts[-1]
    speeds = {count: _speeds(blocks, count) for count in counts}
    return Result(
        [*ours, *_published()],
        (
            Finding(
                f"memory of one executor stays within {100 * ROOM:g} % and one gradient per further worker",
                tuple(_flat(taken, count, first, one_gradient_mib) for count in counts[1:]),
                "MiB",
                f"the same executor with {first} logical worker(s); PSS after a forward pass",
                SEEDS,
            ),
            Finding(
                f"packing {most} workers takes more memory than one executor that hosts them",
                (at_least("times", taken[PACKING, most] / taken[ELASTIC, most], 1.0),),
                "",
                f"{most} logical workers on one executor",
                SEEDS,
            ),
            Finding(
                "an executor is at least 0.95 times as fast as packing (median over repeats)",
                tuple(
                    at_least(f"{count} workers", estimated(speeds[count]).median, 1 - ROOM) for count in counts
                ),
                "",
                _BASELINE,
                SEEDS,
                too_noisy(map(estimated, speeds.values()), 1 - ROOM, 0.1),
            ),
            _published_finding(),
        ),
        measured_source(effort.device),
        f"{MODEL}, {', '.join(map(str, counts))} workers on one core that stands for one device; time: "
        f"{effort.repeats} repeats of {effort.steps} steps, in turns",
        (
            ("Time of packing is that of a step divided by the number of processes. Dashed lines: out of memory "
            "from there on (published)."),
            ("Memory here: proportional set size (pages that are shared count once), after a forward pass, when "
            "activations are largest; published: of a V100 with 32 GB."),
        ),
    )  # fmt: skip


def _measured(footprints: Sequence[Footprint], blocks: Sequence[Block]) -> list[SharingRow]:
    times = {name: _median_s(blocks, name) for name in {block.name for block in blocks}}
    alone_s = times[f"{DDP} {min(of.workers for of in footprints)}"]
    rows: list[SharingRow] = []
    for of in footprints:
        time_s = times[f"{of.name} {of.workers}"]
        way = PACKING if of.name == DDP else ELASTIC
        rows.append(
            SharingRow(
                MODEL,
                way,
                of.workers,
                of.memory_bytes / _MIB,
                time_s,
                alone_s / time_s,
                Provenance.MEASURED.value,
            )
        )
    return rows


def _median_s(blocks: Sequence[Block], name: str) -> float:
    workers = int(name.rpartition(" ")[2])
    return estimated([block.step_s / workers for block in blocks if block.name == name]).median


def _speeds(blocks: Sequence[Block], count: int) -> list[float]:
    packed = {block.repeat: block.step_s for block in blocks if block.name == f"{DDP} {count}"}
    return [packed[block.repeat] / block.step_s for block in blocks if block.name == f"elastic {count}"]


def _flat(taken: dict[tuple[str, int], float], count: int, first: int, one_gradient_mib: float) -> Check:
    room = (1 + ROOM) * taken[ELASTIC, first] + (count - first) * one_gradient_mib
    return at_most(f"{count} workers", taken[ELASTIC, count], room)


def _published() -> list[SharingRow]:
    rows: list[SharingRow] = []
    alone: dict[str, float] = {}
    for row in published("gpu_sharing"):
        for way, column in ((PACKING, "packing"), (ELASTIC, "elastic")):
            memory_mib, time_s = (float(row[f"{column}_{of}"] or "nan") for of in ("mib", "s"))
            fits = bool(row[f"{column}_s"])
            alone.setdefault(row["model"], time_s)
            rows.append(
                SharingRow(
                    row["model"],
                    way,
                    int(row["workers"]),
                    memory_mib if fits else None,
                    time_s if fits else None,
                    alone[row["model"]] / time_s if fits else None,
                    Provenance.PUBLISHED.value,
                )
            )
    return rows


def _published_finding() -> Finding:
    of = {(row.way, row.workers): row for row in _published() if row.model == "resnet50"}
    at_7 = (of[PACKING, 7].memory_mib or 0.0) / (of[ELASTIC, 7].memory_mib or 1.0)
    speeds = [row.throughput for (way, _), row in of.items() if way == ELASTIC and row.throughput]
    return Finding(
        "the published table, ResNet50: memory of packing over EasyScale's at 7 workers, and its mean throughput",
        (
            near("times", at_7, 6.7, 0.05),
            near("throughput", sum(speeds) / len(speeds), 0.934, 0.001),
            reported("out of memory from", min(k for (_, k), row in of.items() if row.memory_mib is None)),
        ),
        "",
        "one DDP worker on a V100",
        "none (published)",
    )  # fmt: skip


def draw(result: Result[SharingRow], canvas: Canvas) -> None:
    """Memory above, throughput below; ours on the left."""
    grid = canvas.grid(2, 3, above_in=0.62, left=0.085, right=0.985, wspace=0.24, hspace=0.42)
    shown = [
        (MODEL.value, "here"),
        ("resnet50", "published"),
        ("shufflenetv2", "published"),
    ]
    colours = {PACKING: canvas.look.policies["grid"], ELASTIC: canvas.look.energy}
    for column, (model, where) in enumerate(shown):
        rows = [row for row in result.rows if row.model == model]
        for line, quantity in enumerate(("memory_mib", "throughput")):
            axes = canvas.figure.add_subplot(grid[line, column])
            for way, marker in ((PACKING, "o"), (ELASTIC, "D")):
                fits = [row for row in rows if row.way == way and getattr(row, quantity) is not None]
                scale = 1024 if quantity == "memory_mib" else 1
                axes.plot(
                    [row.workers for row in fits], [getattr(row, quantity) / scale for row in fits],
                    marker=marker, markersize=4, color=colours[way], label=way,
                )  # fmt: skip
                if len(fits) < len([row for row in rows if row.way == way]):
                    axes.axvline(
                        fits[-1].workers + 0.5, color=colours[way], linewidth=1, linestyle=(0, (4, 2))
                    )
            axes.set_ylim(0, 1.12 * axes.dataLim.y1)
            if quantity == "memory_mib":
                axes.set_title(f"{model}, {where}")
            else:
                axes.set_xlabel("workers on one device")
            if column == 0:
                axes.set_ylabel("memory, GiB" if quantity == "memory_mib" else "throughput, relative")
    canvas.legend(2)


EXPERIMENT = Experiment(
    "easyscale/gpu-sharing",
    "EasyScale, Figure 10",
    "Several workers on one device",
    "memory of one executor flat within 5 % and a gradient per worker, packing's grows linearly; as fast as packing; "
    "measured here, published numbers beside",
    Kind.MEASURED,
    compute,
    draw,
    height_in=4.6,
)
