import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from elastance.figures import draw_recurring, find_theme, save_figure
from elastance.figures.labels import policy_label
from elastance.runs import Provenance
from elastance.simulate import Comparison, PolicyResult, Task, pareto_front, simulate_history
from elastance.simulate.measures import measure
from elastance.traces import JobFacts, SourceKind, SourceRecord
from made_up import make_facts, make_problem
from pictures import overlaps, texts

SOURCE = SourceRecord.of_files(
    SourceKind.DIRECTORY, "/home/someone/made-up", {"a.csv": "0" * 64}, Provenance.TRACE
)
ALL = ("zeus", "grid", "grid-early-stop", "default", "oracle")
WIDE = {2: (None, None), 4: (19, None), 16: (9, 10), 512: (7, 8), 4096: (6, 6, 5), 16384: (12, 12)}
"""Batch sizes over four decades, one of which never reaches the target, one that does only with restarts."""


def compare(
    *policies: str,
    recurrences: int = 40,
    seeds: int = 2,
    facts: JobFacts | None = None,
    compat: bool = False,
    default: int = 32,
    **options: float,
) -> Comparison:
    facts = facts or make_facts()
    task = Task(facts, make_problem(facts, default=default, **options), recurrences, compat)
    results = []
    for policy in policies:
        histories = tuple(simulate_history(task, policy, seed) for seed in range(seeds))
        measures = tuple(measure(task.yardstick, of.records, recurrences) for of in histories)
        results.append(PolicyResult(policy, histories, measures))
    return Comparison(task, "v100", SOURCE, tuple(results))


def wide(*policies: str, **options: float) -> Comparison:
    return compare(*policies, facts=make_facts(WIDE), default=512, **options)


def panel(figure: Figure, label: str) -> Axes:
    """The axes whose vertical label starts with `label`."""
    (found,) = (axes for axes in figure.axes if axes.get_ylabel().startswith(label))
    return found


def line(axes: Axes, label: str) -> list[tuple[float, float]]:
    (found,) = (of for of in axes.lines if of.get_label() == label)
    return list(zip(found.get_xdata(), found.get_ydata(), strict=True))


def points(axes: Axes, label: str) -> list[tuple[float, float]]:
    (found,) = (of for of in axes.collections if of.get_label() == label)
    return [(float(x), float(y)) for x, y in found.get_offsets()]


def same(drawn: list[tuple[float, float]], expected: list[tuple[float, float]]) -> bool:
    return len(drawn) == len(expected) and np.allclose(drawn, expected, rtol=1e-12)


def test_every_recurrence_is_drawn_with_all_its_tries() -> None:
    comparison = compare(*ALL)
    records, default = comparison["zeus"].histories[0].records, comparison.task.default
    assert len(records) > 40  # some recurrence took two tries
    axes = panel(draw_recurring(comparison), "relative")
    for label, of_record, of_default in (
        ("energy", lambda r: r.energy_j, default.energy_j),
        ("time", lambda r: r.time_s, default.time_s),
    ):
        expected = [
            (n + 1, math.fsum(of_record(r) for r in records if r.recurrence == n) / of_default)
            for n in range(40)
        ]
        assert np.array(line(axes, label)) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(("label", "field"), [("batch", "batch_size"), ("power", "power_limit_w")])
def test_every_run_is_drawn_once_by_what_became_of_it(label: str, field: str) -> None:
    comparison = compare(*ALL)
    records = comparison["zeus"].histories[0].records
    axes = panel(draw_recurring(comparison), label)
    kinds = {
        "run": [r for r in records if r.reached and not r.profiled],
        "run that first tries every power limit": [r for r in records if r.reached and r.profiled],
        "try that missed the target": [r for r in records if not r.reached],
    }
    assert all(kinds.values())
    assert sum(map(len, kinds.values())) == len(records)
    for name, expected in kinds.items():
        assert line(axes, name) == [(r.recurrence + 1, getattr(r, field)) for r in expected]
    markers = {(of.get_marker(), to_hex(of.get_markerfacecolor())) for of in axes.lines}
    assert len(markers) == 3, "told apart by shape or filling, not by colour only"


def test_the_title_says_what_the_measures_say() -> None:
    comparison = compare(*ALL)
    measures = comparison["zeus"].measures[0]
    size, limit = measures.final
    title = panel(draw_recurring(comparison), "relative").get_title("left")
    assert title.startswith(f"zeus ends at batch size {size} and {limit} W: ")
    saved = measures.energy_saving
    assert f"{abs(saved) * 100:.0f} % {'less' if saved >= 0 else 'more'} energy" in title


def test_the_final_batch_size_can_be_read_off() -> None:
    comparison = compare("grid", facts=make_facts({size: (40 - size,) for size in range(24, 33)}), seeds=1)
    final = comparison["grid"].measures[0].final[0]
    axes = panel(draw_recurring(comparison), "batch size")
    shown = [int(label.get_text()) for label in axes.get_yticklabels()]
    assert final in shown
    assert len(shown) < 9
    assert shown == sorted(set(shown))


