"""What the figures compare with, in words: the same in every figure."""

from __future__ import annotations

from elastance.catalog import WORKLOADS

PACKAGE = "elastance.figures.zeus"
"""Where the tables of expected numbers lie."""

NAMES = tuple(workload.name for workload in WORKLOADS)
"""The six workloads, in the order of the paper's tables."""

DEFAULT = "default: the user's own batch size at the largest power limit, at its expected cost every time"
GRID = "grid: every configuration once, then the cheapest seen; no run is stopped early"
GRID_EARLY_STOP = "grid-early-stop: the same, runs stopped at beta times the least cost so far"
ORACLE = "oracle: the configuration with the least expected cost, known from the start"
EXPECTED = "expected: over the training paths; a run that misses the target takes all epochs and is restarted"
LAST_FIVE = "saved: mean of the last five recurrences, failed tries included"
EXACT = "none (exact)"
"""What takes the place of seeds where nothing is random."""
