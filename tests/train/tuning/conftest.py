"""Databases for tests: an SQLite file, and a PostgreSQL server of Debian's packages."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres():
    """URL of a server that lives for these tests."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    root = Path(tempfile.mkdtemp(prefix="pg"))  # short: the path of a socket may have 100 characters
    as_user = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(root, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    initdb, control = found[-1], found[-1].with_name("pg_ctl")
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*as_user, initdb, "-D", root / "data", "-U", "tester", "-A", "trust", "-N"], **quiet)
    options = f"-k {root} -c listen_addresses='' -c fsync=off"
    control = [*as_user, control, "-D", root / "data"]
    subprocess.run([*control, "-o", options, "-l", root / "log", "-w", "start"], **quiet)
    yield f"postgresql://tester@/postgres?host={root}"
    subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(root)


@pytest.fixture
def sqlite(tmp_path):
    return f"sqlite:///{tmp_path}/tune.sqlite"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request):
    """One database after the other; empty, whatever was in it."""
    where = request.getfixturevalue(request.param)
    if request.param == "postgres":
        import psycopg

        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return where
