"""What the functions that measure go-live return has a name: each had its seven columns written out.

A function's result is not changed in place: those of before go; migrate makes today's, and the view on them.
"""

from typing import Any

import psycopg
from yoyo import step

from jobs.paths import SCHEMA

_DROP = """
    do $$
    declare
        v_function regprocedure;
    begin
        for v_function in
            select p.oid
              from pg_proc as p
             where p.pronamespace = 'internal'::regnamespace and p.proname ~ '^measure_'
               and p.prorettype <> coalesce(to_regtype('internal.go_live_measurement'), 0)
        loop
            execute format('drop function %s cascade', v_function);
        end loop;
    end
    $$
"""


def add(connection: psycopg.Connection[Any]) -> None:
    connection.execute((SCHEMA / "170_types.sql").read_bytes())
    connection.execute(_DROP)


def remove(connection: psycopg.Connection[Any]) -> None:
    connection.execute("drop type if exists internal.go_live_measurement cascade")


step(add, remove)
