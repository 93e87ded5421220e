"""Figure 10: what the policy chooses, slice by slice, on data that drift."""

# pyright: reportUnknownMemberType=false
# (matplotlib leaves the keyword arguments of its drawing methods untyped)

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from elastance.figures.experiments.experiment import Experiment, Kind, Result
from elastance.figures.experiments.finding import Finding, at_most, reported
from elastance.figures.experiments.statistics import seeds_in_words
from elastance.figures.labels import shortened
from elastance.figures.style import quantity, unit_for
from elastance.simulate import Spread, follow_drift, simulate_recurring
from elastance.simulate.inputs import DRIFT_WINDOW
from elastance.traces import read_drift
from elastance.traces.drift_model import DriftSettings, synthesize_drift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from elastance.figures.experiments.canvas import Canvas
    from elastance.figures.experiments.setting import Setting
    from elastance.figures.style import Theme
    from elastance.simulate import SliceOutcome
    from elastance.traces import DriftTrace

GPU = "v100"
SEEDS = range(1, 101)
WINDOWS = (DRIFT_WINDOW, 0)
"""The published window, and none: every run is remembered."""

_LEAST_SEEDS = 30

_BASELINE = "the cheapest batch size of each slice by expected cost, under its best limit"

_WHAT_IS_EXPECTED = (
    "default: the user's own batch size at the largest power limit, oracle: the cheapest configuration, both as "
    "expected on each slice."
)
_WHAT_IS_SHOWN = (
    "Marks: the batch size chosen most often over seeds; lines: mean over seeds and its 95 % interval, failed tries "
    "included. The early-stopping threshold rests on the last successes only, as many as the window; without a "
    "window on all."
)


class DriftRow(NamedTuple):
    """One slice with one window: the size chosen most often, and what the recurrence took."""

    slice: int
    gpu: str
    window: int
    seeds: int
    batch_size: int
    share_of_seeds: float
    cheapest_batch_size: int
    energy_j: float
    energy_ci95_j: float | None
    time_s: float
    time_ci95_s: float | None
    default_energy_j: float
    default_time_s: float
    oracle_energy_j: float
    oracle_time_s: float
    exploring: bool


def compute(setting: Setting) -> Result[DriftRow]:
    """Simulate the policy with and without a window."""
    trace = _synthetic_drift() if setting.drift is None else read_drift(setting.drift)
    seeds = setting.seeds_or(SEEDS)
    rows: list[DriftRow] = []
    skipped = 0
    for window in WINDOWS:
        comparison = simulate_recurring(
            None,
            GPU,
            policies=("zeus",),
            seeds=seeds,
            window_size=window,
            traces=setting.source,
            drift=trace,
            jobs=setting.jobs,
            on_progress=setting.on_progress,
        )
        skipped = 2 * len(comparison.task.facts.sizes)
        followed = [follow_drift(comparison.task, history) for history in comparison["zeus"].histories]
        rows += [
            _row(window, of_slice, exploring=number < skipped)
            for number, of_slice in enumerate(zip(*followed, strict=True))
        ]
    made_up = "synthetic drift, not the paper's data," if trace.synthetic else "drift"
    return Result(
        rows,
        tuple(_findings(rows, seeds, skipped, trace)),
        setting.source.record(GPU, train=False),
        f"zeus on {GPU.upper()}, eta 0.5, beta 2; {made_up} over {len(trace.slices)} slices in "
        f"{shortened(trace.path.name, 40)} (sha256 {trace.sha256[:12]}); "
        f"seeds {seeds_in_words(seeds, published=False)}",
        (_WHAT_IS_EXPECTED, _WHAT_IS_SHOWN),
        synthetic=trace.synthetic,
    )