def test_regret_runs_from_nothing_to_what_the_measures_say() -> None:
    comparison = compare(*ALL, seeds=3)
    axes = panel(draw_recurring(comparison), "cumulative")
    labels = {text.get_text().partition("\n")[0] for text in axes.texts}
    assert labels == {policy_label(policy) for policy in ALL}
    for result in comparison.policies:
        drawn = line(axes, result.policy)
        assert [x for x, _ in drawn] == list(range(41))
        assert drawn[0][1] == 0.0
        assert drawn[-1][1] == pytest.approx(result.spread("regret_oracle_jobs").mean, abs=1e-9)


def test_the_band_is_the_interval_of_the_mean() -> None:
    comparison = compare("zeus", seeds=5)
    axes = panel(draw_recurring(comparison), "cumulative")
    (band,) = axes.collections
    spread = comparison["zeus"].spread("regret_oracle_jobs")
    ends = {round(float(y), 9) for x, y in band.get_paths()[0].vertices if x == 40}
    assert ends == {round(spread.mean - spread.ci95, 9), round(spread.mean + spread.ci95, 9)}
    assert "95 % interval, 5 seeds" in axes.get_xlabel()
    alone = panel(draw_recurring(compare("zeus", seeds=1)), "cumulative")
    assert not alone.collections
    assert alone.get_xlabel() == "recurrence"


def test_a_wide_range_of_regret_gets_a_logarithmic_axis() -> None:
    far = compare(
        "zeus", "grid", facts=make_facts({8: (990, None, None), 16: (2,), 32: (3,)}), max_epochs=999
    )
    near = compare("zeus", "default")
    for comparison, scale in ((far, "symlog"), (near, "linear")):
        ends = [result.spread("regret_oracle_jobs").mean for result in comparison.policies]
        assert (max(ends) > 20 * max(1, min(ends))) == (scale == "symlog"), ends
        axes = panel(draw_recurring(comparison), "cumulative")
        assert axes.get_yscale() == scale
        low, high = axes.get_ylim()
        drawn = [y for result in comparison.policies for _, y in line(axes, result.policy)]
        assert low < min(drawn)
        assert max(drawn) < high


def test_the_plane_shows_every_reachable_configuration_and_the_front() -> None:
    comparison = wide(*ALL)
    table = comparison.task.table
    axes = panel(draw_recurring(comparison), "expected energy")
    assert axes.get_ylabel() == "expected energy to target, kJ"
    assert axes.get_xlabel() == "expected time to target, min"
    place = {
        key: (at.time_s / 60, at.energy_j / 1e3) for key, at in table.items() if math.isfinite(at.cost_j)
    }
    assert len(place) < len(table)
    assert same(sorted(points(axes, "configuration")), sorted(place.values()))
    assert same(
        line(axes, "Pareto front"), [place[at.batch_size, at.power_limit_w] for at in pareto_front(table)]
    )
    visits = dict.fromkeys((r.batch_size, r.power_limit_w) for r in comparison["zeus"].histories[0].records)
    assert same(points(axes, "tried, in this order"), [place[key] for key in visits if key in place])
    for name in ("oracle", "default"):
        at = getattr(comparison.task, name)
        assert same(points(axes, name), [place[at.batch_size, at.power_limit_w]])
    assert same(points(axes, "where it ends"), [place[comparison["zeus"].measures[0].final]])


