import math
from pathlib import Path

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from elastance.figures import draw_recurring, find_theme
from elastance.runs import Provenance
from elastance.simulate import Comparison, PolicyResult, Task, pareto_front, simulate_history
from elastance.simulate.measures import measure
from elastance.traces import SourceKind, SourceRecord
from made_up import make_facts, make_problem

SOURCE = SourceRecord.of_files(SourceKind.DIRECTORY, "made-up", {"a.csv": "0" * 64}, Provenance.TRACE)


def compare(*policies: str, recurrences: int = 40, seeds: int = 2, **options: object) -> Comparison:
    facts = make_facts()
    task = Task(facts, make_problem(facts, **options), recurrences)
    results = []
    for policy in policies:
        histories = tuple(simulate_history(task, policy, seed) for seed in range(seeds))
        measures = tuple(
            measure(of.records, recurrences, table=task.table, oracle=task.oracle, default=task.default)
            for of in histories
        )
        results.append(PolicyResult(policy, histories, measures))
    return Comparison(task, "v100", SOURCE, tuple(results))


ALL = ("zeus", "grid", "grid-early-stop", "default", "oracle")


def texts(figure: Figure) -> list[Text]:
    figure.draw_without_rendering()
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]


def line(figure: Figure, axes: int, label: str) -> tuple[list[float], list[float]]:
    (found,) = (of for of in figure.axes[axes].lines if of.get_label() == label)
    return list(found.get_xdata()), list(found.get_ydata())


CONSUMPTION, CHOICE, _BAR, REGRET, PLANE = range(5)


def test_every_recurrence_is_drawn_with_all_its_tries() -> None:
    comparison = compare(*ALL)
    history, default = comparison["zeus"].histories[0], comparison.task.default
    figure = draw_recurring(comparison)
    numbers, energies = line(figure, CONSUMPTION, "energy")
    assert numbers == list(range(1, 41))
    assert math.fsum(energies) == pytest.approx(
        math.fsum(r.energy_j for r in history.records) / default.energy_j
    )
    again, _ = line(figure, CONSUMPTION, "with failed tries")
    assert again == sorted({r.recurrence + 1 for r in history.records if not r.reached})


def test_every_choice_is_drawn_failures_apart() -> None:
    comparison = compare(*ALL)
    records = comparison["zeus"].histories[0].records
    axes = draw_recurring(comparison).axes[CHOICE]
    (reached,) = axes.collections
    assert [tuple(of) for of in reached.get_offsets()] == [
        (r.recurrence + 1, r.batch_size) for r in records if r.reached
    ]
    assert list(reached.get_array()) == [r.power_limit_w for r in records if r.reached]
    (crosses,) = axes.lines
    assert list(crosses.get_ydata()) == [r.batch_size for r in records if not r.reached]


def test_regret_ends_where_the_measures_say() -> None:
    comparison = compare(*ALL, seeds=3)
    lines = draw_recurring(comparison).axes[REGRET].lines
    assert len(lines) == len(ALL)
    for drawn, result in zip(lines, comparison.policies, strict=True):
        assert drawn.get_ydata()[-1] == pytest.approx(result.spread("regret_oracle_jobs").mean, abs=1e-9)


def test_the_plane_shows_every_reachable_configuration_and_the_front() -> None:
    comparison = compare(*ALL)
    figure = draw_recurring(comparison)
    axes = figure.axes[PLANE]
    reachable = [at for at in comparison.task.table.values() if math.isfinite(at.cost_j)]
    assert len(axes.collections[0].get_offsets()) == len(reachable) < len(comparison.task.table)
    assert len(line(figure, PLANE, "Pareto front")[0]) == len(pareto_front(comparison.task.table))
    assert "3 never reach it" in axes.get_xlabel()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_at_800_pixels(theme: str) -> None:
    """A figure 8 inches wide shown at 800 pixels has 100 pixels per inch."""
    figure = draw_recurring(compare(*ALL), theme=theme)
    sizes = {text.get_text(): text.get_fontsize() * 100 / 72 for text in texts(figure)}
    assert min(sizes.values()) >= 9.0, sizes
    assert to_hex(figure.get_facecolor()) == find_theme(theme).paper


@pytest.mark.parametrize("policies", [ALL, ("zeus", "thompson", "grid", "zeus", "oracle"), ("zeus",)])
def test_no_text_stands_on_another(policies: tuple[str, ...]) -> None:
    figure = draw_recurring(compare(*dict.fromkeys(policies)))
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    labels = [text for text in figure.axes[REGRET].texts if text.get_text()]
    labels += [axes.title for axes in figure.axes] + [axes._left_title for axes in figure.axes] + figure.texts
    ticks = [
        text
        for axes in figure.axes
        for text in (*axes.get_yticklabels(), axes.yaxis.label, axes.xaxis.label)
        if text.get_text() and text.get_visible()
    ]
    boxes = [
        (text.get_text(), text.get_window_extent(renderer)) for text in (*labels, *ticks) if text.get_text()
    ]
    for index, (name, box) in enumerate(boxes):
        for other, another in boxes[index + 1 :]:
            apart = (
                box.x1 <= another.x0
                or another.x1 <= box.x0
                or box.y1 <= another.y0 + 1
                or another.y1 <= box.y0 + 1
            )
            assert apart, (name, other)
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name


def test_it_says_where_its_numbers_come_from() -> None:
    said = " ".join(text.get_text() for text in texts(draw_recurring(compare("zeus"))))
    assert "Facts: traces in made-up" in said
    assert "model" not in said
    comparison = compare("zeus")
    builtin = SourceRecord.of_files(SourceKind.BUILTIN, "models.json", {}, Provenance.MODEL)
    modelled = Comparison(comparison.task, "v100", builtin, comparison.policies)
    said = " ".join(text.get_text() for text in texts(draw_recurring(modelled)))
    assert "built-in models fitted to the public Zeus traces (model, not measured)" in said


@pytest.mark.parametrize(
    ("policies", "recurrences", "said"),
    [
        (("zeus", "oracle"), 0, "no recurrences"),
        (("default", "oracle"), 10, "only baselines: nothing was decided"),
        (("zeus",), 1, "ends at batch size 32"),
        (("max-power",), 30, "max-power, seed 0"),
    ],
)
def test_small_comparisons(policies: tuple[str, ...], recurrences: int, said: str, tmp_path: Path) -> None:
    figure = draw_recurring(compare(*policies, recurrences=recurrences, seeds=1))
    assert any(said in text.get_text() for text in texts(figure))
    figure.savefig(tmp_path / "plot.png")


def test_a_wide_range_of_regret_gets_a_logarithmic_axis() -> None:
    facts = make_facts({8: (19, None, None, None), 16: (2,), 32: (3,), 64: (None,), 128: (None,)})
    task = Task(facts, make_problem(facts), 40)
    results = []
    for policy in ("zeus", "grid", "oracle"):
        history = simulate_history(task, policy, 1)
        measures = measure(history.records, 40, table=task.table, oracle=task.oracle, default=task.default)
        results.append(PolicyResult(policy, (history,), (measures,)))
    figure = draw_recurring(Comparison(task, "v100", SOURCE, tuple(results)))
    regrets = [abs(result.measures[0].regret_oracle_jobs) for result in results]
    expected = "symlog" if max(regrets) > 20 * min(r for r in regrets if r > 1) else "linear"
    assert figure.axes[REGRET].get_yscale() == expected
