"""Real brokers for tests, each on a free port and in a directory of its own; and a receiver of webhooks.

Every server can be stopped, killed, paused (SIGSTOP) and started again on its data and its port. Those that
start fast are made anew for each test; RabbitMQ takes seconds, so the tests of one file share one.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from tests.daemon import PATIENCE, eventually
from tests.tools import nats_server as nats_program
from tests.tools import rabbitmq_server as rabbitmq_program

HOST = "127.0.0.1"


def free_port() -> int:
    """A port that nobody uses, below those that the system gives to outgoing connections.

    So it is still free when a server that was stopped comes back to it.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


class Server(ABC):
    """A program that listens on one port, with all its children; a context manager that removes it."""

    def __init__(self, name: str) -> None:
        # Not below pytest's directory: another user must be able to reach it.
        self.directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir="/tmp"))
        self.log = self.directory / "server.log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    # What a kind of server says of itself

    @abstractmethod
    def command(self) -> list[str]: ...

    def variables(self) -> Mapping[str, str]:
        return {}

    def account(self) -> Mapping[str, Any]:
        """As whom it runs, as Popen wants it."""
        return {}

    # Its life

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts it and waits until it takes connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={"PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin", **self.variables()},
                start_new_session=True,
                **self.account(),
            )
        eventually(self._is_up, f"{self.command()[0]} starts")

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"it ended with {self._process.returncode}: {self.log.read_text()[-2000:]}")
        return _answers(self.port)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the program and its children."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, number)

    def stop(self) -> None:
        """Stops it as its service manager would."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        self._await_end()

    def kill(self) -> None:
        """A crash: `start` brings it back with what its disk has."""
        self.signal(signal.SIGKILL)
        self._await_end()

    def pause(self) -> None:
        """Connections stay, and nobody answers."""
        self.signal(signal.SIGSTOP)
        if sys.platform == "linux":  # elsewhere it is taken on trust
            eventually(self._is_paused, "it is paused")

    def _is_paused(self) -> bool:
        status = Path(f"/proc/{self.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _await_end(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Authority:
    """A certificate authority that nobody knows, and the certificate that it gave a server on 127.0.0.1.

    The name localhost is not in it.
    """

    def __init__(self, directory: Path) -> None:
        self.certificate, key = directory / "authority.pem", directory / "authority.key"
        self.server_certificate, self.server_key = directory / "server.pem", directory / "server.key"
        request, names = directory / "server.csr", directory / "names"
        names.write_text(f"subjectAltName=IP:{HOST}\n")
        new = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        sign = f"x509 -req -days 2 -CA {self.certificate} -CAkey {key} -CAcreateserial -extfile {names}"
        for arguments in (
            f"{new} -x509 -days 2 -subj /CN=Nobody -keyout {key} -out {self.certificate}",
            f"{new} -subj /CN=server -keyout {self.server_key} -out {request}",
            f"{sign} -in {request} -out {self.server_certificate}",
        ):
            subprocess.run(["openssl", *arguments.split()], check=True, capture_output=True)
        self.server_key.chmod(0o644)  # the server may be another user


class NatsServer(Server):
    """nats-server with JetStream; up after some hundredths of a second."""

    def __init__(self, *, has_tls: bool = False) -> None:
        super().__init__("nats")
        self.authority = Authority(self.directory) if has_tls else None

    @property
    def url(self) -> str:
        return f"nats://{HOST}:{self.port}"

    def command(self) -> list[str]:
        program = nats_program()
        assert program is not None
        tls: list[str] = []
        if self.authority is not None:
            files = (self.authority.server_certificate, self.authority.server_key)
            tls = ["--tls", "--tlscert", str(files[0]), "--tlskey", str(files[1])]
        return [program, "-a", HOST, "-p", str(self.port), "-js", "-sd", str(self.directory / "data"), *tls]


class RabbitServer(Server):
    """rabbitmq-server with a name server (epmd) of its own; user and password are `guest`.

    It speaks TLS on a second port.
    """

    def __init__(self) -> None:
        super().__init__("rabbitmq")
        self.tls_port = free_port()
        self.authority = Authority(self.directory)
        (self.directory / "rabbitmq.conf").write_text(
            f"listeners.ssl.1 = {HOST}:{self.tls_port}\n"
            f"ssl_options.cacertfile = {self.authority.certificate}\n"
            f"ssl_options.certfile = {self.authority.server_certificate}\n"
            f"ssl_options.keyfile = {self.authority.server_key}\n"
        )
        self._epmd_port = free_port()
        self._distribution_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        if found := self._entry():
            os.chown(self.directory, found.pw_uid, found.pw_gid)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self.port}"

    @staticmethod
    def _entry() -> pwd.struct_passwd | None:
        """Root leaves the work to the user that the package made."""
        return pwd.getpwnam("rabbitmq") if os.geteuid() == 0 else None

    def account(self) -> Mapping[str, Any]:
        found = self._entry()
        return {} if not found else {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}

    def command(self) -> list[str]:
        return [self._program("rabbitmq-server")]

    @staticmethod
    def _program(name: str) -> str:
        found = rabbitmq_program()
        assert found is not None
        return str(Path(found).with_name(name))

    def variables(self) -> Mapping[str, str]:
        home = self.directory
        return {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ERL_EPMD_ADDRESS": HOST,
            "ERL_EPMD_PORT": str(self._epmd_port),
            "RABBITMQ_NODENAME": f"leadguard-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_CONF_ENV_FILE": str(home / "none.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            # The script becomes the server and does not stay in between: its end is the server's.
            "RUNNING_UNDER_SYSTEMD": "true",
            # Schedulers that wait without turning: the machine has other things to do.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def start(self) -> None:
        if self._epmd is None:
            # Started here, in the foreground, and so ours to stop: the server would leave its own behind.
            self._epmd = subprocess.Popen(
                ["epmd", "-port", str(self._epmd_port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath), **self.variables()},
                **self.account(),
            )
            eventually(lambda: _answers(self._epmd_port), "epmd starts")
        super().start()

    def control(self, *arguments: str) -> str:
        """rabbitmqctl."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [self._program("rabbitmqctl"), *arguments],
            env={"PATH": os.environ.get("PATH", os.defpath), **self.variables()},
            capture_output=True,
            text=True,
            check=False,
            cwd=self.directory,
            **self.account(),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self) -> None:
        super().close()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None


