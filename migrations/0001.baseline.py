"""The shape of the database: every file of db/schema, in name order.

The files say `create ... if not exists` throughout, so loading them on a database that has them
already changes nothing, and a run that was killed half-way is simply run again.
"""

import re
from typing import Any

import psycopg
from psycopg import sql
from yoyo import step

from jobs.paths import FUNCTIONS, SCHEMA, VIEWS
from jobs.sqlfiles import load, sql_files

# What a file of db/ creates, by the one way in which they are written.
_CREATES = re.compile(
    r"^\s*create\s+(?:or\s+replace\s+)?(?P<kind>table|type|domain|sequence|view|function|procedure)\s+"
    r"(?:if\s+not\s+exists\s+)?(?P<schema>public|internal)\.(?P<name>\w+)",
    re.IGNORECASE | re.MULTILINE,
)

# Internal objects are found in the catalogue rather than in the files: all of the schema is ours,
# also what a release has since renamed. yoyo's own tables stay, it is using them.
_INTERNAL_RELATIONS = """
    select c.oid::regclass::text as name, case c.relkind when 'v' then 'view' else 'table' end as kind
      from pg_class as c
     where c.relnamespace = 'internal'::regnamespace
       and c.relkind in ('r', 'p', 'v')
       and c.relname !~ '^(_yoyo|yoyo)_'
"""
_ROUTINES = """
    select p.oid::regprocedure::text as signature
      from pg_proc as p
     where (p.pronamespace = 'internal'::regnamespace
            or p.pronamespace = 'public'::regnamespace and p.proname = any(%s))
       and not exists (
           select from pg_depend as d
            where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
"""


def create_shape(connection: psycopg.Connection[Any]) -> None:
    load(connection, SCHEMA)


def drop_everything(connection: psycopg.Connection[Any]) -> None:
    """Drops our objects in public by name, and all of internal but yoyo's tables.

    Roles belong to the cluster and stay; rights that were taken from PUBLIC are not given back.
    """
    found: dict[str, set[str]] = {}
    for folder in (SCHEMA, FUNCTIONS, VIEWS):
        for path in sql_files(folder):
            for match in _CREATES.finditer(path.read_text("utf-8")):
                if match["schema"].lower() == "public":
                    found.setdefault(match["kind"].lower(), set()).add(match["name"])

    # One by one and `if exists`: a cascade may have taken the next one along.
    for kind in ("view", "table", "type", "domain", "sequence"):
        for name in sorted(found.get(kind, ())):
            _drop(connection, kind, sql.Identifier("public", name))
    internal = connection.execute(_INTERNAL_RELATIONS).fetchall()
    for name, kind in sorted(internal):
        _drop(connection, kind, sql.SQL(name))
    routines = sorted(found.get("function", set()) | found.get("procedure", set()))
    for (signature,) in connection.execute(_ROUTINES, [routines]).fetchall():
        _drop(connection, "routine", sql.SQL(signature))
    types = connection.execute(
        "select t.oid::regtype::text from pg_type as t left join pg_class as c on c.oid = t.typrelid"
        " where t.typnamespace = 'internal'::regnamespace and t.typelem = 0"
        " and (t.typtype in ('d', 'e', 'r') or c.relkind = 'c')"
    ).fetchall()
    for (name,) in types:
        _drop(connection, "type", sql.SQL(name))


def _drop(connection: psycopg.Connection[Any], kind: str, name: sql.Composable) -> None:
    connection.execute(sql.SQL("drop {} if exists {} cascade").format(sql.SQL(kind), name))


step(create_shape, drop_everything)
