"""Scrapes that many may ask for at once, and that must be answered in time whatever the database does."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass

import psycopg

from exporter.scrape import Figures, Reader
from jobs.errors import one_line
from jobs.logs import logger

# Connections at a time, and so scrapes under way: one that hangs, and one that tries anew.
MOST_CONNECTIONS = 2


@dataclass(frozen=True)
class _Flight:
    reader: Reader
    result: "Future[Figures]"


class Flights:
    """Answers with the latest figures; who asks meanwhile waits for the scrape that is under way."""

    def __init__(self, new_reader: Callable[[], Reader], seconds: float, keep: float) -> None:
        self._new_reader = new_reader
        self._seconds = seconds
        self._keep = keep
        self._lock = threading.Lock()
        self._under_way = 0
        self._current: _Flight | None = None
        self._spare: Reader | None = None
        self._latest: tuple[float, Figures] | None = None
        self._was_well: bool | None = None
        self._log = logger("exporter")

    def figures(self) -> Figures:
        """The figures, not older than `keep`; not up where they cannot be had in time."""
        until = time.monotonic() + self._seconds
        with self._lock:
            if self._latest is not None and time.monotonic() - self._latest[0] < self._keep:
                return self._latest[1]
            flight = self._current or self._start()
        if flight is None:
            return self._told(Figures(is_up=False), "earlier scrapes still wait for the database")
        try:
            return self._told(flight.result.result(timeout=max(0.0, until - time.monotonic())), None)
        except TooLate:
            with self._lock:
                if self._current is flight:
                    self._current = None  # the next one tries anew
            flight.reader.interrupt()
            return self._told(Figures(is_up=False), "the database does not answer in time")
        except psycopg.Error as error:
            return self._told(Figures(is_up=False), one_line(str(error)) or type(error).__name__)

    def is_well(self) -> bool | None:
        """Whether the last scrape worked; None before the first."""
        return self._was_well

    def _start(self) -> _Flight | None:
        if self._under_way >= MOST_CONNECTIONS:
            return None
        reader, self._spare = self._spare or self._new_reader(), None
        flight = _Flight(reader, Future())
        self._under_way += 1
        self._current = flight
        threading.Thread(target=self._fly, args=(flight,), name="scrape", daemon=True).start()
        return flight

    def _fly(self, flight: _Flight) -> None:
        try:
            figures = flight.reader.read()
        except BaseException as error:
            self._land(flight, None)
            flight.result.set_exception(error)
        else:
            self._land(flight, figures)
            flight.result.set_result(figures)

    def _land(self, flight: _Flight, figures: Figures | None) -> None:
        with self._lock:
            is_wanted = self._current is flight
            if is_wanted:
                self._current = None
                if figures is not None and figures.is_up:
                    self._latest = (time.monotonic(), figures)
            keeps = figures is not None and self._spare is None and is_wanted
            if keeps:
                self._spare = flight.reader
        if not keeps:
            flight.reader.close()
        with self._lock:
            self._under_way -= 1

    def _told(self, figures: Figures, error: str | None) -> Figures:
        """Says when the database goes and when it comes back, once each."""
        with self._lock:
            is_news, self._was_well = figures.is_up is not self._was_well, figures.is_up
        if is_news and figures.is_up:
            self._log.info("reads %s metrics", len(figures.families))
        elif is_news:
            self._log.warning("the database is away, locked or slow: %s", error or _reasons(figures))
        return figures


def _reasons(figures: Figures) -> str:
    return "; ".join(f"{view}: {why}" for view, why in figures.broken.items())
