"""The last step of a deployment: what would not be ready is taken back before anybody has seen it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from jobs.database import Connection
from jobs.errors import LeadguardError
from jobs.exits import Exit

Finding = dict[str, Any]

_FAULTS = "select what, evidence from internal.inspect_deployment() where status = 'FAIL'"
_ALTERED = """
    select exists (
        select from internal.inspect_shape() as s
         where s.status = 'FAIL' and s.what in ('functions', 'views', 'triggers', 'triggers enabled')
    ) as it
"""
# By what the server itself calls when a function is created.
_VALIDATED = """
    select p.oid::regprocedure::text as signature,
           case l.lanname
               when 'plpgsql' then plpgsql_validator(p.oid)::text
               else fmgr_sql_validator(p.oid)::text
           end
      from pg_proc as p
      join pg_language as l on l.oid = p.prolang
     where p.pronamespace in ('public'::regnamespace, 'internal'::regnamespace)
       and p.proname = any(%s) and l.lanname in ('plpgsql', 'sql')
     order by p.oid
"""
# Asked before the first change.
_ALTERED_BEFORE = """
    select c.*
      from internal.compare_shape() as c
     where c.recorded is distinct from c.found
       and exists (
           select from internal.recorded_shape as r
            where r.kind = 'ORIGIN' and r.name = internal.shape_origin()
       )
"""
# Those who write leads may always: where they may not, a dump was restored without its rights.
_RIGHTS_LOST = """
    select not exists (
               select from pg_class as c
                cross join lateral aclexplode(c.relacl) as x
                where c.oid = l.leads and x.grantee = to_regrole('module02_writer')
           ) as it
      from (select to_regclass('public.leads') as leads) as l
     where l.leads is not null
"""
_SHAPE = "select * from internal.inspect_shape() as s where s.status in ('WARN', 'FAIL')"
_STORED_ROWS = "stored rows"

_altered: ContextVar[tuple[Finding, ...]] = ContextVar("altered", default=())
_excused: ContextVar[frozenset[str]] = ContextVar("excused", default=frozenset())


class NotReady(LeadguardError):
    """What a release was taken back for."""

    def __init__(self, faults: list[Finding]) -> None:
        super().__init__(
            "this release would not be ready here: "
            + "; ".join(f"{fault['what']}: {fault['evidence']}" for fault in faults),
            "None of its functions and views became visible, those of before go on. Report what is printed.",
            Exit.NOT_RIGHT,
        )
        self.faults = faults


def validate(connection: psycopg.Connection[Any], functions: Iterable[str]) -> None:
    """Refuses a function whose body does not fit tables and functions, now that all of them are there."""
    connection.execute("set local check_function_bodies = on")
    # The path that all of ours are written for.
    connection.execute("set local search_path = pg_catalog, pg_temp")
    names = list(functions)
    try:
        with connection.transaction():
            connection.execute(_VALIDATED, [names])
    except psycopg.Error as error:
        error.add_note(f"in {_unfit(connection, names)}")
        raise


def _unfit(connection: psycopg.Connection[Any], names: list[str]) -> str:
    """The first of the functions that is refused; the server tells what of it, but not which it was."""
    for name in names:
        try:
            with connection.transaction():
                connection.execute(_VALIDATED, [[name]])
        except psycopg.Error:
            return name
    return "one of the functions"


def require_readiness(connection: psycopg.Connection[Any]) -> None:
    """Raises NotReady for what the database, as it now stands in this transaction, does wrong."""
    faults = connection.cursor(row_factory=dict_row).execute(_FAULTS).fetchall()
    if blamed := [fault for fault in faults if fault["what"] not in _excused.get()]:
        raise NotReady(blamed)


@contextmanager
def excusing(whats: Iterable[str]) -> Iterator[None]:
    """Within it these findings are not held against the release."""
    token = _excused.set(frozenset(whats))
    try:
        yield
    finally:
        _excused.reset(token)


def faults_of_before(connection: Connection, faults: list[Finding]) -> set[str]:
    """Which of `faults` the release is not to blame for, asked of the functions that it did not replace.

    What was wrong in the same way before is not its doing: somebody's constraint on our table stops no
    upgrade. And what is stored is its doing only where it came from functions that nobody had altered; else
    a release could never put right what a hand has broken.
    """
    names = {fault["what"] for fault in faults}
    try:
        with connection.transaction():
            connection.execute("set local lock_timeout = '5s'")
            before = connection.execute(_FAULTS).fetchall()
            altered = connection.execute(_ALTERED).fetchone()
    except psycopg.Error:
        return names & {_STORED_ROWS}
    if (altered and altered["it"]) or any(fault["what"] == _STORED_ROWS for fault in before):
        return names & ({fault["what"] for fault in faults if fault in before} | {_STORED_ROWS})
    return {fault["what"] for fault in faults if fault in before}


def rights_are_lost(connection: psycopg.Connection[Any]) -> bool:
    """Whether the roles have no rights on the tables, as after a restore to a server that lacks the roles."""
    row = connection.cursor(row_factory=dict_row).execute(_RIGHTS_LOST).fetchone()
    return bool(row and row["it"])


def find_altered(connection: Connection) -> list[Finding]:
    """What a hand has altered since the last migrate: kind, name, its fingerprint then and now."""
    return _if_there(connection, _ALTERED_BEFORE)


def shape_findings(connection: Connection) -> list[Finding]:
    """What is not as the last migrate that came to its end has left it."""
    return _if_there(connection, _SHAPE)


def _if_there(connection: Connection, question: LiteralString) -> list[Finding]:
    try:
        with connection.transaction():
            return connection.execute(question).fetchall()
    except psycopg.OperationalError:
        raise
    except psycopg.Error:
        return []  # a new database, one of before there was such a function, or a broken one


@contextmanager
def remembering(altered: list[Finding]) -> Iterator[None]:
    """Within it these alterations do not become what is right."""
    token = _altered.set(tuple(altered))
    try:
        yield
    finally:
        _altered.reset(token)


def altered_before() -> list[Finding]:
    """What had been altered by hand before the migrate that runs."""
    return list(_altered.get())
