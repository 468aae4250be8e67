"""`leadguard exporter`: the figures for Prometheus."""

import signal
import threading
from types import FrameType

import click

from exporter.flights import Flights
from exporter.scrape import Reader
from exporter.server import Server
from jobs import __version__, logs
from jobs.console import App, common_options, pass_app, seconds_option
from jobs.exits import Exit
from jobs.serving import address_option

# Of the time in which an answer is promised, what the reading of the views may take.
_SHARE_OF_READING = 0.85


@click.command("exporter")
@address_option(
    "listen",
    "LEADGUARD_EXPORTER_LISTEN",
    "Where to answer (also {variable}); port 0: any that is free.",
    "127.0.0.1:9187",
)
@seconds_option("timeout", 0.1, 60, 0.9, "After this time /metrics answers with leadguard_up 0.")
@seconds_option("keep", 0, 60, 1.0, "For so long a scrape answers those that follow it.")
@common_options
@pass_app
def command(app: App, listen: tuple[str, int], timeout: float, keep: float) -> int:
    """Serve the figures on /metrics until SIGTERM or Ctrl-C; on /health, that this process turns.

    Every view metric_... that the role may read is a metric: its comment the help, its columns the
    labels and the value. A scrape is one read-only transaction; those that come at once share one, so
    that there are two connections at most. A member of lead_exporter has the rights that it needs.

    While the database is away, locked or slow, /metrics says so in time: leadguard_up 0. A view that
    fails is left out and named in leadguard_metric_view_broken.

    The figures are counted by `leadguard refresh` or `leadguard run`; how old they are says
    leadguard_snapshot_age_seconds.

    \b
    Exit codes: 0 stopped as told, 2 wrong usage (also an address in use).

    \b
    Examples:
      leadguard exporter
      leadguard exporter --listen 0.0.0.0:9187 --log-format json
      curl -s http://127.0.0.1:9187/metrics
    """
    app.start_logging()
    database = app.database
    flights = Flights(lambda: Reader(database, timeout * _SHARE_OF_READING), timeout, keep)
    with Server(listen, flights) as server:

        def stop(_number: int, _frame: FrameType | None) -> None:
            # Not from this thread, which is the one that serves.
            threading.Thread(target=server.shutdown, daemon=True).start()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        fields = {"exporter_address": listen[0], "exporter_port": server.server_port}
        log = logs.logger("exporter")
        log.info("leadguard %s, exporter on %s port %s", __version__, *fields.values(), extra=fields)
        server.serve_forever(poll_interval=0.1)
    return Exit.DONE