def _synthetic_drift() -> DriftTrace:
    """Make the drift trace that ``elastance data synthesize drift`` makes unless told otherwise."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "synthetic-drift.csv"
        synthesize_drift(path, DriftSettings())
        return replace(read_drift(path), path=Path(path.name))


def _row(window: int, outcomes: Sequence[SliceOutcome], *, exploring: bool) -> DriftRow:
    first = outcomes[0]
    size, count = Counter(outcome.batch_size for outcome in outcomes).most_common(1)[0]
    energy = Spread.of([outcome.energy_j for outcome in outcomes])
    time = Spread.of([outcome.time_s for outcome in outcomes])
    assert energy.mean is not None
    assert time.mean is not None
    return DriftRow(
        first.slice,
        GPU,
        window,
        len(outcomes),
        size,
        count / len(outcomes),
        first.oracle.batch_size,
        energy.mean,
        energy.ci95,
        time.mean,
        time.ci95,
        first.default.energy_j,
        first.default.time_s,
        first.oracle.energy_j,
        first.oracle.time_s,
        exploring,
    )


def _findings(
    rows: Sequence[DriftRow], seeds: Sequence[int], skipped: int, trace: DriftTrace
) -> list[Finding]:
    """Judge how far the choice is behind, once exploration must be over."""
    with_window, without = ([row for row in rows if row.window == window] for window in WINDOWS)
    said = seeds_in_words(seeds, published=False)
    behind = [slices_behind(of) for of in (with_window, without)]
    unjudged = "" if behind[0] else f"exploration takes up to {skipped} slices, and there are no more"
    if len(seeds) < _LEAST_SEEDS:
        unjudged = f"fewer than {_LEAST_SEEDS} seeds do not show what is chosen most often"
    totals = [sum(row.energy_j for row in of) for of in (with_window, without)]
    return [
        Finding(
            f"with window {DRIFT_WINDOW} the batch size chosen most often was the cheapest at most "
            f"{DRIFT_WINDOW} slices ago, from slice {skipped + 1} on",
            (at_most("slices behind at most", max(behind[0], default=0), DRIFT_WINDOW),),
            "slices",
            f"{_BASELINE}; {'synthetic truth' if trace.synthetic else 'recorded slices'}",
            said,
            unjudged,
        ),
        Finding(
            "forgetting saves energy over all slices",
            (
                reported(
                    f"with window {DRIFT_WINDOW}",
                    totals[0] / sum(row.default_energy_j for row in with_window),
                ),
                reported("without", totals[1] / sum(row.default_energy_j for row in without)),
                reported("slices behind at most, without", max(behind[1], default=0)),
            ),
            "",
            "default on each slice = 1",
            said,
            "the paper's slices were never published" + ("; these are synthetic" if trace.synthetic else ""),
        ),
    ]


def slices_behind(rows: Sequence[DriftRow]) -> list[int]:
    """Return for each slice after exploration how long ago the chosen size was the cheapest; 0 = it is.

    A size that never was counts from before the first slice.
    """
    cheapest = [row.cheapest_batch_size for row in rows]
    behind: list[int] = []
    for number, row in enumerate(rows):
        if row.exploring:
            continue
        ago = (back for back in range(number + 1) if cheapest[number - back] == row.batch_size)
        behind.append(next(ago, number + 1))
    return behind


def draw(result: Result[DriftRow], canvas: Canvas) -> None:
    """Chosen size, energy and time, one above the other."""
    grid = canvas.grid(3, 1, above_in=0.5, hspace=0.28, height_ratios=(1.2, 1, 1))
    windowed, remembered = ([row for row in result.rows if row.window == window] for window in WINDOWS)
    sizes, energy, time = (canvas.figure.add_subplot(grid[number]) for number in range(3))
    _draw_sizes(sizes, windowed, remembered, canvas.look)
    _draw_taken(energy, windowed, remembered, canvas.look, "J")
    _draw_taken(time, windowed, remembered, canvas.look, "s")
    for axes in (sizes, energy, time):
        axes.set_xlim(0.4, max(row.slice for row in result.rows) + 0.6)
        axes.tick_params(labelbottom=axes is time)
        axes.yaxis.set_label_coords(-0.062, 0.5)
    time.set_xlabel("slice = recurrence")
    baselines = zip(*energy.get_legend_handles_labels(), strict=True)
    canvas.legend(5, *((mark, label) for mark, label in baselines if label in ("default", "oracle")))


def _draw_sizes(
    axes: Axes, windowed: Sequence[DriftRow], remembered: Sequence[DriftRow], look: Theme
) -> None:
    from matplotlib.ticker import NullLocator

    slices = [row.slice for row in windowed]
    axes.step(
        slices, [row.cheapest_batch_size for row in windowed], where="mid", color=look.faint, linewidth=2.2,
        label="cheapest size",
    )  # fmt: skip
    axes.plot(
        slices, [row.batch_size for row in remembered], "D", color=look.series[2], markerfacecolor="none",
        markersize=7, label="zeus, no window",
    )  # fmt: skip
    axes.plot(
        slices, [row.batch_size for row in windowed], "o", color=look.policies["zeus"], markersize=4,
        label=f"zeus, window {DRIFT_WINDOW}",
    )  # fmt: skip
    every = sorted(
        {size for row in (*windowed, *remembered) for size in (row.batch_size, row.cheapest_batch_size)}
    )
    axes.set_yscale("log", base=2)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(every, [str(size) for size in every])
    axes.set_ylim(every[0] / 1.5, every[-1] * 1.5)
    axes.set_ylabel("batch size")
    behind = slices_behind(windowed)
    message = (
        f"after exploring, at most {max(behind)} slices behind the cheapest size" if behind else "exploring"
    )
    axes.set_title(f"window {DRIFT_WINDOW}: {message}")


def _draw_taken(
    axes: Axes, windowed: Sequence[DriftRow], remembered: Sequence[DriftRow], look: Theme, base: str
) -> None:
    def values(row: DriftRow) -> tuple[float, float, float, float]:
        if base == "J":
            return row.energy_j, row.energy_ci95_j or 0.0, row.default_energy_j, row.oracle_energy_j
        return row.time_s, row.time_ci95_s or 0.0, row.default_time_s, row.oracle_time_s

    unit, size = unit_for(max(values(row)[0] for row in windowed), base)
    slices = [row.slice for row in windowed]
    baselines = ((2, "default", (0, (4, 2))), (3, "oracle", (0, (1, 1.2))))
    for index, name, style in baselines:
        axes.plot(
            slices, [values(row)[index] / size for row in windowed], color=look.ink, linewidth=1, linestyle=style,
            label=name,
        )  # fmt: skip
    for rows, colour in ((remembered, look.series[2]), (windowed, look.policies["zeus"])):
        middle = [values(row)[0] / size for row in rows]
        half = [values(row)[1] / size for row in rows]
        axes.plot(slices, middle, color=colour, linewidth=1.3)
        low = [mean - width for mean, width in zip(middle, half, strict=True)]
        high = [mean + width for mean, width in zip(middle, half, strict=True)]
        axes.fill_between(slices, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_ylim(0)
    what = "energy" if base == "J" else "time"
    axes.set_ylabel(f"{what}, {unit}")
    mean = sum(values(row)[0] for row in windowed) / len(windowed)
    usual = sum(values(row)[2] for row in windowed) / len(windowed)
    axes.set_title(f"{what} per slice: {quantity(mean, base)} on average, default {quantity(usual, base)}")


EXPERIMENT = Experiment(
    "zeus/drift",
    "Zeus, Figure 10",
    "Following data that drift",
    "the size chosen most often was the cheapest at most 10 slices (the window) ago; synthetic",
    Kind.SYNTHETIC,
    compute,
    draw,
    height_in=6.2,
)
