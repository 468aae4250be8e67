"""`leadguard`, the command line: the group, its common options, and how failures end."""

import io
import logging
import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click
import psycopg

from jobs import __version__, exits, logs
from jobs.console import App, common_options
from jobs.errors import LeadguardError, UsageProblem, from_database
from jobs.exits import Exit

EPILOG = """\b
Examples:
  leadguard migrate
  leadguard import leads leads.csv --mapping mapping.toml --user 7
  leadguard remind && leadguard publish && leadguard expire
  leadguard run --sink file:events.jsonl --health 127.0.0.1:8080
  leadguard status
  leadguard list --user 7 --due-within '10 days'
  leadguard explain 4711 --at "31.08.2026 14:30"
  leadguard hold 4711 --user 7 --reason 'price list owed'

\b
""" + exits.help_text()


# One command a module, each with a `command`. A module is imported when its command is called, so
# that what cron starts every minute does not wait for what it does not need.
COMMANDS = {
    "migrate": "jobs.migrate",
    "restore-check": "jobs.restore_check",
    "import": "jobs.import_command",
    "remind": "jobs.remind",
    "publish": "jobs.publish",
    "mail": "jobs.mail",
    "expire": "jobs.expire",
    "breaches": "jobs.breaches",
    "maintain": "jobs.maintain",
    "refresh": "jobs.refresh",
    "outbox": "jobs.outbox",
    "sinks": "jobs.disabled",
    "consume": "jobs.consume",
    "inbox": "jobs.inbox",
    "run": "jobs.run",
    "exporter": "exporter.command",
    "status": "jobs.status",
    "list": "jobs.listing",
    "show": "jobs.show",
    "explain": "jobs.explain",
    "simulate": "jobs.simulate",
    "capacity": "jobs.capacity",
    "season": "jobs.season",
    "war-room": "jobs.war_room",
    "rehearse": "jobs.rehearse",
    "hold": "jobs.hold",
    "release": "jobs.release",
    "extend": "jobs.extend",
    "reinstate": "jobs.reinstate",
    "verify": "jobs.verify",
    "check": "jobs.check",
    "go-live": "jobs.go_live",
    "report": "jobs.report",
    "runbook": "jobs.runbook",
    "drill": "jobs.drill",
    "demo": "jobs.demo",
}


class Commands(click.Group):
    """The commands in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found = import_module(COMMANDS[cmd_name]).command
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # click would print an empty line first, where a machine may be reading.
            raise _Interrupted from None
        except BrokenPipeError:
            # click would leave with the code of a refusal.
            raise _ReaderGone from None


class _Interrupted(Exception):
    """Ctrl-C or SIGTERM."""


class _ReaderGone(Exception):
    """Nobody reads standard output any more."""


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="leadguard")
@common_options
@click.pass_context
def cli(context: click.Context) -> None:
    """Leadguard: whose lead is this, until when, and why?

    Works on the PostgreSQL that --database-url, DATABASE_URL or the PG* variables name.
    """
    app = context.ensure_object(App)
    app.database_url = app.database_url or os.environ.get("DATABASE_URL", "")


def main() -> NoReturn:
    """Runs the command line; every failure ends as one clear line and a documented exit code."""
    # A worker that is told to stop lets go of what it holds, as with Ctrl-C.
    signal.signal(signal.SIGTERM, _stop)
    # psycopg warns of what it ignored while it rolled back: that follows from an error that is told.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    _open_streams()
    app = App()
    try:
        code = cli.main(prog_name="leadguard", standalone_mode=False, obj=app)
        sys.stdout.flush()
        _leave(code if isinstance(code, int) else Exit.DONE)
    except click.exceptions.Exit as error:
        _leave(error.exit_code)
    except click.ClickException as error:
        # The words before --json may be what is wrong: it counts wherever it stands.
        app.json = app.json or "--json" in sys.argv[1:]
        if app.json or app.logs_json:
            _fail(UsageProblem(error.format_message()), app)
        error.show()
        _leave(Exit.USAGE)
    except LeadguardError as error:
        _fail(error, app)
    except psycopg.Error as error:
        _fail(from_database(error), app)
    except UnicodeEncodeError as error:
        _fail(
            UsageProblem(f"{error.object[:80]!a} is not UTF-8", "Use a terminal and a locale with UTF-8."),
            app,
        )
    except (BrokenPipeError, _ReaderGone):
        _silence_stdout()
        _leave(Exit.SINK_FAILED)
    except OSError as error:
        what = error.filename or "standard output"
        _fail(LeadguardError(f"{what} failed: {error.strerror or error}", None, Exit.SINK_FAILED), app)
    except (KeyboardInterrupt, _Interrupted, click.Abort):
        app.remark("interrupted")
        _leave(Exit.INTERRUPTED)


def _open_streams() -> None:
    """Makes what is printed printable everywhere, and what was closed (`>&-`) fail as a full disk does."""
    # No socket or file may get the number of a stream that was closed.
    while (number := os.open(os.devnull, os.O_RDONLY)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fail(error: LeadguardError, app: App) -> NoReturn:
    if app.logs_json:
        app.start_logging()
        logs.logger("leadguard").error(error.message, extra=error.fields())
    else:
        click.echo(error.render(app.json), err=True)
    if error.code is Exit.SINK_FAILED:
        _silence_stdout()
    _leave(error.code)


def _silence_stdout() -> None:
    """The reader is gone: what is still buffered must not fail once more while the program ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _leave(code: int) -> NoReturn:
    sys.exit(int(code))


if __name__ == "__main__":
    main()
