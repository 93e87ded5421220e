"""The tables that recurring jobs are kept in, and how older databases are brought up to date."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import InputError, MissingExtraError

try:
    import sqlalchemy as sa
    from sqlalchemy import event, exc
except ImportError as error:
    raise MissingExtraError("tuning a recurring job", "tune") from error

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE = "ELASTANCE_DB"
"""Environment variable that names the database."""

_PATIENCE_S = 60.0
"""How long to wait for other processes' transactions on SQLite: milliseconds each, if nothing is wrong."""

_MIGRATION_LOCK = 0x656C6173
"""Key of PostgreSQL's advisory lock under which the tables are made: two first runs may come at once."""

metadata = sa.MetaData()

version = sa.Table("elastance_schema", metadata, sa.Column("version", sa.Integer, nullable=False))

jobs = sa.Table(
    "elastance_jobs",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("trials", sa.Integer, nullable=False),
    sa.Column("least_cost_j", sa.Float),
)

runs = sa.Table(
    "elastance_runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("job", sa.String(200), sa.ForeignKey("elastance_jobs.name"), nullable=False),
    sa.Column("trial", sa.Integer, nullable=False),
    sa.Column("status", sa.String(20), nullable=False, index=True),
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
    sa.UniqueConstraint("job", "trial"),
)


def _create_all(connection: sa.Connection) -> None:
    metadata.create_all(connection)


MIGRATIONS: tuple[Callable[[sa.Connection], None], ...] = (_create_all,)
"""Step i brings a database from version i to i + 1; steps are only ever added."""


def default_url() -> str:
    """Return where jobs are kept unless the user says otherwise: $ELASTANCE_DB or a file of the user's."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    import platformdirs

    return f"sqlite:///{platformdirs.user_data_path('elastance') / 'tune.sqlite'}"


def open_engine(url: str) -> sa.Engine:
    """Connect to a database and bring its tables up to date.

    Raises:
        InputError: The URL is malformed, its driver is missing, the database cannot be reached, or it was written
            by a newer elastance.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise InputError(
                f"database {parsed.get_backend_name()}: expected sqlite:///FILE or postgresql://..."
            )
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite(parsed)
        else:
            engine = sa.create_engine(parsed, poolclass=sa.NullPool)
        with engine.begin() as connection:
            _migrate(connection)
    except ImportError as error:
        raise MissingExtraError("PostgreSQL", "postgres") from error
    except exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise InputError(f"the database cannot be used: {reason}; see --db and ${VARIABLE}") from None
    return engine


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise InputError(
            "a database in memory does not outlive the command: name a file, as sqlite:///tune.sqlite"
        )
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{url.database}: its directory cannot be made: {error.strerror}") from None
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": _PATIENCE_S})

    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 (a DBAPI connection)
        connection.isolation_level = None  # else the driver begins transactions its own way

    def on_begin(connection: sa.Connection) -> None:
        # Takes the write lock at once: two that read first and write later would deadlock.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _migrate(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    there = 0
    if sa.inspect(connection).has_table(version.name):
        there = connection.execute(sa.select(version.c.version)).scalar_one()
    if there > len(MIGRATIONS):
        raise InputError(
            f"the database has version {there}, this elastance knows up to {len(MIGRATIONS)}: update it"
        )
    for step in MIGRATIONS[there:]:
        step(connection)
    if there == 0:
        connection.execute(version.insert().values(version=len(MIGRATIONS)))
    elif there < len(MIGRATIONS):
        connection.execute(version.update().values(version=len(MIGRATIONS)))
