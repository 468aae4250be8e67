"""`notify:CHANNEL`: PostgreSQL's NOTIFY. It proves nothing: whoever does not listen just then misses it."""

import json
from collections.abc import Mapping, Sequence

import psycopg

from jobs.database import Connection, Database
from jobs.errors import UsageProblem, describe
from jobs.sinks import Event, Refusal

# PostgreSQL takes up to 7,999 bytes; the margin is for encodings in which a letter takes more.
MOST_BYTES = 7_900
_LONGEST_NAME = 63
_NOTIFY = b"select pg_notify(%s, %s)"


class NotifySink:
    """Sends each event as a notification; one too long for that as its id alone: `{"event_id": "..."}`.

    It has a connection of its own, and a batch is one transaction: listeners get all of it or nothing.
    """

    proves_delivery = False
    keeps_order = True

    def __init__(self, database: Database, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._connection: Connection | None = None

    def deliver(self, events: Sequence[Event]) -> Mapping[int, Refusal]:
        try:
            # One that was lost is made anew: the pass that found it out has failed, the next one need not.
            if self._connection is None or self._connection.closed:
                self._connection = self._database.connect("leadguard sink")
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(_NOTIFY, [(self._channel, _payload(event)) for event in events])
        except psycopg.Error as error:
            # A queue that is full, because some listener does not read, is as good as a broker that is down.
            raise OSError(describe(error)) from error
        return {}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _payload(event: Event) -> str:
    if len(event.payload.encode("utf-8")) <= MOST_BYTES:
        return event.payload
    return json.dumps({"event_id": event.event_id})


def to_channel(database: Database, channel: str) -> NotifySink:
    if not channel or len(channel.encode("utf-8")) > _LONGEST_NAME or "\0" in channel:
        raise UsageProblem(
            f"notify: needs a channel of 1 to {_LONGEST_NAME} bytes",
            "For example notify:ffz_events; listen to it with: listen ffz_events",
        )
    return NotifySink(database, channel)
