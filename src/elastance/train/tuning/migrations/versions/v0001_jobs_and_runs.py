"""Jobs and their runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "elastance_jobs",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("least_cost_j", sa.Float),
    )
    op.create_table(
        "elastance_runs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("job", sa.String(200), sa.ForeignKey("elastance_jobs.name"), nullable=False),
        sa.Column("trial", sa.Integer, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("batch_size", sa.Integer, nullable=False),
        sa.Column("power_limit_w", sa.Integer),
        sa.Column("threshold_j", sa.Float),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("heartbeat_s", sa.Float, nullable=False),
        sa.Column("began_s", sa.Float, nullable=False),
        sa.Column("ended_s", sa.Float),
        sa.Column("energy_j", sa.Float),
        sa.Column("time_s", sa.Float),
        sa.Column("cost_j", sa.Float),
        sa.Column("epochs", sa.Integer),
        sa.Column("exit_status", sa.Integer),
        sa.Column("source", sa.String(40)),
        sa.UniqueConstraint("job", "trial", name="elastance_runs_job_trial"),
    )
    op.create_index("elastance_runs_status", "elastance_runs", ["job", "status"])
