"""A certificate as one page of HTML: no network, no scripts, light and dark, on screen and on paper.

Its template needs Jinja2, which comes with PyTorch, without which there is no certificate either.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from elastance.elastic.certificate import relative
from elastance.elastic.levels import Level
from elastance.elastic.operators import KERNELS, PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from elastance.elastic.certificate import Certificate, RunOutcome

_STRIP_WIDTH, _STRIP_HEIGHT = 720.0, 18.0
_MOST_TICKS = 150

_PROMISES = {
    Level.NONE: "nothing",
    Level.D0: "the same placement throughout",
    Level.D1: "any placement on devices of one type",
    Level.D2: "any placement on unlike devices",
}

_FACTS = {
    "date": "Date (UTC)",
    "processor": "Processor",
    "cores": "Cores",
    "device": "The model was on",
    "device_types": "Device types stood in for",
    "instructions": "Vector instructions of PyTorch",
    "threads": "Intra-op threads per process",
    "torch": "PyTorch",
    "mkl": "MKL",
    "onednn": "oneDNN",
    "cuda": "CUDA",
    "cudnn": "cuDNN",
    "python": "Python",
    "numpy": "NumPy",
    "elastance": "elastance",
    "system": "System",
    "model": "Model",
    "parameters": "Parameters trained",
    "script": "Script",
    "script_sha256": "Script, sha256",
}


@dataclass(frozen=True)
class Mark:
    """Steps in a row that are alike, in a strip.

    Attributes:
        x: Left end, of `_STRIP_WIDTH`.
        width: How wide.
        height: Taller where more tensors differ, of `_STRIP_HEIGHT`.
        title: What a reader sees who points at it.
        equal: Whether no tensor differs.
    """

    x: float
    width: float
    height: float
    title: str
    equal: bool


def certificate_page(certificate: Certificate, command_line: Sequence[str]) -> str:
    """Return the page.

    Args:
        certificate: What was found.
        command_line: How to find it again.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("elastance.figures", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("certificate.html").render(
        certificate=certificate,
        placements=[_placement(run, certificate) for run in certificate.runs],
        reference=_costs(certificate.reference),
        prices=[_price(run, certificate.prices) for run in certificate.prices],
        kernels=KERNELS,
        published=PUBLISHED,
        facts=_facts(certificate.environment),
        command=shlex.join(certificate.command),
        again=shlex.join(command_line),
        strip={"width": _STRIP_WIDTH, "height": _STRIP_HEIGHT},
    )


def strip(differing: Sequence[int], tensors: int) -> list[Mark]:
    """The steps of a run as marks of a strip; neighbours that are alike are one mark.

    Args:
        differing: How many tensors differ after each step.
        tensors: How many there are.
    """
    marks: list[Mark] = []
    per_step = _STRIP_WIDTH / max(1, len(differing))
    begin = 0
    for end in range(1, len(differing) + 1):
        count = differing[begin]
        if end < len(differing) and differing[end] == count:
            continue
        steps = f"step {begin}" if end - begin == 1 else f"steps {begin} to {end - 1}"
        said = "equal" if count == 0 else f"{count} of {tensors} tensors differ"
        height = _STRIP_HEIGHT * (0.4 + 0.6 * min(1.0, count / max(1, tensors))) if count else _STRIP_HEIGHT
        marks.append(Mark(begin * per_step, (end - begin) * per_step, height, f"{steps}: {said}", count == 0))
        begin = end
    return marks


def _ticks(steps: int) -> str:
    """Lines between steps, as an SVG path; none where there are too many to be told apart."""
    if steps > _MOST_TICKS:
        return ""
    return "".join(f"M{_STRIP_WIDTH * step / steps:.2f} 0V{_STRIP_HEIGHT:g}" for step in range(1, steps))


def _placement(run: RunOutcome, certificate: Certificate) -> dict[str, Any]:
    difference = run.difference
    where = amount = ""
    if difference is not None:
        where = f"from step {difference.step} on: {difference.tensor}, executor {difference.executor}"
        if difference.largest is not None:
            elements = f"{difference.elements} of {difference.of_elements} elements"
            amount = f"{elements}, by at most {difference.largest:.3g}"
    executors, _, hosted = run.placement.replace(":", "x").partition("x")
    each = f"{hosted} each" if "+" not in hosted else hosted.replace("+", ", ")
    return {
        "name": run.placement,
        "reads": f"{executors} executor{'s' if executors != '1' else ''} hosting {each}",
        "equal": run.equal,
        "where": where,
        "amount": amount,
        "strip": strip(run.differing, certificate.tensors),
        "ticks": _ticks(len(run.differing)),
        "steps": run.steps,
        **_costs(run),
    }


def _costs(run: RunOutcome) -> dict[str, str]:
    return {
        "time": f"{1000 * run.step_time_s.median:.3g} ms",
        "time_spread": f"{1000 * run.step_time_s.low:.3g} to {1000 * run.step_time_s.high:.3g}",
        "cpu": f"{1000 * run.cpu_time_s.median:.3g} ms",
        "memory": f"{run.peak_memory_bytes / 1e6:.0f} MB",
        "total_memory": f"{run.total_memory_bytes / 1e6:.0f} MB",
        "device_memory": "" if run.device_memory_bytes is None else f"{run.device_memory_bytes / 1e6:.0f} MB",
        "sent": f"{run.sent_bytes_per_step / 1e6:.3g} MB",
    }


def _price(run: RunOutcome, prices: Sequence[RunOutcome]) -> dict[str, Any]:
    times = {
        name: "" if ratio is None else f"{ratio:.2f} ×"  # noqa: RUF001 (so it is written in prose)
        for name, ratio in relative(run, prices[0]).items()
    }
    return {
        "name": run.label,
        "promises": _PROMISES[Level(run.level)] if run.what == "elastic" else "",
        "placement": run.placement,
        "equal": run.equal,
        "relative": times,
        **_costs(run),
    }


def _facts(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, _fact(environment[key])) for key, name in _FACTS.items() if environment.get(key) is not None
    ]


def _fact(value: Any) -> str:  # noqa: ANN401
    return ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else str(value)
