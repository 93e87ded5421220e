"""How `elastance certify` shows what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elastance.cli.output import console, say
from elastance.elastic.certificate import relative

if TYPE_CHECKING:
    from pathlib import Path

    from elastance.elastic.certificate import Certificate, RunOutcome
    from elastance.elastic.operators import OperatorReport


def show_certificate(certificate: Certificate, page: Path | None) -> None:
    """Print tables: the runs, the prices of levels, and what a step depends on.

    Args:
        certificate: What was found.
        page: Where its page was written; None if it was not.
    """
    say(certificate.verdict, style="green" if certificate.equal else "red")
    say()
    _show_runs(certificate)
    for run in certificate.runs:
        _show_difference(run)
    if certificate.prices:
        say()
        _show_prices(certificate)
    if certificate.operators is not None:
        say()
        _show_operators(certificate.operators)
    say()
    for remark in certificate.remarks:
        say(remark, style="dim")
    where = certificate.environment
    say(
        f"Holds for {where['processor']} ({where['instructions']}), {where['device']}, PyTorch {where['torch']}, "
        f"{where['threads']} thread(s) per process.",
        style="dim",
    )
    if page is not None:
        say(f"Written: {page} and certificate.json beside it")


def _show_runs(certificate: Certificate) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("run")
    table.add_column("bits")
    for name in ("steps", "wall/step", "CPU/step", "memory", "of all", "sent/step"):
        table.add_column(name, justify="right")
    for run in (certificate.reference, *certificate.runs):
        name = f"DDP, {certificate.workers} processes" if run.equal is None else run.placement
        table.add_row(name, _bits(run), str(run.steps), *_costs(run))
    console().print(table)


def _show_difference(run: RunOutcome) -> None:
    difference = run.difference
    if difference is None:
        return
    amount = ""
    if difference.largest is not None:
        elements = f"{difference.elements} of {difference.of_elements} elements"
        amount = f"; {elements} differ, by at most {difference.largest:.3g}"
    say(
        f"{run.placement} differs from step {difference.step} on: {difference.tensor}, executor "
        f"{difference.executor}{amount}",
        style="red",
    )


def _show_prices(certificate: Certificate) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("price of", "on", "bits"):
        table.add_column(name)
    for name in ("CPU/step", "x DDP", "wall/step", "x DDP", "memory of all", "x DDP", "sent", "x DDP"):
        table.add_column(name, justify="right")
    for run in certificate.prices:
        ratios = relative(run, certificate.prices[0])
        wall, cpu, _, memory, sent = _costs(run)
        table.add_row(
            run.label,
            run.placement,
            _bits(run) or "reference",
            *(cpu, _ratio(ratios["cpu_time"]), wall, _ratio(ratios["step_time"])),
            *(memory, _ratio(ratios["total_memory"]), sent, _ratio(ratios["sent"])),
        )
    console().print(table)


def _show_operators(report: OperatorReport) -> None:
    used = ", ".join(f"{use.family} ({use.calls})" for use in report.uses) or "none"
    say(f"Operators whose kernels differ between devices, with calls per step: {used}")
    say(f"Level D2: {report.verdict}")
    refused = [name for use in report.uses for name in use.refused_on_cuda]
    if refused:
        say(f"D2 on CUDA refuses {', '.join(refused)}: there is no deterministic form")


def _bits(run: RunOutcome) -> str:
    return "" if run.equal is None else "equal" if run.equal else "differ"


def _costs(run: RunOutcome) -> tuple[str, str, str, str, str]:
    return (
        f"{1000 * run.step_time_s.median:.3g} ms",
        f"{1000 * run.cpu_time_s.median:.3g} ms",
        f"{run.peak_memory_bytes / 1e6:.0f} MB",
        f"{run.total_memory_bytes / 1e6:.0f} MB",
        f"{run.sent_bytes_per_step / 1e6:.3g} MB",
    )


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
