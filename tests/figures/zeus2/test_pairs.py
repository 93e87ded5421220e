from functools import cache
from pathlib import Path

import pytest

from elastance.figures.experiments.canvas import draw_experiment
from elastance.figures.experiments.experiment import Result
from elastance.figures.experiments.finding import Verdict
from elastance.figures.experiments.setting import Setting
from elastance.figures.zeus2 import EXPERIMENTS
from elastance.traces import BuiltinSource, find_source
from pictures import overlaps, texts

(PAIRS,) = EXPERIMENTS


@cache
def on_models() -> Result:
    assert PAIRS.compute is not None
    return PAIRS.compute(Setting(BuiltinSource()))


@pytest.mark.slow
def test_on_a_model_only_what_holds_anywhere_is_judged() -> None:
    means, losses, bound = on_models().findings
    assert means.verdict is Verdict.NOT_JUDGED
    assert losses.verdict is Verdict.NOT_JUDGED
    assert bound.verdict is Verdict.HELD


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_text_stands_on_another_or_leaves_the_figure(theme: str) -> None:
    figure = draw_experiment(PAIRS, on_models(), theme=theme)
    shown = texts(figure)
    assert list(overlaps(shown)) == []
    for name, box, _ in shown:
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name


@pytest.mark.slow
def test_on_the_public_traces_every_claim_holds(public_traces: Path) -> None:
    assert PAIRS.compute is not None
    findings = PAIRS.compute(Setting(find_source(public_traces))).findings
    assert [finding.verdict for finding in findings] == [Verdict.HELD] * 3, findings
