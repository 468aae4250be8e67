"""Logging: lines for people, or one JSON object a line for machines; always on stderr."""

import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, Literal

Format = Literal["text", "json"]
FORMATS: tuple[Format, ...] = ("text", "json")
VARIABLE = "LEADGUARD_LOG"

# What every LogRecord has; whatever `extra=` adds beside these are the line's own fields.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _Text(logging.Formatter):
    """`2026-05-05T15:04:00Z warning remind: message`."""

    def format(self, record: logging.LogRecord) -> str:
        # The traceback of a defect is wanted; that of an expected failure is not passed here.
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{_moment(record)} {record.levelname.lower()} {_name(record)}: {record.getMessage()}{trace}"


class _Json(logging.Formatter):
    """The same as an object: timestamp, level, logger, message, and the fields given with it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": _moment(record),
            "level": record.levelname.lower(),
            "logger": _name(record),
            "message": record.getMessage(),
        }
        line.update(
            (name, value) for name, value in vars(record).items() if name not in (_STANDARD | line.keys())
        )
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def asked_format() -> Format:
    """What LEADGUARD_LOG asks for; text where it is not set."""
    return "json" if os.environ.get(VARIABLE, "").strip().lower() == "json" else "text"


def configure(form: Format) -> None:
    """Sends the log lines of this program, from level info on, to stderr in this format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of libraries only what is amiss
    logging.getLogger("leadguard").setLevel(logging.INFO)


def logger(name: str) -> logging.Logger:
    """The logger of a worker or a command."""
    return logging.getLogger(f"leadguard.{name}")


def _name(record: logging.LogRecord) -> str:
    return record.name.removeprefix("leadguard.")


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
