"""Databases that are new, old, newer, or none at all."""

import json
import multiprocessing

import pytest

pytest.importorskip("sqlalchemy", reason="needs the extra tune")
pytest.importorskip("alembic", reason="needs the extra tune")

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from elastance.errors import DatabaseError, InputError, MissingExtraError
from elastance.train.tuning import database as module
from elastance.train.tuning.database import Database, migrate
from elastance.train.tuning.job import state_of
from elastance.train.tuning.results import Status
from elastance.train.tuning.schema import HEAD, VERSION_TABLE, metadata
from elastance.train.tuning.store import TuningStore
from made_up_tuning import a_job, made, open_database

FIRST = """
INSERT INTO elastance_jobs (name, job, state, trials, least_cost_j) VALUES ('nightly', '{job}', '{state}', 2, 10.5);
INSERT INTO elastance_runs (id, job, trial, status, batch_size, owner, heartbeat_s, began_s, ended_s, energy_j,
  time_s, cost_j, epochs, exit_status, source) VALUES
  ('a', 'nightly', 0, 'reached', 128, '["here"]', 1.0, 1.0, 2.0, 21.0, 0.5, 10.5, 3, 0, 'model'),
  ('b', 'nightly', 1, 'missed', 64, '["here"]', 3.0, 3.0, 4.0, 5.0, 0.1, 4.0, 1, 0, 'model');
"""


def an_empty_database(url: str) -> Database:
    """One whose tables are not made yet."""
    database = Database.__new__(Database)
    database._engine, database._name = module._engine_for(url)
    return database


def test_a_database_of_the_first_revision_is_brought_up_to_date(url: str) -> None:
    job = a_job()
    policies = job.policies()
    for _ in range(2):
        policies.batch_size.choose_batch_size()
    old = an_empty_database(url)
    with old.transaction() as connection:
        migrate(connection, "0001")
        statements = FIRST.format(job=json.dumps(job.to_json()), state=json.dumps(state_of(policies)))
        for statement in filter(str.strip, statements.split(";\n")):
            connection.exec_driver_sql(statement)
    old.close()
    store = TuningStore(url)
    first, second = store.history("nightly")
    assert [first["number"], first["recurrence"], first["trial"]] == [0, 0, 0]
    assert [second["number"], second["recurrence"], second["trial"]] == [1, 1, 1]
    assert (first["recurrence_cost_j"], second["recurrence_cost_j"]) == (10.5, None)
    assert (first["energy_j"], second["status"]) == (21.0, "missed")
    # The job goes on where it stood: the threshold is beta times the least cost, the numbers continue.
    run = store.dispatch("nightly")
    assert (run.number, run.recurrence, run.trial, run.threshold_j) == (2, 2, 2, 21.0)
    assert store.report(run.id, made(run.batch_size))
    store.close()


def test_the_migrations_end_at_the_tables_of_the_program(url: str) -> None:
    database = Database(url)
    with database.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert context.get_current_revision() == HEAD
        differences = [
            difference
            for difference in compare_metadata(context, metadata)
            if not (isinstance(difference, tuple) and "comment" in difference[0])
            and not isinstance(difference, list)
        ]
        assert differences == []
    database.close()


def test_a_current_database_is_opened_without_alembic(sqlite: str, monkeypatch) -> None:
    Database(sqlite).close()
    monkeypatch.setattr(module, "migrate", lambda *_: pytest.fail("migrated again"))
    Database(sqlite).close()


def test_a_newer_database_is_refused(sqlite: str) -> None:
    database = Database(sqlite)
    with database.transaction() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    database.close()
    with pytest.raises(
        DatabaseError, match=r"version 0999, which a newer elastance made.*up to 0002"
    ) as refused:
        Database(sqlite)
    assert "\n" not in str(refused.value)


def test_a_failed_migration_leaves_the_database_as_it_was(sqlite: str, monkeypatch) -> None:
    old = an_empty_database(sqlite)
    with old.transaction() as connection:
        migrate(connection, "0001")

    def fail(*_: object) -> None:
        raise sa.exc.OperationalError("", {}, Exception("disk full"))

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(DatabaseError, match="disk full"):
        Database(sqlite)
    with old.transaction() as connection:
        assert module._version_of(connection) == "0001"
        assert "least_cost_j" in {
            column["name"] for column in sa.inspect(connection).get_columns("elastance_jobs")
        }
    old.close()


@pytest.mark.slow
def test_several_processes_may_open_a_new_database_at_once(url: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    processes = [spawning.Process(target=open_database, args=(url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0


@pytest.mark.parametrize(("url", "said"), [
    ("tune.sqlite", "is no URL: expected sqlite:///FILE or postgresql://"),
    ("mysql://somebody@here/db", "expected sqlite:///FILE or postgresql://"),
    ("sqlite://", "in memory"),
    ("sqlite:///:memory:", "in memory"),
    ("sqlite:////proc/nowhere/tune.sqlite", "its directory cannot be made"),
])  # fmt: skip
def test_a_url_that_names_no_database(url: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Database(url)


def test_a_password_is_not_shown() -> None:
    with pytest.raises(InputError) as refused:
        Database("mysql://somebody:secret@here/db")
    assert "secret" not in str(refused.value)


def test_a_file_that_is_no_database(tmp_path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(DatabaseError, match="file is not a database"):
        Database(f"sqlite:///{file}")


def test_a_database_that_may_only_be_read(sqlite: str, tmp_path) -> None:
    store = TuningStore(sqlite)
    store.create(a_job())
    store.close()
    # Root may write every file, so SQLite is told; its error is the same.
    with pytest.raises(DatabaseError, match="readonly"):
        TuningStore(f"sqlite:///file:{tmp_path}/tune.sqlite?mode=ro&uri=true").dispatch("nightly")


def test_a_server_that_is_not_there() -> None:
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    with pytest.raises(DatabaseError, match="cannot be used: connection") as refused:
        Database("postgresql://somebody:secret@localhost:1/db")
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_without_the_driver_of_postgresql(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'elastance\[postgres\]'"):
        Database("postgresql://somebody@localhost:1/db")


def test_a_transaction_that_raises_changes_nothing(url: str) -> None:
    store = TuningStore(url)
    store.create(a_job())

    def delete_and_fail() -> None:
        with store._database.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM elastance_jobs")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        delete_and_fail()
    assert store.names() == ["nightly"]
    run = store.dispatch("nightly")
    assert store.history("nightly")[0]["status"] == Status.RUNNING
    store.report(run.id, made(run.batch_size))
    store.close()