def test_configurations_that_are_not_to_be_seen_are_counted() -> None:
    comparison = wide("zeus", "oracle")
    axes = panel(draw_recurring(comparison), "expected energy")
    (_, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    beyond = sum(x > right or y > top for x, y in points(axes, "configuration"))
    note = next(text.get_text() for text in axes.texts if "not shown" in text.get_text())
    assert "3 never reach the target" in note
    assert (f"{beyond} farther out" in note) == (beyond > 0)
    everything = compare("zeus", facts=make_facts({16: (6, 7), 32: (5, 5, 6)}))
    axes = panel(draw_recurring(everything), "expected energy")
    assert not [text for text in axes.texts if "never" in text.get_text()]


def test_numbers_are_thinned_out() -> None:
    facts = make_facts(dict.fromkeys(range(30, 39), (9,)), limits=(100, 125, 150, 175, 200))
    comparison = compare("grid", recurrences=60, seeds=1, facts=facts)
    axes = panel(draw_recurring(comparison), "expected energy")
    visited = len(points(axes, "tried, in this order"))
    numbers = [int(text.get_text()) for text in axes.texts if text.get_text().isdigit()]
    assert visited == 45
    assert 1 in numbers
    assert all(number in (1, visited) or number % 5 == 0 for number in numbers)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_at_800_pixels(theme: str) -> None:
    """A figure 8 inches wide shown at 800 pixels has 100 pixels per inch."""
    figure = draw_recurring(compare(*ALL), theme=theme)
    assert figure.get_figwidth() == 8.0
    sizes = {name: text.get_fontsize() * 100 / 72 for name, _, text in texts(figure)}
    assert min(sizes.values()) >= 9.0, sizes
    assert to_hex(figure.get_facecolor()) == find_theme(theme).paper


@pytest.mark.parametrize(
    "comparison",
    [
        pytest.param(lambda: compare(*ALL), id="all"),
        pytest.param(lambda: wide(*ALL), id="wide"),
        pytest.param(lambda: wide("grid", "zeus", "oracle", seeds=1), id="grid leads"),
        pytest.param(
            lambda: compare(
                "thompson+max-power", "pruning-thompson", "thompson", "max-power", "just-in-time", *ALL
            ),
            id="ten",
        ),
        pytest.param(lambda: compare("zeus", recurrences=700, seeds=1), id="long"),
        pytest.param(lambda: compare("zeus", recurrences=1, seeds=1), id="one"),
        pytest.param(lambda: compare("default", "oracle"), id="baselines"),
        pytest.param(lambda: compare("zeus", recurrences=0), id="none"),
    ],
)
def test_no_text_stands_on_another_or_leaves_the_figure(comparison) -> None:
    figure = draw_recurring(comparison())
    shown = texts(figure)
    assert list(overlaps(shown)) == []
    for name, box, _ in shown:
        assert box.x0 >= 0, name
        assert box.x1 <= figure.bbox.width, name
        assert box.y0 >= 0, name
        assert box.y1 <= figure.bbox.height, name


def test_it_says_where_its_numbers_come_from() -> None:
    comparison = compare("zeus")
    said = {
        "recorded": replace(comparison, source=SOURCE),
        "synthetic": replace(comparison, source=replace(SOURCE, provenance=Provenance.MODEL)),
        "public": replace(comparison, source=replace(SOURCE, kind=SourceKind.CACHE)),
        "built-in": replace(
            comparison, source=SourceRecord.of_files(SourceKind.BUILTIN, "m.json", {}, Provenance.MODEL)
        ),
    }
    for word, drawn in said.items():
        caption = " ".join(name for name, _, _ in texts(draw_recurring(drawn)))
        assert word in caption
        assert ("not from measurements" in caption) == (word in ("synthetic", "built-in"))
        assert f"sha256 {drawn.source.sha256[:12]}" in caption
        assert "/home/someone" not in caption, "a picture travels; whose folder it was is nobody's business"
        assert "eta 0.5, beta 2, target metric 0.9 within 20 epochs, 40 recurrences, 2 seeds" in caption


@pytest.mark.parametrize(
    ("policies", "options", "said"),
    [
        (("zeus", "oracle"), {"recurrences": 0}, "no recurrences"),
        (("default", "oracle"), {}, "only baselines: no policy decided anything"),
        (("zeus",), {"recurrences": 1, "seeds": 1}, "zeus ends at batch size 32"),
        (("max-power",), {"recurrences": 30, "seeds": 1}, "max-power ends at"),
        (("zeus", "oracle"), {"beta": math.inf}, "beta inf"),
        (("zeus", "oracle"), {"window_size": 5}, "window 5"),
        (("zeus", "oracle"), {"compat": True}, "published simulator replayed"),
        (("zeus", "oracle"), {"seeds": 200, "recurrences": 10}, "200 seeds"),
    ],
)
def test_all_kinds_of_comparisons(
    policies: tuple[str, ...], options: dict[str, float], said: str, tmp_path: Path
) -> None:
    figure = draw_recurring(compare(*policies, **options))
    assert any(said in name for name, _, _ in texts(figure))
    save_figure(figure, tmp_path / "plot.png")


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path) -> None:
    for suffix, theme in (("svg", "light"), ("pdf", "dark"), ("png", "light")):
        drawn = []
        for name in ("one", "two"):
            save_figure(draw_recurring(compare(*ALL), theme=theme), tmp_path / f"{name}.{suffix}")
            drawn.append((tmp_path / f"{name}.{suffix}").read_bytes())
        assert drawn[0] == drawn[1]


def test_a_strange_name_is_only_a_name() -> None:
    comparison = compare("zeus", seeds=1)
    problem = comparison.task.problem
    job = replace(problem.job, dataset="$x^{2", network="a_$_" * 60)
    task = replace(comparison.task, problem=replace(problem, job=job))
    shown = texts(draw_recurring(replace(comparison, task=task)))
    heading = next(text for name, _, text in shown if name.startswith("a_$_"))
    assert not heading.get_parse_math()
    assert max(box.x1 for _, box, _ in shown) <= 800


def test_the_user_s_own_settings_do_not_count(tmp_path: Path) -> None:
    import matplotlib as mpl

    save_figure(draw_recurring(compare("zeus")), tmp_path / "one.svg")
    with mpl.rc_context({"font.size": 30, "savefig.bbox": "tight", "figure.dpi": 50, "axes.grid": True}):
        save_figure(draw_recurring(compare("zeus")), tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_picture_is_not_blank(tmp_path: Path) -> None:
    import matplotlib.image

    save_figure(draw_recurring(compare(*ALL)), tmp_path / "plot.png")
    pixels = matplotlib.image.imread(tmp_path / "plot.png")
    assert pixels.shape[1] == 1600
    assert 0.02 < np.mean(np.any(pixels[..., :3] < 0.9, axis=2)) < 0.5
