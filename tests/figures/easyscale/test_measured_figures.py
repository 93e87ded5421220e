"""The figures of EasyScale that measure, on made-up measurements; nothing here trains or is timed."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from elastance.elastic.measuring.blocks import Block
from elastance.elastic.measuring.consistency import VARIANTS, Step
from elastance.elastic.measuring.costs import DDP, WITH, WITHOUT, Effort, Footprint
from elastance.elastic.measuring.task import Model
from elastance.errors import InputError
from elastance.figures.easyscale import (
    accuracy_consistency,
    context_switch,
    gpu_sharing,
    gradient_sync,
    overhead,
)
from elastance.figures.easyscale.measured import measured_source
from elastance.figures.experiments.canvas import draw_experiment
from elastance.figures.experiments.delivery import write_result
from elastance.figures.experiments.experiment import Result
from elastance.figures.experiments.finding import Verdict
from elastance.figures.experiments.registry import find_experiments
from elastance.figures.experiments.setting import Setting
from elastance.traces import BuiltinSource
from pictures import overlaps, texts

EFFORT = Effort(repeats=3, steps=1)
STEPS = 5

EXPERIMENTS = tuple(
    module.EXPERIMENT
    for module in (accuracy_consistency, gpu_sharing, context_switch, overhead, gradient_sync)
)


def blocks(name: str, factor: float, mini_batches: int, *, spread: float = 0.001) -> list[Block]:
    return [
        Block(model, name, repeat, sum(each), sum(each), each)
        for model in Model
        for repeat in range(EFFORT.repeats)
        for each in ((0.03 * (factor + spread * (repeat - 1)),) * mini_batches,)
    ]


def switched(extra: float, spread: float = 0.0001) -> Result:
    return context_switch.judged(
        blocks(WITHOUT, 1.0, 8, spread=0) + blocks(WITH, 1 + extra, 8, spread=spread), EFFORT
    )


def shared(elastic: float = 1.0, last: float = 1.0) -> list[Block]:
    made: list[Block] = []
    for count in gpu_sharing.COUNTS:
        made += [
            replace(of, step_s=count * of.step_s, micro_batches_s=(count * of.step_s,))
            for of in blocks(f"{DDP} {count}", 1.0, 1, spread=0)
        ]
        for name in ("elastic", "accumulation"):
            made += [
                replace(of, micro_batches_s=(*of.micro_batches_s[:-1], last * of.micro_batches_s[-1]))
                for of in blocks(f"{name} {count}", elastic, count)
            ]
    return made


def with_8(of: list[Block]) -> list[Block]:
    return [block for block in of if block.name.endswith(" 8")]


def on_one_device(grown_mib: float = 0.0, elastic: float = 1.0) -> Result:
    footprints = [
        Footprint(name, count, int(2**20 * taken))
        for count in gpu_sharing.COUNTS
        for name, taken in ((DDP, 80 + 250 * count), ("elastic", 330 + (grown_mib if count == 8 else 0)))
    ]
    image = [block for block in shared(elastic) if block.model is Model.IMAGE_NET]
    return gpu_sharing.judged(footprints, image, 1.0, EFFORT)


def trained(breaks: dict[str, int]) -> dict[str, list[Step]]:
    plain = [Step(2 - step / 10, f"random {step}", f"state {step}") for step in range(3 * STEPS)]
    return {
        way.name: [
            of if number < breaks.get(way.name, STEPS * way.equal_stages) else replace(of, state="other")
            for number, of in enumerate(plain)
        ]
        for way in VARIANTS
    }


def verdicts(result: Result) -> list[Verdict]:
    return [finding.verdict for finding in result.findings]


def results() -> dict[str, Result]:
    return {
        "accuracy-consistency": accuracy_consistency.judged(trained({}), STEPS),
        "gpu-sharing": on_one_device(),
        "context-switch": switched(0.004),
        "overhead": overhead.judged(blocks(DDP, 1, 1) + blocks("D1", 1.02, 1) + blocks("D2", 2, 1), EFFORT),
        "gradient-sync": gradient_sync.judged(with_8(shared(0.9, last=1.1)), EFFORT),
    }


def test_all_are_found_by_name():
    assert set(EXPERIMENTS) <= set(find_experiments(["easyscale/all"]))
    assert {of.name for of in EXPERIMENTS} == {f"easyscale/{name}" for name in results()}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda of: of.stem)
def test_pictures_can_be_read(experiment, theme: str):
    figure = draw_experiment(experiment, results()[experiment.name.partition("/")[2]], theme=theme)
    shown = texts(figure)
    assert list(overlaps(shown)) == []
    for name, box, _ in shown:
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name


def test_rows_say_what_was_measured_and_what_published(tmp_path: Path):
    data, _, _ = write_result(context_switch.EXPERIMENT, switched(0.004), tmp_path)
    with data.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["provenance"] for row in rows} == {"measured", "published"}
    assert sum(row["provenance"] == "published" for row in rows) == 16
    assert {row["cpu_s"] for row in rows if row["provenance"] == "published"} == {""}


def test_switching_is_judged_by_both_bounds_and_not_clamped():
    held, failed, unjudged = Verdict.HELD, Verdict.FAILED, Verdict.NOT_JUDGED
    assert verdicts(switched(0.004)) == [held, held, unjudged, held]
    assert verdicts(switched(0.006)) == [held, failed, unjudged, held]
    assert verdicts(switched(0.021)) == [failed, failed, unjudged, held]
    assert switched(-0.01).findings[1].checks[0].found == pytest.approx(-1.0)
    assert verdicts(switched(0.9, spread=0.1))[0] == failed  # noisy, but far beyond
    noisy = switched(0.03, spread=0.1).findings[0]
    assert noisy.verdict is unjudged
    assert "other load on the machine" in noisy.unjudged


def test_d1_may_add_three_per_cent():
    ddp = blocks(DDP, 1, 1, spread=0)
    assert verdicts(overhead.judged(ddp + blocks("D1", 1.029, 1), EFFORT))[0] is Verdict.HELD
    assert verdicts(overhead.judged(ddp + blocks("D1", 1.031, 1), EFFORT))[0] is Verdict.FAILED


def test_the_last_worker_alone_pays_for_the_exchange():
    result = gradient_sync.judged(with_8(shared(0.9, last=1.5)), EFFORT)
    assert verdicts(result) == [Verdict.HELD, Verdict.NOT_JUDGED, Verdict.NOT_JUDGED, Verdict.HELD]
    found = {check.what: check.found for check in result.findings[1].checks}
    assert found["image net, worker 7"] == pytest.approx(35, abs=0.2)
    assert found["image net, all 8 workers"] == pytest.approx(-10 + 45 / 8, abs=0.2)
    dearer = gradient_sync.judged(with_8(shared(1.01)), EFFORT)
    assert verdicts(dearer)[0] is Verdict.FAILED


def test_memory_may_grow_by_five_per_cent_and_a_gradient_per_worker():
    assert verdicts(on_one_device(grown_mib=0.05 * 330 + 6.9))[0] is Verdict.HELD
    assert verdicts(on_one_device(grown_mib=0.05 * 330 + 7.1))[0] is Verdict.FAILED
    assert verdicts(on_one_device(elastic=1.04))[2] is Verdict.HELD
    assert verdicts(on_one_device(elastic=1.06))[2] is Verdict.FAILED
    published = on_one_device().findings[3]
    assert published.verdict is Verdict.HELD
    assert published.checks[2].found == 8


def test_a_level_must_hold_as_long_as_it_promises_and_no_longer():
    assert verdicts(accuracy_consistency.judged(trained({}), STEPS)) == [Verdict.HELD] * 4
    # D1 that breaks a step early, and one that survives unlike executors, which would prove nothing.
    for breaks in (2 * STEPS - 1, 3 * STEPS):
        got = verdicts(accuracy_consistency.judged(trained({"D1": breaks}), STEPS))
        assert got == [Verdict.HELD, Verdict.FAILED, Verdict.HELD, Verdict.HELD]
    assert verdicts(accuracy_consistency.judged(trained({"D2": 14}), STEPS))[3] is Verdict.FAILED


def test_on_one_gpu_executors_are_alike_and_d1_holds_to_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accuracy_consistency, "measured_source", lambda _: measured_source("cpu"))
    runs = {name: of for name, of in trained({"D1": 3 * STEPS}).items() if name in ("DDP", "D0", "D1")}
    assert verdicts(accuracy_consistency.judged(runs, STEPS, "cuda")) == [Verdict.HELD, Verdict.HELD]
    assert verdicts(accuracy_consistency.judged(runs, STEPS, "cpu")) == [Verdict.HELD, Verdict.FAILED]


def test_a_device_that_is_not_there_is_refused():
    pytest.importorskip("torch")
    for experiment in EXPERIMENTS:
        assert experiment.compute is not None
        with pytest.raises(InputError, match="device 'tpu': expected cpu or cuda"):
            experiment.compute(Setting(BuiltinSource(), device="tpu"))
