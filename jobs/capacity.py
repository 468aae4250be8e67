"""`leadguard capacity`: what a season will need, by Little's law."""

from decimal import Decimal
from typing import Any

import click

from jobs.console import AboveZero, App, Command, common_options, pass_app, stdout
from jobs.console import to_json as as_json
from jobs.tables import Table

_RECOMMENDATION = """
    select component, arrival_rate, service_seconds, concurrency, slots, target_utilisation,
           recommended, unit, estimated_cost_eur, formula
      from public.capacity_recommendation(
               baseline_rps => %(baseline)s::double precision,
               p95_service_seconds => %(service_time)s::double precision,
               season => %(season)s::text,
               load_multiplier => %(multiplier)s::double precision,
               slots_per_instance => %(slots)s::double precision,
               instance_rps => %(instance_rps)s::double precision,
               app_utilisation => %(utilisation)s::double precision,
               worker_utilisation => %(worker_utilisation)s::double precision,
               database_utilisation => %(database_utilisation)s::double precision,
               jobs_per_request => %(jobs)s::double precision,
               job_seconds => %(job_time)s::double precision,
               database_seconds => %(database_time)s::double precision,
               connection_reserve => %(reserve)s::double precision,
               hours => %(hours)s::double precision
           )
"""


_FIGURES = (
    ("service-time", "SECONDS", "How long a request takes, 95th percentile."),
    ("multiplier", "FACTOR", "Load against the baseline; default: the season's."),
    ("slots", "REQUESTS", "Requests that an instance handles at once; default: 1."),
    ("instance-rps", "REQUESTS", "Requests a second that an instance sustains (in place of --slots)."),
    ("utilisation", "SHARE", "How full instances may be; default: the season's."),
    ("worker-utilisation", "SHARE", "The same of the workers."),
    ("database-utilisation", "SHARE", "The same of database connections."),
    ("jobs", "JOBS", "Jobs that a request leaves to the workers; default: 1."),
    ("job-time", "SECONDS", "How long one takes; default: --service-time."),
    ("database-time", "SECONDS", "How long a request holds a connection; default: all along."),
    ("reserve", "SHARE", "Reserve of connections, 0.10 to 0.15; default: 0.15."),
    ("hours", "HOURS", "What is paid for; default: the whole season."),
)


def _figures(command: Command) -> Command:
    for name, metavar, what in reversed(_FIGURES):
        command = click.option(f"--{name}", type=AboveZero(), metavar=metavar, help=what)(command)
    return command


@click.command("capacity")
@click.option(
    "--baseline",
    type=AboveZero(),
    required=True,
    metavar="REQUESTS",
    help="Requests a second measured on an ordinary day.",
)
@click.option("--season", metavar="SEASON", help="A name; default: the one that runs or comes next.")
@_figures
@common_options
@pass_app
def command(app: App, /, **given: Any) -> None:
    """Say how many instances, workers and connections a season needs, and what they cost.

    Little's law: λ·m requests a second that take W seconds each are L = λ·m·W at once; an instance takes so
    many at once as it has slots, and is to be full to its target utilisation. Seasons stand in the table
    seasons, prices in settings (instance_eur_per_hour, worker_eur_per_hour).

    \b
    Exit codes: 0 done, 1 the database refused (LP036 figure, LP037 season), 2 wrong usage, 3 unreachable.

    \b
    Examples:
      leadguard capacity --baseline 50 --service-time 0.12 --slots 8
      leadguard capacity --baseline 50 --season Weihnachten --instance-rps 20 --utilisation 0.6
      leadguard capacity --baseline 50 --service-time 0.12 --season Spargel --json
    """
    if given["service_time"] is None and given["instance_rps"] is None:
        raise click.UsageError("Give --service-time, or --instance-rps.")
    if given["slots"] is not None and given["instance_rps"] is not None:
        raise click.UsageError("Give --slots or --instance-rps, not both.")
    with app.database.session("leadguard capacity") as connection:
        rows = connection.execute(_RECOMMENDATION, given).fetchall()
    if app.json:
        click.echo(as_json({"capacity": rows}))
        return
    stdout().print(_table(rows))
    for row in rows:
        click.echo(f"{row['component']}: {row['formula']}")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table()
    for heading in ("For", "Rate/s", "Seconds", "At once", "Full to", "Needed", "EUR"):
        table.add_column(heading, justify="left" if heading in ("For", "Needed") else "right")
    for row in rows:
        needed = row["arrival_rate"] if row["component"] == "load" else row["recommended"]
        table.add_row(
            row["component"],
            _plain(row["arrival_rate"]),
            _plain(row["service_seconds"]),
            _plain(row["concurrency"]),
            _plain(row["target_utilisation"]),
            f"{_plain(needed)} {row['unit']}" if needed is not None else "",
            _plain(row["estimated_cost_eur"]),
        )
    return table


def _plain(number: Decimal | int | None) -> str:
    return "" if number is None else f"{Decimal(number).quantize(Decimal('0.0001')).normalize():f}"
