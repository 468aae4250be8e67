"""`leadguard run`: every worker in one process, until it is told to stop.

A thread and a connection for each worker: one that waits (for a lock, for a sink that hangs, for a server
that does not answer) holds up none of the others, and PostgreSQL does the work anyway.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from jobs import __version__, logs
from jobs.breaches import budget_breaches, catering_breaches
from jobs.console import App, Command, common_options, pass_app, seconds_option
from jobs.daemon import Daemon
from jobs.database import Connection, Database
from jobs.exits import Exit
from jobs.expire import EXPIRE
from jobs.health import HealthServer
from jobs.mail import smtp_option
from jobs.mailer import Mailer, mail_server
from jobs.maintain import maintain
from jobs.publish import Doubts, Publisher, events_option, new_holder, sink_option, wait_for_events
from jobs.refresh import refresh
from jobs.remind import DISPATCH
from jobs.serving import address_option
from jobs.sinks import Sink, SinkFailed, open_sink
from jobs.smtp import MailServer
from jobs.sweep import LEFT_TO, MOST, batches, due_leads, left_over
from jobs.worker import Done, Job, Worker

# --- the jobs ---------------------------------------------------------------------------------------------


def remind(limit: int) -> Any:
    """A pass that queues what is due, batch by batch."""

    def work(connection: Connection, worker: Worker) -> Done:
        return _sweep(connection, worker, "queued", DISPATCH, limit)

    return work


def expire(limit: int) -> Any:
    """A pass that records what has run out, batch by batch."""

    def work(connection: Connection, worker: Worker) -> Done:
        return _sweep(connection, worker, "recorded", EXPIRE, limit)

    return work


def _sweep(connection: Connection, worker: Worker, did: str, query: Any, limit: int) -> Done:
    handled = 0
    for batch in batches(connection, query, limit):
        handled += len(batch)
        worker.progressed()
        if worker.is_stopping():
            break
    if handled >= MOST and (left := due_leads(connection)[LEFT_TO[worker.job.name]]):
        logs.logger(worker.job.name).info(
            "%s %d%s", did, handled, left_over(left), extra={did: handled, "left": left}
        )
    return {did: handled}


def breaches(limit: int) -> Any:
    """A pass that records what time has broken, batch by batch."""

    def work(connection: Connection, worker: Worker) -> Done:
        late = 0
        for batch in catering_breaches(connection, limit):
            late += len(batch)
            worker.progressed()
            if worker.is_stopping():
                return {"catering": late, "budget": 0}
        return {"catering": late, "budget": len(budget_breaches(connection))}

    return work


def upkeep(connection: Connection, _worker: Worker) -> Done:
    """A pass of `leadguard maintain`."""
    did = maintain(connection)
    return {
        "partitions_made": did.partitions_made,
        "partitions_dropped": len(did.partitions_dropped),
        "inbox_ids_purged": did.inbox_ids_purged,
        "inbox_dead_letters_purged": did.inbox_dead_letters_purged,
        "budget_breaches_purged": did.budget_breaches_purged,
        "job_runs_purged": did.job_runs_purged,
        "mail_purged": did.mail_purged,
        "milestones_planned": did.milestones_planned,
    }


def mail(server: MailServer) -> Any:
    """A pass that sends the reminder mail that waits."""

    def work(connection: Connection, worker: Worker) -> Done:
        mailer = Mailer(connection, server, is_stopping=worker.is_stopping, progressed=worker.progressed)
        return mailer.run().counts()

    return work


def count(connection: Connection, _worker: Worker) -> Done:
    """A pass of `leadguard refresh`, which is the same however much there was to count."""
    refresh(connection)
    return {}


class Outlet:
    """Publishes pass after pass, to a sink that is opened anew after it has failed.

    One name for all of them: what this process had leased when its connection was lost, it may take up
    again at once.
    """

    def __init__(self, url: str, database: Database, limit: int, sink: Sink | None = None) -> None:
        self._url = url
        self._database = database
        self._limit = limit
        self._holder = new_holder()
        self._doubts = Doubts()
        self._sink = sink
        self._publisher: Publisher | None = None
        self._connection: Connection | None = None

    def check(self) -> None:
        """Refuses a URL that no sink understands; one that fails today may work tomorrow."""
        try:
            self._sink = open_sink(self._url, self._database)
        except SinkFailed:
            pass  # the first pass tries again, and tells

    def work(self, connection: Connection, worker: Worker) -> Done:
        """A pass that drains the outbox."""
        try:
            result = self._prepared(connection, worker).drain()
        except SinkFailed:
            self.close()
            raise
        done = {"sent": result.sent, "acknowledged": result.acknowledged}
        if result.refused:
            done |= {"refused": result.refused, "dead_lettered": result.dead_lettered}
        return done

    def _prepared(self, connection: Connection, worker: Worker) -> Publisher:
        if self._sink is None:
            self._sink = open_sink(self._url, self._database)
            self._publisher = None
        if self._publisher is None or self._connection is not connection:
            self._publisher = Publisher(
                connection,
                self._sink,
                self._limit,
                self._holder,
                worker.is_stopping,
                worker.progressed,
                self._doubts,
            )
            self._connection = connection
        return self._publisher

    def close(self) -> None:
        """Lets go of the sink."""
        if self._sink is not None:
            self._sink.close()
        self._sink = self._publisher = None


# --- the command ------------------------------------------------------------------------------------------


def _every(name: str, default: float, what: str) -> Callable[[Command], Command]:
    return seconds_option(f"{name}-every", 0.1, 86_400, default, what)


@click.command("run")
@sink_option("Where events go, as with `leadguard publish`")
@smtp_option("The mail server for reminders, as with `leadguard mail` (also {variable}); default: none.")
@_every("remind", 30, "Pause between two looks for due reminders.")
@_every("expire", 30, "Pause between two looks for protections that have run out.")
@_every("publish", 5, "Longest pause between two looks at the outbox; news ends it at once.")
@_every("breaches", 60, "Pause between two looks for unanswered requests and budgets.")
@_every("maintain", 60, "Pause between two rounds of upkeep.")
@_every("mail", 15, "Pause between two looks for reminder mail.")
@_every("refresh", 60, "Pause between two counts of the figures.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=500,
    show_default=True,
    help="Leads in one transaction.",
)
@events_option("--events")
@address_option(
    "health",
    "LEADGUARD_HEALTH",
    "Answer GET /healthz and /readyz there (also {variable}); default: do not.",
)
@seconds_option(
    "grace", 0, 3600, 20, "When told to stop, how long a batch in hand may take before it is rolled back."
)
@common_options
@pass_app
def command(
    app: App,
    sink_url: str,
    smtp_url: str | None,
    remind_every: float,
    expire_every: float,
    publish_every: float,
    breaches_every: float,
    maintain_every: float,
    mail_every: float,
    refresh_every: float,
    limit: int,
    events: int,
    health: tuple[str, int] | None,
    grace: float,
) -> int:
    """Run all workers in one process: remind, expire, publish, breaches, maintain, refresh; mail with --smtp.

    It ends by SIGTERM or Ctrl-C.

    Each has its own thread and connection: what fails in one (a sink, a lock, the network) is tried
    again after a pause that grows to half a minute, and stops none of the others. Any number of these
    processes may run at once, also beside cron.

    job_runs gets a row when a worker begins, fails, works again and ends; in between at most one a
    minute that sums up what was done, and one in five minutes when nothing was to do.

    /healthz says whether every loop turns, /readyz whether the database answers and each worker has
    had a success within three of its pauses and half a minute; 503 when not.

    \b
    Exit codes: 0 stopped as told, 2 wrong usage (also an address in use), 7 not migrated,
    1 a worker died of a defect, 130 stopped, but a worker hung and was left behind
    (nothing is lost: its lease runs out within a minute).

    \b
    Examples:
      leadguard run --sink file:events.jsonl
      leadguard run --health 127.0.0.1:8080 --log-format json
      leadguard run --remind-every 10 --sink notify:ffz_events
    """
    app.start_logging()
    outlet = Outlet(sink_url, app.database, events)
    outlet.check()
    mailing = [Job("mail", mail_every, mail(mail_server(smtp_url)))] if smtp_url else []
    daemon = Daemon(
        app.database,
        [
            Job("remind", remind_every, remind(limit)),
            Job("expire", expire_every, expire(limit)),
            Job("publish", publish_every, outlet.work, wait_for_events),
            Job("breaches", breaches_every, breaches(limit)),
            Job("maintain", maintain_every, upkeep),
            *mailing,
            Job("refresh", refresh_every, count),
        ],
    )
    with _serving(daemon, health):
        in_time = daemon.run(grace)
    outlet.close()
    return Exit.DONE if in_time else Exit.INTERRUPTED


@contextmanager
def _serving(daemon: Daemon, address: tuple[str, int] | None) -> Iterator[None]:
    log = logs.logger("run")
    if address is None:
        log.info("leadguard %s", __version__)
        yield
        return
    with HealthServer(address, {"/healthz": daemon.alive, "/readyz": daemon.ready}) as server:
        fields = {"health_address": address[0], "health_port": server.port}
        log.info("leadguard %s, health on %s port %s", __version__, address[0], server.port, extra=fields)
        yield
