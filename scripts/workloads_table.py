"""Print the README's table: every workload on one GPU type, policies compared over seeds, as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from elastance import WORKLOADS, Comparison, simulate_recurring


def main() -> None:
    """Simulate every workload and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu", default="v100", help="GPU type (v100)")
    parser.add_argument("--seeds", type=int, default=200, help="number of seeds (200)")
    parser.add_argument("--traces", type=Path, help="directory of trace files")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes (1)")
    arguments = parser.parse_args()
    print(
        "| workload | default b, W | zeus ends at b, W | energy saved, % | time saved, % | oracle, % "
        "| regret: zeus | grid | grid, early stop | default | pays back |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    )
    for workload in WORKLOADS:
        comparison = simulate_recurring(
            workload,
            arguments.gpu,
            policies=["zeus", "grid", "grid-early-stop", "default", "oracle"],
            seeds=range(arguments.seeds),
            traces=arguments.traces,
            jobs=arguments.jobs,
        )
        print(row(workload.name, comparison), flush=True)
    print(f"\nFacts: {comparison.source}.")


def row(name: str, comparison: Comparison) -> str:
    """Return one row of the table."""
    zeus = comparison["zeus"]
    final = zeus.final or (0, 0)
    default = comparison.task.default
    oracle = comparison["oracle"]
    share = zeus.break_even_share
    pays_back = f"{zeus.spread('break_even_recurrence').mean or 0:.0f} ({share:.0%})" if share else "never"
    cells = [
        name,
        f"{default.batch_size}, {default.power_limit_w}",
        f"{final[0]}, {final[1]} ({zeus.final_share or 0:.0%})",
        with_interval(comparison, "zeus", "energy_saving", 100),
        with_interval(comparison, "zeus", "time_saving", 100),
        " / ".join(f"{100 * (oracle.spread(of).mean or 0):.1f}" for of in ("energy_saving", "time_saving")),
        *(
            with_interval(comparison, policy, "regret_oracle_jobs", 1)
            for policy in ("zeus", "grid", "grid-early-stop", "default")
        ),
        pays_back,
    ]
    return f"| {' | '.join(cells)} |"


def with_interval(comparison: Comparison, policy: str, quantity: str, scale: float) -> str:
    """Return the mean of a quantity with its 95 % interval, where there is one."""
    mean, ci95 = comparison[policy].spread(quantity)
    digits = 1 if abs(scale * (mean or 0)) < 1000 else 0
    shown = f"{scale * (mean or 0):,.{digits}f}"
    return shown if not ci95 or scale * ci95 < 0.05 else f"{shown} ± {scale * ci95:,.{digits}f}"


if __name__ == "__main__":
    main()
