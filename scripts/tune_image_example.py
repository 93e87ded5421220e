"""Tune the image example for 30 recurrences on a CPU with a simulated GPU, and check what came of it.

    .venv/bin/python scripts/tune_image_example.py docs/images/tuning

Every batch size is run several times to its end, half of the runs before tuning and half after it, as a machine that
others use may become slower. In between the job recurs under `elastance tune run`. Printed are what exhaustive runs
say about each size, where tuning ended, and its energy with all exploration against always the default. The joules
are those of a simulated V100, which draws its power for as long as the script takes: they follow the clock of this
machine. Its power limits do not slow a CPU down, so they are left at the maximum.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from elastance.train import learning_rate_for
from elastance.train.tuning.results import Status
from elastance.train.tuning.store import TuningStore

ROOT = Path(__file__).parents[1]
SIZES, DEFAULT, RATE = (8, 32, 128, 512, 2048), 512, 0.008
JOB = "image-classifier"
SETTINGS = (
    "--target", "accuracy>=0.84", "--max-epochs", "20", "--devices", "sim:v100",
    "--policy", "pruning-thompson+max-power",
)  # fmt: skip


def main() -> None:
    """Run everything, then judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=Path, help="pictures to write, less -light.png and -dark.png")
    parser.add_argument(
        "--db", type=Path, default=Path("tune-image-example.sqlite"), help="may exist already"
    )
    parser.add_argument("--recurrences", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=4, help="exhaustive runs of each size")
    parser.add_argument("--script", type=Path, default=ROOT / "examples" / "image_classifier" / "train.py")
    parser.add_argument("--python", default=sys.executable, help="the Python that has PyTorch")
    options = parser.parse_args()
    environment = os.environ | {"ELASTANCE_DB": f"sqlite:///{options.db}"}
    store = TuningStore(environment["ELASTANCE_DB"])
    command = [
        options.python, str(options.script), "--devices", "sim:v100", "--batch-size", "{batch_size}", "--lr", "{lr}",
        "--seed", "{seed}", "--max-epochs", "{epochs}", "--target", "{target_metric}",
    ]  # fmt: skip

    def elastance(*arguments: str) -> int:
        words = [sys.executable, "-m", "elastance", *arguments]
        return subprocess.run(words, env=environment, check=False).returncode  # noqa: S603

    def make_runs(name: str, sizes: tuple[int, ...], wanted: int, *options_of_run: str) -> None:
        """Recur until a job has come so far; one that was interrupted goes on."""
        if name not in store.names():
            offered, default = ",".join(map(str, sizes)), DEFAULT if DEFAULT in sizes else sizes[0]
            rate = learning_rate_for(
                default, default_batch_size=DEFAULT, default_learning_rate=RATE, rule="sqrt"
            )
            own = ["--batch-sizes", offered, "--default", str(default), "--lr", str(rate)]
            if name != JOB:
                own += ["--beta-knob", "inf"]  # a judge lets every run go on to its end
            if elastance("tune", "init", name, *own, *SETTINGS):
                sys.exit(2)
        while len(recurrences_of(store, name)) < wanted:
            before = len(ended(store, name))
            elastance("tune", "run", name, "--devices", "sim:v100", *options_of_run, "--", *command)
            if len(ended(store, name)) == before:
                sys.exit(f"{options.script} fails")

    def exhaustive(rounds: int) -> None:
        for number in range(1, rounds + 1):
            for size in SIZES:
                make_runs(f"only-{size}", (size,), number, "--retries", "0")

    exhaustive(options.rounds // 2)
    make_runs(JOB, SIZES, options.recurrences)
    exhaustive(options.rounds)
    for theme in ("light", "dark"):
        picture = f"{options.picture}-{theme}.png"
        elastance("tune", "status", JOB, "--plot", picture, "--theme", theme)
    judge(store)


def ended(store: TuningStore, name: str) -> list[dict[str, Any]]:
    """Return the runs that trained to the target, or to the end without it."""
    return [run for run in store.history(name) if run["status"] in (Status.REACHED, Status.MISSED)]


def recurrences_of(store: TuningStore, name: str) -> set[int]:
    """Return the recurrences that reached the target, or had no further try."""
    is_exhaustive = name != JOB
    return {
        run["recurrence"] for run in ended(store, name) if is_exhaustive or run["status"] == Status.REACHED
    }


def judge(store: TuningStore) -> None:
    """Print where tuning ended against exhaustive runs, by medians."""
    costs_j: dict[int, float] = {}
    energies_j: dict[int, float] = {}
    for size in SIZES:
        runs = ended(store, f"only-{size}")
        reached = [run for run in runs if run["status"] == Status.REACHED]
        if len(reached) < len(runs):
            print(f"batch size {size}: missed the target in {len(runs) - len(reached)} of {len(runs)} runs")
            continue
        costs_j[size] = median(run["cost_j"] for run in reached)
        energies_j[size] = median(run["energy_j"] for run in reached)
        spread = ", ".join(f"{run['energy_j']:.0f}" for run in reached)
        print(f"batch size {size}: median {energies_j[size]:.0f} J, cost {costs_j[size]:.0f} J ({spread})")
    best = min(costs_j, key=lambda size: costs_j[size])
    history = store.history(JOB)
    reached = sorted(
        (run for run in history if run["status"] == Status.REACHED), key=lambda run: run["recurrence"]
    )
    final = Counter(run["batch_size"] for run in reached[-5:]).most_common(1)[0][0]
    gap = costs_j[final] / costs_j[best] - 1.0
    energy_j = sum(run["energy_j"] or 0.0 for run in history)
    always_j = len(reached) * energies_j[DEFAULT]
    print(f"best by exhaustive runs: {best}; tuning ended at {final}: {gap:+.1%} of its cost")
    print(
        f"{len(reached)} recurrences in {len(history)} runs: {energy_j / 1e3:.1f} kJ with all exploration; always"
        f" {DEFAULT}: {always_j / 1e3:.1f} kJ; {1.0 - energy_j / always_j:.0%} less"
    )


if __name__ == "__main__":
    main()
