"""pgTAP: every file below db/tests, through pg_prove, on a freshly migrated database.

The helper extensions live in a schema of their own, `tap`, so that the lints over public and internal see
nothing but the product; the database's search path has it, so that tests need not name it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg

from jobs.cluster import Cluster, Installation
from jobs.migrate import migrate
from tests.tools import has_extension, pgtap_script

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "leadguard_pgtap"


def prove() -> bool:
    """Run every file; tell whether all passed."""
    if not any((ROOT / "db" / "tests").rglob("*.sql")):
        print("no tests in db/tests")  # pg_prove would be content
        return False
    # A file that alters a table waits a second for its vacuum to give way; nothing here is worth vacuuming.
    with Cluster(in_memory=True, settings={"autovacuum_naptime": "1h"}) as cluster:
        print(f"PostgreSQL: {cluster.major} in {cluster.bin}", flush=True)
        url = cluster.create_database(DATABASE)
        migrate(url)
        files = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "db" / "tests").rglob("*.sql"))]
        if not _add_helpers(cluster, url):
            files.remove("db/tests/plpgsql_check.sql")
        command = ["pg_prove", "--psql-bin", str(cluster.psql), *files]
        environment = {**os.environ, **cluster.environment, "PGDATABASE": DATABASE}
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def _add_helpers(cluster: Cluster, url: str) -> bool:
    """Installs pgTAP, and plpgsql_check where the server has it: whether it has."""
    installation = Installation(cluster.bin, cluster.major, cluster.embedded)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create schema tap")
        connection.execute("grant usage on schema tap to public")
        connection.execute("alter default privileges in schema tap grant execute on functions to public")
        connection.execute(f'alter database "{DATABASE}" set search_path = public, tap')
        if has_extension("pgtap", installation):
            connection.execute("create extension pgtap schema tap")
        else:
            _run_script(cluster, url)
        if has_extension("plpgsql_check", installation):
            connection.execute("create extension plpgsql_check schema tap")
            return True
        print("left out: plpgsql_check, which this PostgreSQL does not have", flush=True)
        return False


def _run_script(cluster: Cluster, url: str) -> None:
    script = pgtap_script()
    assert script is not None, "tests.tools has provided it"
    options = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--output", os.devnull]
    environment = {**os.environ, "PGOPTIONS": "-c search_path=tap -c client_min_messages=warning"}
    subprocess.run([cluster.psql, *options, "--file", script, url], env=environment, check=True)
