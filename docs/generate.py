"""Writes what the database says: the reference of the SQL interface, from its comments, docs/events, from the
registry of events, and docs/runbooks, from the runbooks' rows.

./run docs            write them; refused if a change would break a consumer of released events
./run docs --check    exit 1 if what is committed is not what the database says
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from docs import events, released, runbooks
from jobs.cluster import Cluster
from jobs.migrate import migrate

PAGE = Path(__file__).with_name("sql-interface.md")
ROOT = PAGE.parent.parent

_RELATIONS = """
    select c.relname as name, c.relkind in ('v', 'm') as is_view,
           obj_description(c.oid, 'pg_class') as comment,
           (select json_agg(json_build_object(
                       'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                       'required', a.attnotnull and not a.atthasdef and a.attidentity = '',
                       'comment', col_description(c.oid, a.attnum)) order by a.attnum)
              from pg_attribute as a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
      from pg_class as c
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
     order by c.relname
"""
_ROUTINES = """
    select p.proname as name, p.prokind = 'p' as is_procedure,
           pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
           obj_description(p.oid, 'pg_proc') as comment,
           (select string_agg(r.rolname, ', ' order by r.rolname)
              from aclexplode(p.proacl) as x join pg_roles as r on r.oid = x.grantee
             where x.grantee <> p.proowner) as roles
      from pg_proc as p
     where p.pronamespace = 'public'::regnamespace
     order by p.proname, arguments
"""
_ERRORS = "select code, message, hint from public.error_codes order by code"


def cell(text: str | None) -> str:
    """Text for a cell of a Markdown table."""
    return (text or "").replace("|", "\\|").replace("\n", " ")


def relation_section(relation: dict[str, Any]) -> list[str]:
    lines = [
        f"### `{relation['name']}`",
        "",
        relation["comment"],
        "",
        "| column | type | |",
        "| --- | --- | --- |",
    ]
    for column in relation["columns"]:
        needed = "required" if column["required"] and not relation["is_view"] else ""
        note = " ".join(part for part in (f"*{needed}*" if needed else "", column["comment"] or "") if part)
        lines.append(f"| `{column['name']}` | {column['type']} | {cell(note)} |")
    return [*lines, ""]


def routine_section(routine: dict[str, Any]) -> list[str]:
    call = f"{routine['name']}({routine['arguments']})"
    head = f"call {call}" if routine["is_procedure"] else f"{call} → {routine['result']}"
    lines = [f"### `{routine['name']}`", "", "```sql", head, "```", "", routine["comment"]]
    if routine["roles"]:
        lines += ["", f"Granted to: {routine['roles']}."]
    return [*lines, ""]


def page(connection: psycopg.Connection[dict[str, Any]]) -> str:
    relations = connection.execute(_RELATIONS).fetchall()
    routines = connection.execute(_ROUTINES).fetchall()
    lines = [
        "# The SQL interface",
        "",
        "Generated from the comments in the database by `./run docs`; edit those.",
        "",
    ]
    for title, chosen in (
        ("Views", [row for row in relations if row["is_view"]]),
        ("Tables", [row for row in relations if not row["is_view"]]),
    ):
        lines += [f"## {title}", ""]
        for relation in chosen:
            lines += relation_section(relation)
    for title, is_procedure in (("Procedures", True), ("Functions", False)):
        lines += [f"## {title}", ""]
        for routine in routines:
            if routine["is_procedure"] == is_procedure:
                lines += routine_section(routine)
    lines += ["## Errors", "", "| SQLSTATE | message | what to do |", "| --- | --- | --- |"]
    lines += [
        f"| `{row['code']}` | {cell(row['message'])} | {cell(row['hint'])} |"
        for row in connection.execute(_ERRORS)
    ]
    return "\n".join(lines) + "\n"


def promised() -> released.Promises:
    """What consumers were promised so far."""
    promises: released.Promises = json.loads(events.RELEASED.read_text("utf-8"))
    return promises


def generate(url: str) -> dict[Path, str]:
    """Every generated file, for a migrated database."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        registry = events.read(connection)
        return {
            PAGE: page(connection),
            **events.files(registry),
            **runbooks.files(connection),
            events.RELEASED: events.to_json(released.promises(registry)),
        }


def stale(files: Iterable[Path]) -> set[Path]:
    """What lies in the generated folders and is not generated any more."""
    return {*events.FOLDER.iterdir(), *runbooks.FOLDER.glob("*")} - set(files)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare only")
    arguments = parser.parse_args()
    with Cluster(in_memory=True) as cluster:
        url = cluster.create_database("docs")
        migrate(url)
        files = generate(url)
    problems = released.broken(promised(), json.loads(files[events.RELEASED]))
    if arguments.check:
        problems += [
            f"{path.relative_to(ROOT)} is not what the database says: run ./run docs"
            for path in {*files, *stale(files)}
            if path not in files or not path.exists() or path.read_text("utf-8") != files[path]
        ]
    if problems:
        sys.stderr.writelines(f"{problem}\n" for problem in sorted(problems))
        return 1
    if arguments.check:
        return 0
    for path in stale(files):
        path.unlink()
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    written = (path.relative_to(ROOT) for path in (PAGE, events.FOLDER, runbooks.FOLDER))
    sys.stdout.write(f"wrote {', '.join(map(str, written))}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
