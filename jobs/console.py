"""What commands print: results to stdout, everything else to stderr, JSON where a machine reads."""

import codecs
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click

from jobs import logs
from jobs.database import Database
from jobs.dates import LOCALES, Dates, environment_locale
from jobs.errors import UsageProblem

# rich takes a while to import, and a worker under cron has nobody to draw for.
if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class App:
    """What the common options say; handed to every command."""

    database_url: str = ""
    json: bool = False
    log_format: logs.Format | None = None
    locale: str = field(default_factory=environment_locale)

    @property
    def database(self) -> Database:
        """The database that the options or the environment name."""
        return Database(self.database_url)

    @property
    def logs_json(self) -> bool:
        """Whether stderr is read by a machine: then every line there is one JSON object."""
        return (self.log_format or logs.asked_format()) == "json"

    def start_logging(self) -> None:
        """Sends log lines to stderr, as --log-format or LEADGUARD_LOG asks."""
        logs.configure("json" if self.logs_json else "text")

    @property
    def dates(self) -> Dates:
        """How moments are shown."""
        return Dates(locale=self.locale)

    def report(self, text: str, **members: Any) -> None:
        """A command's result: one line for people, one JSON object for machines."""
        click.echo(to_json(members) if self.json else text)

    def remark(self, text: str, **fields: Any) -> None:
        """Something worth knowing beside the result: a line on stderr, with `fields` where logs are JSON."""
        if self.logs_json:
            self.start_logging()
            logs.logger(_command_name()).info(text, extra=fields)
        else:
            click.echo(text, err=True)


pass_app = click.make_pass_decorator(App, ensure=True)


class _Id(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """A lead's or a user's number: what a bigint holds."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = click.INT.convert(value, param, ctx)
        if not -LARGEST_ID <= number <= LARGEST_ID:
            self.fail(f"{value} is larger than any id", param, ctx)
        return number


LARGEST_ID = 2**63 - 1
ID = _Id()


class Seconds(click.FloatRange):
    """A number of seconds; nan, which lies in every range, is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is no number", param, ctx)
        return number


class AboveZero(click.ParamType[float]):
    """A finite number above zero, up to `most`."""

    name = "number"

    def __init__(self, most: float = math.inf) -> None:
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = click.FLOAT.convert(value, param, ctx)
        if not (0 < number < math.inf):
            self.fail(f"{value!r} is not above zero and finite", param, ctx)
        if number > self.most:
            self.fail(f"{value!r} is above {self.most:,.0f}", param, ctx)
        return number


def seconds_option(
    name: str, least: float, most: float, default: float, what: str
) -> Callable[[Command], Command]:
    """A time that an operator may choose, within its bounds."""
    return click.option(
        f"--{name}",
        type=Seconds(least, most),
        default=default,
        show_default=True,
        metavar="SECONDS",
        help=what,
    )


def dry_run_option(command: Command) -> Command:
    """`--dry-run` of a command that works in transactions."""
    return click.option("--dry-run", is_flag=True, help="Do it in a transaction and roll that back.")(command)


def common_options(command: Command) -> Command:
    """`--database-url`, `--json` and `--log-format`, accepted before and after the command's name."""

    url = click.option(
        "--database-url",
        metavar="URL",
        default=None,
        expose_value=False,
        callback=_keep,
        help="PostgreSQL to work on; default: DATABASE_URL, else the PG* variables.",
    )
    as_json = click.option(
        "--json",
        is_flag=True,
        default=None,
        expose_value=False,
        callback=_keep,
        help="Print JSON for machines.",
    )
    log_format = click.option(
        "--log-format",
        type=click.Choice(logs.FORMATS),
        default=None,
        expose_value=False,
        callback=_keep,
        help=f"What stderr holds: text, or one JSON object a line (also {logs.VARIABLE}=json).",
    )
    return url(as_json(log_format(command)))


def _command_name() -> str:
    context = click.get_current_context(silent=True)
    return (context.info_name if context else None) or "leadguard"


def locale_option(command: Command) -> Command:
    """`--locale`, for commands that print dates."""
    return click.option(
        "--locale",
        type=click.Choice(LOCALES),
        default=None,
        expose_value=False,
        callback=_keep,
        help="How dates look; default: LEADGUARD_LOCALE, else LC_ALL, LC_TIME or LANG.",
    )(command)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    # Given after the command's name, an option overrides; left out, it changes nothing.
    if value is not None and parameter.name is not None:
        setattr(context.ensure_object(App), parameter.name, value)
    return value


def to_json(value: Any) -> str:
    """One line of JSON; times as RFC 3339. In ASCII where the locale is not UTF-8: all of them know it."""
    encoding = codecs.lookup(sys.stdout.encoding or "ascii").name
    return json.dumps(value, ensure_ascii=encoding != "utf-8", default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


# What would move the cursor, ring, colour, or turn the direction of what follows.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


_LONGEST_NAME = 200


def printable(text: str | None) -> str:
    """A text that people typed, on one line and unable to steer a terminal or a picture."""
    return _UNSEEN.sub(" ", text or "")


def short_name(text: str | None) -> str:
    """A name for a table or a sentence: printable, and not so long that it fills the screen."""
    name = printable(text)
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def stdout() -> "Console":
    """A console for tables: as wide as the terminal or as COLUMNS says, or wide enough for a file."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would leave with the code of a refusal

    # rich reads COLUMNS and NO_COLOR itself.
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 140
    return Output(file=sys.stdout, width=width, highlight=False)


def write_document(path: Path, text: str) -> None:
    """Writes what is a file of its own, always as UTF-8; the path - is stdout."""
    if str(path) == "-":
        sys.stdout.buffer.write(text.encode("utf-8"))
        return
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}") from None


Advance = Callable[[int], None]


@contextmanager
def progress(label: str, total: int | None, quiet: bool = False) -> Iterator[Advance]:
    """A progress bar on stderr; silent where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda amount: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        task = bars.add_task(label, total=total)
        yield lambda amount: bars.advance(task, amount)
