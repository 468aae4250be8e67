"""The tables to compare with: the same columns, keys, foreign keys, checks and indexes, no triggers."""

from __future__ import annotations

from bench.load import without_indexes
from jobs.database import Connection

TABLES = ("activity_types", "leads", "lead_activities")

# Foreign keys among the copied tables, with their targets' copies in the place of the targets.
_FOREIGN_KEYS = """
    select format('alter table bare.%%I add constraint %%I %%s', c.relname, k.conname,
                  replace(pg_get_constraintdef(k.oid), 'REFERENCES ' || k.confrelid::regclass,
                          format('REFERENCES bare.%%I', t.relname))) as statement,
           t.relname = any (%(tables)s) as is_copied
      from pg_constraint as k
      join pg_class as c on c.oid = k.conrelid
      join pg_class as t on t.oid = k.confrelid
     where k.contype = 'f' and c.relnamespace = 'public'::regnamespace and c.relname = any (%(tables)s)
"""

# What must be equal in a table and its copy, so that a comparison counts.
_SHAPE = """
    select array[
        (select count(*) from pg_index as i where i.indrelid = r.oid),
        (select count(*) from pg_constraint as k where k.conrelid = r.oid and k.contype <> 't'),
        (select count(*) from pg_attribute as a where a.attrelid = r.oid and a.attnum > 0 and a.attnotnull)
    ] as shape
      from (select %s::regclass as oid) as r
"""


def copy_tables(connection: Connection) -> None:
    """Makes bare.leads, bare.lead_activities and what they refer to, with the rows of their models."""
    connection.execute("create schema bare")
    for table in TABLES:
        connection.execute(f"create table bare.{table} (like public.{table} including all)")
        with without_indexes(connection, (f"bare.{table}",)):
            connection.execute(f"insert into bare.{table} overriding system value table public.{table}")
    for key in connection.execute(_FOREIGN_KEYS, {"tables": list(TABLES)}).fetchall():
        assert key["is_copied"], f"refers to a table without a copy: {key['statement']}"
        connection.execute(key["statement"])
    for table in TABLES[1:]:
        sequence = f"pg_get_serial_sequence('bare.{table}', 'id')"
        query = f"select setval({sequence}, max(id)) from bare.{table}"  # noqa: S608  # names of ours
        connection.execute(query)
    for table in TABLES:
        shapes = [
            connection.execute(_SHAPE, [f"{schema}.{table}"]).fetchone() for schema in ("public", "bare")
        ]
        assert shapes[0] == shapes[1], f"bare.{table} differs from its model: {shapes}"


def copy_view(connection: Connection) -> None:
    """Makes bare.protection: the rows of the view as a table, with its keys."""
    connection.execute("create table bare.protection as table public.v_user_lead_protection")
    connection.execute("alter table bare.protection add primary key (id)")
    connection.execute("create index on bare.protection (user_id)")
