"""The database that recurring jobs are kept in: where it is, how it is opened and brought up to date."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elastance.errors import DatabaseError, InputError, MissingExtraError
from elastance.train.tuning.schema import HEAD, VERSION_TABLE, version

try:
    import sqlalchemy as sa
    from sqlalchemy import event, exc
except ImportError as error:
    raise MissingExtraError("tuning a recurring job", "tune") from error

if TYPE_CHECKING:
    from collections.abc import Generator

VARIABLE = "ELASTANCE_DB"
"""Environment variable that names the database."""

_PATIENCE_S = 60.0
"""How long to wait for other processes' transactions on SQLite: milliseconds each, if nothing is wrong."""

_CONNECT_S = 10
"""How long to wait for a PostgreSQL server."""

_MIGRATION_LOCK = 0x656C6173
"""Key of PostgreSQL's advisory lock under which the tables are made: two first runs may come at once."""


def default_url() -> str:
    """Return where jobs are kept unless the user says otherwise: $ELASTANCE_DB or a file of the user's."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    import platformdirs

    return f"sqlite:///{platformdirs.user_data_path('elastance') / 'tune.sqlite'}"


class Database:
    """A database whose tables are up to date.

    Args:
        url: SQLAlchemy URL of an SQLite file or a PostgreSQL server; `default_url` by default.

    Raises:
        InputError: The URL is malformed, or names a database of another kind.
        MissingExtraError: The driver is not installed.
        DatabaseError: It cannot be reached or used, or was written by a newer elastance.
    """

    def __init__(self, url: str | None = None) -> None:
        self._engine, self._name = _engine_for(url or default_url())
        with self.transaction() as connection:
            _bring_up_to_date(connection)

    @contextmanager
    def transaction(self) -> Generator[sa.Connection]:
        """Give a connection whose changes are all kept, or none if the block raises.

        Raises:
            DatabaseError: The database cannot be used; what violates a constraint is the caller's.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except exc.IntegrityError:
            raise
        except exc.SQLAlchemyError as error:
            lines = str(getattr(error, "orig", None) or error).strip().splitlines()
            reason = lines[0] if lines else type(error).__name__
            raise DatabaseError(f"{self._name} cannot be used: {reason}; see --db and ${VARIABLE}") from None

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()


def _engine_for(url: str) -> tuple[sa.Engine, str]:
    """Return an engine, and what to call the database in messages: never with a password."""
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        shown = url if "@" not in url else url.partition(":")[0] + ":..."
        raise InputError(
            f"database {shown!r} is no URL: expected sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from None
    name = f"database {parsed.render_as_string(hide_password=True)}"
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _sqlite(parsed), name
    if kind not in ("postgresql", "postgres"):
        raise InputError(f"{name}: expected sqlite:///FILE or postgresql://USER@HOST/NAME")
    try:
        engine = sa.create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            poolclass=sa.NullPool,
            connect_args={"connect_timeout": _CONNECT_S},
        )
    except ImportError as error:
        raise MissingExtraError("keeping jobs in PostgreSQL", "postgres") from error
    return engine, name


def _sqlite(url: sa.URL) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise InputError(
            "a database in memory does not outlive the command: name a file, as sqlite:///tune.sqlite"
        )
    path = Path(url.database)
    if not url.database.startswith("file:"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path}: its directory cannot be made: {error.strerror}") from None
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": _PATIENCE_S})

    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 (a DBAPI connection)
        connection.isolation_level = None  # else the driver begins transactions its own way

    def on_begin(connection: sa.Connection) -> None:
        # Takes the write lock at once: two that read first and write later would deadlock.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def _bring_up_to_date(connection: sa.Connection) -> None:
    """Run the migrations that are missing; the rule is that there are none, and then Alembic is not imported."""
    if _version_of(connection) == HEAD:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    migrate(connection)


def _version_of(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.select(version.c.version_num)).scalar_one_or_none()


def migrate(connection: sa.Connection, to: str = "head") -> None:
    """Bring a database to a revision, within the transaction of `connection`.

    Raises:
        DatabaseError: A newer elastance wrote it.
    """
    try:
        from alembic import command
        from alembic.config import Config
        from alembic.script import ScriptDirectory
    except ImportError as error:
        raise MissingExtraError("bringing a database up to date", "tune") from error

    config = Config()
    with resources.as_file(resources.files("elastance.train.tuning") / "migrations") as steps:
        config.set_main_option("script_location", str(steps).replace("%", "%%"))
        config.attributes["connection"] = connection
        known = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
        there = _version_of(connection)
        if there is not None and there not in known:
            raise DatabaseError(
                f"the database is at version {there}, which a newer elastance made; this one knows versions up to"
                f" {known[0]}: update elastance"
            )
        command.upgrade(config, to)
