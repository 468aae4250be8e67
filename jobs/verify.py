"""`leadguard verify`: the stored rows against their recomputation from the facts."""

from collections.abc import Iterator
from typing import Any

import click
from rich.text import Text

from jobs.console import ID, App, common_options, pass_app, printable, progress, stdout
from jobs.console import to_json as as_json
from jobs.database import Connection
from jobs.exits import Exit
from jobs.lead import read_lead
from jobs.tables import Table

# By id, so that a batch costs the same at the start and at the end.
_BATCH = """
    select l.id,
           (select json_agg(d) from public.verify_lead_protection(l.id) as d) as differences
      from (select id from public.leads where id > %(after)s order by id limit %(batch)s) as l
     order by l.id
"""
# Nearly right is enough for a progress bar, and counting costs as much as a batch.
_ESTIMATE = "select reltuples::bigint as leads from pg_class where oid = 'public.leads'::regclass"
_ONE = "select * from public.verify_lead_protection(%s)"
_LOWEST = -(2**63)
_FIGURES = "select figure, label, counted, recounted from public.verify_figures()"


def verify_all(connection: Connection, batch: int) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Checks every lead; yields how many a batch had, and the differences found in it."""
    after = _LOWEST
    while True:
        # A transaction each: what is written meanwhile is judged as it then stands.
        rows = connection.execute(_BATCH, {"after": after, "batch": batch}).fetchall()
        if not rows:
            return
        yield len(rows), [difference for row in rows for difference in row["differences"] or ()]
        after = rows[-1]["id"]


def verify_figures(connection: Connection) -> list[dict[str, Any]]:
    """The figures that are not what their facts come to."""
    return connection.execute(_FIGURES).fetchall()


def _figures_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("Figure", "Label", "Counted", "From the facts")
    for row in rows:
        told = [Text(printable("–" if row[name] is None else str(row[name]))) for name in row]
        table.add_row(*told)
    return table


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("Lead", "What differs", "Stored", "From the facts")
    for row in rows:
        told = [Text(printable(row[name] or "–")) for name in ("difference", "stored", "computed")]
        table.add_row(str(row["lead_id"]), *told)
    return table


@click.command("verify")
@click.argument("lead", type=ID, required=False)
@click.option(
    "--batch", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Leads in one query."
)
@common_options
@pass_app
def command(app: App, lead: int | None, batch: int) -> None:
    """Compare what is stored of LEAD, or of all leads and in the figures, with what the facts come to.

    Only reads. A difference is a defect: report it with what is printed.

    \b
    JSON: {"leads": how many were checked, "differences": [{"lead_id", "difference", "stored",
    "computed"}], "figures": [{"figure", "label", "counted", "recounted"}], "count": of all differences}

    \b
    Exit codes: 0 all is right, 1 the database refused (LP001 unknown lead), 3 unreachable,
    8 there are differences.

    \b
    Examples:
      leadguard verify
      leadguard verify 4711 --json
    """
    found: list[dict[str, Any]] = []
    figures: list[dict[str, Any]] = []
    checked = 0
    with app.database.session("leadguard verify") as connection:
        if lead is not None:
            read_lead(connection, lead)
            found, checked = connection.execute(_ONE, [lead]).fetchall(), 1
        else:
            estimate = connection.execute(_ESTIMATE).fetchone()
            total = estimate["leads"] if estimate and estimate["leads"] > 0 else None
            with progress("verify", total, app.json) as advance:
                for count, differences in verify_all(connection, batch):
                    checked += count
                    found += differences
                    advance(count)
            figures = verify_figures(connection)
    if app.json:
        count = len(found) + len(figures)
        told = {"leads": checked, "differences": found, "figures": figures, "count": count}
        click.echo(as_json(told))
    else:
        if found:
            stdout().print(_table(found))
        if figures:
            stdout().print(_figures_table(figures))
        leads = len({row["lead_id"] for row in found})
        click.echo(f"verified {checked} leads: " + (f"{leads} differ" if found else "all is right"))
        if figures:
            click.echo(f"{len(figures)} figures differ")
    if found or figures:
        raise click.exceptions.Exit(Exit.NOT_RIGHT)
