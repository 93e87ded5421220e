"""Recurring jobs: each run teaches which batch size and power limit the next one should have.

Needs the extra ``tune`` (SQLAlchemy), except for `report`.
"""

from elastance.train.tuning.result_file import report

__all__ = ["report"]
