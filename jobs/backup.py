"""Backups by PostgreSQL's own programs: what is restored by others is not to depend on ours."""

import os
import re
import shutil
import subprocess
from collections import deque
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobs.console import Advance
from jobs.database import Connection, to_conninfo
from jobs.errors import LeadguardError, UsageProblem, one_line
from jobs.exits import Exit

# Everybody on the machine may read a command line. libpq takes the password from the environment, and nothing
# else that is secret.
_SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")


def refuse_existing(file: Path) -> None:
    """A second try after a failed deployment must not write over the backup of what was before the first."""
    if file.exists():
        raise UsageProblem(
            f"{file} exists, and a backup is never overwritten", "Put the date and the time in its name."
        )


def back_up(connection: Connection, url: str, file: Path, advance: Advance) -> int:
    """Dumps the database of `url` in pg_dump's custom format; its size in bytes.

    The file appears under its name when it is whole, readable for its owner alone.
    """
    program = find_program("pg_dump", connection)
    part = file.with_name(file.name + ".part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        part.chmod(0o600)
        try:
            run(program, url, ["--format=custom", "--file", str(part)], advance)
            refuse_existing(file)
            part.rename(file)
        finally:
            part.unlink(missing_ok=True)
        return file.stat().st_size
    except OSError as error:
        raise LeadguardError(
            f"no backup: {error.filename or file}: {error.strerror or error}", None, Exit.NO_BACKUP
        ) from error


def find_program(name: str, connection: Connection) -> str:
    """The program on PATH, if it is new enough for the server; an older one would refuse in the middle."""
    server = connection.info.server_version // 10_000
    hint = (
        f"Put PostgreSQL's client programs of version {server} or later on PATH"
        f" (Debian, Ubuntu: apt-get install postgresql-client-{server})."
    )
    found = shutil.which(name)
    if found is None:
        raise LeadguardError(f"{name} is not on PATH", hint, Exit.NO_BACKUP)
    asked = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"\(PostgreSQL\) (\d+)", asked.stdout)
    if version is None:
        raise LeadguardError(
            f"{found} does not tell its version: {one_line(asked.stderr)}", hint, Exit.NO_BACKUP
        )
    if int(version[1]) < server:
        raise LeadguardError(
            f"{found} is of PostgreSQL {version[1]}, the server of {server}: it must not be older",
            hint,
            Exit.NO_BACKUP,
        )
    return found


def run(program: str, url: str, arguments: list[str], advance: Advance) -> None:
    """Runs a program on the database of `url`; `advance` hears of each object that it tells of."""
    address, environment = _address(url)
    command = [program, "--dbname", address, "--no-password", "--verbose", *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
    )
    said: deque[str] = deque(maxlen=200)
    try:
        assert process.stderr
        for line in process.stderr:
            said.append(line)
            advance(1)
        process.wait()
    finally:
        # Ctrl-C, SIGTERM: what it does for us ends with us.
        if process.poll() is None:
            process.terminate()
        process.communicate()
    if process.returncode:
        raise LeadguardError(f"{Path(program).name} failed: {_complaint(said)}", None, Exit.NO_BACKUP)


def contents(program: str, file: Path) -> list[str]:
    """The lines of an archive's table of contents; refuses what is no archive of pg_dump's."""
    asked = subprocess.run(
        [program, "--list", str(file)], capture_output=True, text=True, errors="replace", check=False
    )
    if asked.returncode:
        raise LeadguardError(
            f"{file} is no backup that can be read: {_complaint(asked.stderr.splitlines())}",
            "It must be of pg_dump's custom format, as leadguard migrate --backup makes it.",
            Exit.NO_BACKUP,
        )
    return asked.stdout.splitlines()


def _complaint(lines: deque[str] | list[str]) -> str:
    told = [line for line in lines if "error" in line.lower()] or list(lines)
    return one_line(" ".join(told[:3]))[:500] or "it said nothing"


def _address(url: str) -> tuple[str, dict[str, str]]:
    """The database for a command line, and the environment that has what must not stand there."""
    parts = conninfo_to_dict(to_conninfo(url))
    # What it says is looked through, so it must not be translated.
    environment = {**os.environ, "LC_ALL": "C"}
    for name in _SECRETS:
        if parts.get(name):
            raise UsageProblem(
                f"the database URL has {name}, which PostgreSQL's programs take on their command line only",
                "Name the database by a service (service=… and its file) that has it.",
            )
    if password := parts.pop("password", None):
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **parts), environment


def size_of(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:.1f} MB" if count >= 100_000 else f"{count} bytes"
