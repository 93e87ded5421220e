"""The tables that recurring jobs are kept in."""

from __future__ import annotations

from elastance.errors import MissingExtraError

try:
    import sqlalchemy as sa
except ImportError as error:
    raise MissingExtraError("tuning a recurring job", "tune") from error

VERSION_TABLE = "elastance_version"
"""Where Alembic notes how far a database has been brought."""

HEAD = "0002"
"""The last revision there is in `migrations`."""

metadata = sa.MetaData()

version = sa.Table(VERSION_TABLE, metadata, sa.Column("version_num", sa.String(32), primary_key=True))

jobs = sa.Table(
    "elastance_jobs",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("trials", sa.Integer, nullable=False, comment="choices of the policy"),
    sa.Column("runs", sa.Integer, nullable=False, server_default="0"),
    sa.Column("recurrences", sa.Integer, nullable=False, server_default="0"),
)

runs = sa.Table(
    "elastance_runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("job", sa.String(200), sa.ForeignKey("elastance_jobs.name"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False, server_default="0", comment="from 0 within the job"),
    sa.Column("recurrence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("trial", sa.Integer, comment="which choice of the policy it answers, if any"),
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
    sa.Column("recurrence_cost_j", sa.Float, comment="of all its tries, where this one reached the target"),
    sa.Column("epochs", sa.Integer),
    sa.Column("exit_status", sa.Integer),
    sa.Column("source", sa.String(40)),
    sa.UniqueConstraint("job", "number", name="elastance_runs_job_number"),
    sa.Index("elastance_runs_status", "job", "status"),
    sa.Index("elastance_runs_recurrence", "job", "recurrence"),
    sa.Index("elastance_runs_recurrence_cost", "job", "recurrence_cost_j"),
)