# --- webhooks ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What the receiver says to one request, and how."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    hangs: bool = False  # reads the request and says nothing until the receiver is closed
    breaks: bool = False  # closes the connection in the middle of the answer


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float = field(default_factory=time.monotonic)


class Receiver:
    """An HTTP server that takes webhooks; `answer` decides what it says, and may be replaced at any time.

    It answers GET as well.
    """

    def __init__(self, context: Any = None) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda request: Answer()
        self._closing = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = PATIENCE

            def do_GET(self) -> None:
                receiver._take(self)

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that goes away is what some tests are about

        self._server = Listener((HOST, 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._scheme = "http" if context is None else "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://{HOST}:{self.port}/events"

    def always(self, answer: Answer) -> None:
        """The same answer to everybody."""
        self.answer = lambda request: answer

    def one_by_one(self, *answers: Answer) -> None:
        """These answers in their order, the last one from then on."""
        left = list(answers)
        lock = threading.Lock()

        def next_one(_request: Received) -> Answer:
            with lock:
                return left.pop(0) if len(left) > 1 else left[0]

        self.answer = next_one

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(length)
        if len(body) < length:
            handler.close_connection = True  # whoever sent it died: no receiver takes half a request
            return
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Received(handler.path, headers, body)
        answer = self.answer(request)
        self.received.append(request)
        if answer.hangs:
            self._closing.wait(PATIENCE)
            return
        self._closing.wait(answer.delay)
        if answer.breaks:
            handler.wfile.write(b"HTTP/1.1 200 ")
            handler.close_connection = True
            return
        handler.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()


# --- fixtures ---------------------------------------------------------------------------------------------


@pytest.fixture
def nats_server() -> Iterator[NatsServer]:
    """A nats-server of the test's own, with an empty JetStream."""
    with NatsServer() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_of_session() -> Iterator[RabbitServer]:
    with RabbitServer() as server:
        yield server


@pytest.fixture
def rabbitmq(rabbitmq_of_session: RabbitServer) -> Iterator[RabbitServer]:
    """The session's RabbitMQ, up; a test may stop or pause it, the next one finds it well again.

    Exchanges and queues stay: each test takes names of its own. Keep its tests in few files: each process
    of pytest starts one.
    """
    yield rabbitmq_of_session
    rabbitmq_of_session.resume()
    if not _answers(rabbitmq_of_session.port):
        rabbitmq_of_session.start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks over plain HTTP on loopback; it takes everything until told otherwise."""
    with Receiver() as listening:
        yield listening
