"""What the tests need beside Python packages: where it is, and installing it where that is possible."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jobs.cluster import SUPPORTED, ClusterError, Installation, Kind, find_installation

_ISOLATIONTESTER = "lib/pgxs/src/test/isolation/isolationtester"
_SERVER_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"


class MissingTools(Exception):
    """Something is not installed and cannot be; the text names all of it and how to get it."""


@dataclass(frozen=True)
class Tool:
    name: str
    steps: frozenset[str]
    found: Callable[[], object]
    package: str  # Debian's; MAJOR stands for the version of PostgreSQL
    elsewhere: str


def isolationtester() -> Path | None:
    """PostgreSQL's own driver for isolation specs; any version's fits any server."""
    places = [*Path("/usr/lib/postgresql").glob(f"*/{_ISOLATIONTESTER}")]
    places += [home / "pgxs/src/test/isolation/isolationtester" for home in _asked("--pkglibdir")]
    return max(places, key=_number, default=None)


def pgtap_script() -> Path | None:
    """The extension's whole SQL, which a server without it can run as a script."""
    return max(_extension_files(r"pgtap--\d+(\.\d+)+\.sql"), key=_number, default=None)


def has_extension(name: str, installation: Installation) -> bool:
    """Tell whether this server has the extension."""
    if "/usr/lib/postgresql/" in str(installation.bin):
        return Path(f"/usr/share/postgresql/{installation.major}/extension/{name}.control").exists()
    shares = [installation.bin.parent / "share", *_answers([installation.bin / "pg_config"], "--sharedir")]
    return any(path for share in shares for path in share.glob(f"**/extension/{name}.control"))


def nats_server() -> str | None:
    """The NATS server; Debian keeps it where root alone looks."""
    return shutil.which("nats-server", path=_SERVER_PATH)


def rabbitmq_server() -> str | None:
    """RabbitMQ's own start script: Debian's wrapper on PATH insists on one fixed user and place."""
    return shutil.which("rabbitmq-server", path=f"/usr/lib/rabbitmq/bin:{_SERVER_PATH}")


def prometheus() -> str | None:
    """Prometheus; `promtool` lies beside it."""
    return shutil.which("prometheus", path=_SERVER_PATH)


def alertmanager() -> str | None:
    """Alertmanager, under the name that Debian gives it or its own; `amtool` lies beside it."""
    return shutil.which("prometheus-alertmanager", path=_SERVER_PATH) or shutil.which(
        "alertmanager", path=_SERVER_PATH
    )


