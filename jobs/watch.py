"""A screen that draws itself anew until Ctrl-C."""

import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import click
import psycopg
from rich.console import Group, RenderableType
from rich.text import Text

from jobs.console import App, stdout
from jobs.console import to_json as as_json
from jobs.errors import from_database

Read = Callable[[], dict[str, Any]]
# What was read, for so many lines; None: there is room for all.
Draw = Callable[[dict[str, Any], int | None], RenderableType]


def watch(app: App, seconds: float, read: Read, draw: Draw) -> NoReturn:
    """Reads and draws until Ctrl-C; a database that goes away is waited for."""
    from rich.live import Live

    # The first look fails as every command does: a wrong URL is no reason to wait.
    told = read()
    if app.json or not sys.stdout.isatty():
        while True:
            show(app, told, draw)
            sys.stdout.flush()
            time.sleep(seconds)
            told = read()
    console = stdout()
    with Live(draw(told, console.height), console=console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(seconds)
            try:
                told = read()
                live.update(draw(told, console.height), refresh=True)
            except psycopg.OperationalError as error:
                away = Text(from_database(error).message, style="bold red")
                live.update(Group(away, draw(told, console.height - 3)), refresh=True)


def show(app: App, told: dict[str, Any], draw: Draw) -> None:
    """Once, for a person or a program."""
    if app.json:
        click.echo(as_json(told))
    else:
        stdout().print(draw(told, None))
