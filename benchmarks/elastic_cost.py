"""What elastic training costs, each figure with its target: ``make bench-elastic``.

One run on one machine: trainings take turns, so that other load falls on all alike; numbers are medians over repeats,
with the 95 % interval of their mean beside. A target is judged only where that interval is on one side of it, or
narrower than what it asks for; else the line says "too noisy": run it on an idle machine. The last table is in the
form of docs/elastic.md.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from statistics import fmean, median
from typing import TYPE_CHECKING

from elastance.elastic.measuring.bare_switch import bare_switch_s
from elastance.elastic.measuring.costs import (
    ACCUMULATION,
    DDP,
    WITH,
    WITHOUT,
    Effort,
    memory,
    overhead,
    sharing,
    switching,
)
from elastance.elastic.measuring.gang import require_device
from elastance.elastic.measuring.machine import machine_in_words
from elastance.elastic.measuring.ratios import Ratio, averaged, ratio
from elastance.elastic.measuring.task import Model, Size
from elastance.figures.easyscale.gpu_sharing import COUNTS, gradient_mib

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from elastance.elastic.measuring.blocks import Block

ROWS: list[str] = []


def main() -> int:
    """Print every figure with its target; return 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--repeats", type=int, default=10, help="blocks of each training")
    parser.add_argument("--tiny", action="store_true", help="tiny models: only to see that it runs")
    arguments = parser.parse_args()
    require_device(arguments.device)
    effort = replace(Effort.on(arguments.device), repeats=arguments.repeats)
    if arguments.tiny:
        effort = replace(effort, size=Size.TINY)
    print(f"{machine_in_words(effort.device)}, load {os.getloadavg()[0]:.1f}, {effort.repeats} repeats\n")
    held = [*levels(effort), *one_executor(effort), *switches(effort), *memories(effort)]
    print(
        f"\n{sum(held)} of {len(held)} judged targets held\n\n| what | found | target | |\n|---|--:|--:|---|"
    )
    print(*ROWS, sep="\n")
    return 0 if all(held) else 1


def levels(effort: Effort) -> list[bool]:
    """D1 and D2 beside DDP with as many processes as executors."""
    blocks = overhead(effort)
    held: list[bool] = []
    for name, limit in (("D1", 3.0), ("D2", None)):
        if any(block.name == name for block in blocks):
            for model in effort.models:
                held += extra(f"{name} over DDP, 2 processes", blocks, model, name, DDP, limit)
    return held


def one_executor(effort: Effort) -> list[bool]:
    """One executor beside packed processes and plain accumulation, all on one core."""
    count = effort.workers
    blocks = sharing(effort)
    held: list[bool] = []
    for model in effort.models:
        ours = f"elastic {count}"
        held += extra(
            f"{count} logical workers over packing, one core", blocks, model, ours, f"{DDP} {count}", 5.0
        )
        extra(
            f"{count} logical workers over accumulation", blocks, model, ours, f"{ACCUMULATION} {count}", None
        )
    return held


def switches(effort: Effort) -> list[bool]:
    """Switching contexts, per mini-batch."""
    blocks = switching(effort)
    held: list[bool] = []
    for model in effort.models:
        held += extra("switching contexts", blocks, model, WITH, WITHOUT, 2.0)
    mean = averaged(ratio(of_model(blocks, model), WITH, WITHOUT, wall) for model in effort.models)
    said = f"{100 * (mean.median - 1):+.2f} % ± {100 * mean.half_width:.2f}"
    held += report("switching contexts, mean over models", said, 0.5, judged(mean, 0.5))
    return held + bare_switches(effort, blocks)


def bare_switches(effort: Effort, blocks: Sequence[Block]) -> list[bool]:
    """Switching timed by itself, which other load hardly disturbs, over a mini-batch without it."""
    held: list[bool] = []
    shares: list[float] = []
    for model in effort.models:
        alone_s = bare_switch_s(model, effort.size, effort.device, effort.workers)
        mini_batch_s = median(
            each for of in of_model(blocks, model) if of.name == WITHOUT for each in of.micro_batches_s
        )
        shares.append(100 * alone_s / mini_batch_s)
        said = f"{shares[-1]:.2f} % ({1e6 * alone_s:.0f} us in {1e3 * mini_batch_s:.0f} ms)"
        held += report(f"a switch by itself, of a mini-batch: {model}", said, 2.0, shares[-1] <= 2.0)
    mean = fmean(shares)
    return held + report("a switch by itself, mean over models", f"{mean:.2f} %", 0.5, mean <= 0.5)


def memories(effort: Effort) -> list[bool]:
    """Memory of an executor and of packing, by number of workers."""
    if effort.device == "cpu" and not hasattr(os, "sched_getaffinity"):
        print("memory: not read on this system")
        return []
    found = {(of.name, of.workers): of.memory_bytes / 2**20 for of in memory(effort, COUNTS)}
    held: list[bool] = []
    for count in COUNTS[1:]:
        room = (
            100 * (found["elastic", 1] * 1.05 + (count - 1) * gradient_mib(effort)) / found["elastic", 1]
            - 100
        )
        more = 100 * (found["elastic", count] / found["elastic", 1] - 1)
        what = f"memory of {count} logical workers over 1 ({Model.IMAGE_NET})"
        held += report(what, f"{more:+.1f} %", room, more <= room)
    largest = COUNTS[-1]
    times = found[DDP, largest] / found["elastic", largest]
    what = f"memory of packing {largest} workers over one executor with them"
    return held + report(
        what, f"{times:.1f} times ({found[DDP, largest]:.0f} and {found['elastic', largest]:.0f} MiB)"
    )


def wall(block: Block) -> float:
    """Wall time of a step."""
    return block.step_s


def of_model(blocks: Sequence[Block], model: Model) -> list[Block]:
    """Return the blocks of one model."""
    return [block for block in blocks if block.model == model]


def extra(
    what: str, blocks: Sequence[Block], model: Model, of: str, to: str, limit: float | None
) -> list[bool]:
    """Report extra wall time, and processor time beside it, in per cent."""
    quantities: list[Callable[[Block], float]] = [wall, lambda block: block.cpu_s]
    time, processor = (ratio(of_model(blocks, model), of, to, quantity) for quantity in quantities)
    more = 100 * (time.median - 1)
    said = f"{more:+.1f} % ± {100 * time.half_width:.1f} (processor {100 * (processor.median - 1):+.1f} %)"
    return report(f"{what}: {model}", said, limit, None if limit is None else judged(time, limit))


def judged(found: Ratio, limit: float) -> bool | None:
    """Whether a ratio is at most `limit` per cent more than 1; None if that cannot be told."""
    most = 1 + limit / 100
    return found.median <= most if found.decides(most, limit / 100) else None


def report(what: str, found: str, limit: float | None = None, holds: bool | None = None) -> list[bool]:
    """Print a figure; return whether it held its target, if it has one and can be judged."""
    verdict = "" if limit is None else "too noisy" if holds is None else "held" if holds else "MISSED"
    target = "" if limit is None else f"at most {limit:+.1f} %"
    print(f"  {what:62} {found:38} {target:18} {verdict}", flush=True)
    ROWS.append(f"| {what} | {found} | {target} | {verdict} |")
    return [] if holds is None else [holds]


if __name__ == "__main__":
    raise SystemExit(main())