def compose_command() -> list[str] | None:
    """Docker's compose, the plugin or the older program of its own; no engine is needed to check a file."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version"], capture_output=True, check=False)
            if asked.returncode == 0:
                return command
    return None


def libfaketime() -> Path | None:
    """The library that makes a program see another time of day, where programs can be made to load it."""
    folders = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
    found = (path for folder in folders for path in Path(folder).glob("**/faketime/libfaketime.so.1"))
    return next(found, None)


def _extension_files(pattern: str) -> Iterator[Path]:
    folders = [*Path("/usr/share/postgresql").glob("*/extension")]
    folders += [share / "extension" for share in _asked("--sharedir")]
    for folder in folders:
        yield from (path for path in folder.glob("*") if re.fullmatch(pattern, path.name))


def _asked(question: str) -> list[Path]:
    """Ask the pg_config on PATH and that of the local PostgreSQL."""
    local = _installation("local")
    return _answers(["pg_config", *([local.bin / "pg_config"] if local else [])], question)


def _answers(programs: Iterable[str | Path], question: str) -> list[Path]:
    """What those that are there answer; most packages keep pg_config apart from the server."""
    found = [shutil.which(program) for program in programs]
    outputs = [
        subprocess.run([program, question], capture_output=True, text=True, check=False).stdout.strip()
        for program in found
        if program
    ]
    return [Path(output) for output in outputs if output]


def _number(path: Path) -> list[int]:
    """Sort by the version numbers in the path."""
    return [int(part) for part in re.findall(r"\d+", str(path))]


def _installation(kind: Kind) -> Installation | None:
    try:
        return find_installation(kind)
    except ClusterError:
        return None


def _needed(kind: Kind) -> list[Tool]:
    def tool(name: str, steps: str, found: Callable[[], object], package: str, elsewhere: str) -> Tool:
        return Tool(name, frozenset(steps.split()), found, package, elsewhere)

    def extension(name: str) -> Callable[[], object]:
        return lambda: (server := _installation("local")) and has_extension(name, server)

    tools = [
        tool(
            "pg_format", "lint", lambda: shutil.which("pg_format"), "pgformatter", "brew install pgformatter"
        ),
        tool(
            "pg_prove",
            "pgtap",
            lambda: shutil.which("pg_prove"),
            "libtap-parser-sourcehandler-pgtap-perl",
            "cpan TAP::Parser::SourceHandler::pgTAP",
        ),
        tool(
            "isolationtester",
            "isolation",
            isolationtester,
            "postgresql-client-MAJOR",
            "built by `make` in src/test/isolation of PostgreSQL's source, installed by `make install` there",
        ),
    ]
    for name, program, package, site in (
        ("nats-server", nats_server, "nats-server", "https://nats.io/download"),
        ("rabbitmq-server", rabbitmq_server, "rabbitmq-server", "https://rabbitmq.com/docs/download"),
        ("Prometheus", prometheus, "prometheus", "https://prometheus.io/download"),
        ("curl", lambda: shutil.which("curl"), "curl", "https://curl.se"),
        ("Alertmanager", alertmanager, "prometheus-alertmanager", "https://prometheus.io/download"),
    ):
        tools.append(tool(name, "pytest", program, package, site))
    compose_site = "https://docs.docker.com/compose/install"
    tools.append(tool("docker compose", "pytest", compose_command, "docker-compose", compose_site))
    if sys.platform == "linux":
        clock = "https://github.com/wolfcw/libfaketime"
        tools.append(tool("libfaketime", "pytest", libfaketime, "libfaketime", clock))
    if kind == "embedded":
        pgtap = tool("pgTAP", "pgtap", pgtap_script, "postgresql-MAJOR-pgtap", "https://pgtap.org")
        return [*tools, pgtap]
    any_step = "pgtap isolation pytest"
    server = tool(
        "PostgreSQL 15-18",
        any_step,
        lambda: _installation("local"),
        "postgresql-MAJOR",
        "https://postgresql.org",
    )
    check_source = "https://github.com/okbob/plpgsql_check"
    return [
        server,
        *tools,
        tool("pgTAP", "pgtap", extension("pgtap"), "postgresql-MAJOR-pgtap", "https://pgtap.org"),
        tool(
            "plpgsql_check",
            any_step,
            extension("plpgsql_check"),
            "postgresql-MAJOR-plpgsql-check",
            check_source,
        ),
    ]


def provide(steps: list[str], kind: Kind) -> None:
    """Install what `steps` lack, where apt and root are there; else raise, naming all that is missing."""
    missing = _missing(steps, kind)
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt(missing)
        missing = _missing(steps, kind)
    if missing:
        lines = [f"  {t.name}: apt-get install {_package(t)}, or elsewhere: {t.elsewhere}" for t in missing]
        hint = "As root on Debian or Ubuntu this command installs them itself."
        raise MissingTools("\n".join(["the tests need, and cannot install here:", *lines, hint]))


def debian_packages() -> list[str]:
    """What a machine needs for every step; MAJOR stands for the version of PostgreSQL."""
    return [tool.package for tool in _needed("local")]


def _missing(steps: list[str], kind: Kind) -> list[Tool]:
    return [tool for tool in _needed(kind) if tool.steps.intersection(steps) and not tool.found()]


def _apt(missing: list[Tool]) -> None:
    _apt_get("update", "-q")
    packages = [_package(tool) for tool in missing]
    print(f"installing {' '.join(packages)}", flush=True)
    _apt_get("install", "-y", "-q", "--no-install-recommends", *packages)


def _package(tool: Tool) -> str:
    local = _installation("local")
    return tool.package.replace("MAJOR", str(local.major if local else _newest_packaged()))


def _apt_get(*arguments: str) -> None:
    # What it says matters only when it fails; what is still missing then is named by the caller.
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=120", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        print(f"{' '.join(command)} failed:\n{done.stdout}", file=sys.stderr, flush=True)


@cache
def _newest_packaged() -> int:
    """The newest supported PostgreSQL that apt has together with pgTAP."""
    if not shutil.which("apt-cache"):
        return SUPPORTED[0]
    command = ["apt-cache", "search", "--names-only", r"^postgresql-[0-9]+-pgtap$"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    majors = {int(number) for number in re.findall(r"^postgresql-(\d+)-pgtap", listed, re.MULTILINE)}
    return max(majors.intersection(SUPPORTED), default=SUPPORTED[0])
