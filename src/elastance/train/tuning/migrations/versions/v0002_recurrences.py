"""A recurrence is one run or several: tries until the target is reached.

Runs are numbered on their own, as not each of them answers a choice of the policy. The least cost of a job is that of
whole recurrences. Runs from before count as a recurrence each.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add recurrences, and let every earlier run be one."""
    with op.batch_alter_table("elastance_jobs") as jobs:
        jobs.add_column(sa.Column("runs", sa.Integer, nullable=False, server_default="0"))
        jobs.add_column(sa.Column("recurrences", sa.Integer, nullable=False, server_default="0"))
        jobs.drop_column("least_cost_j")
    op.execute("UPDATE elastance_jobs SET runs = trials, recurrences = trials")
    with op.batch_alter_table("elastance_runs") as runs:
        runs.drop_constraint("elastance_runs_job_trial", type_="unique")
        runs.alter_column("trial", existing_type=sa.Integer, nullable=True)
        runs.add_column(sa.Column("number", sa.Integer, nullable=False, server_default="0"))
        runs.add_column(sa.Column("recurrence", sa.Integer, nullable=False, server_default="0"))
        runs.add_column(sa.Column("recurrence_cost_j", sa.Float))
    op.execute("UPDATE elastance_runs SET number = trial, recurrence = trial")
    op.execute("UPDATE elastance_runs SET recurrence_cost_j = cost_j WHERE status = 'reached'")
    with op.batch_alter_table("elastance_runs") as runs:
        runs.create_unique_constraint("elastance_runs_job_number", ["job", "number"])
    op.create_index("elastance_runs_recurrence", "elastance_runs", ["job", "recurrence"])
    op.create_index("elastance_runs_recurrence_cost", "elastance_runs", ["job", "recurrence_cost_j"])
