"""A look at another server: by GET, within a time and a size; what is told of it holds no password."""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

import click

from jobs.errors import UsageProblem, one_line

_SECONDS = 4
_MOST_BYTES = 16_000_000


class Unanswered(Exception):
    """No answer, or none that can be read; the text says what came instead."""


@dataclass(frozen=True)
class Address:
    """Where a server answers, and as whom it is asked; `url` has no password and may be shown."""

    url: str
    user: str | None = None
    secret: str | None = field(default=None, repr=False)

    def knowing(self, secret: str | None) -> "Address":
        """With a secret from elsewhere, unless the URL has its own."""
        return self if self.secret is not None or secret is None else replace(self, secret=secret)

    @property
    def headers(self) -> dict[str, str]:
        """Basic for a user's password and for user:password, Bearer for a token."""
        if self.secret is None:
            return {}
        if self.user is None and ":" not in self.secret:
            return {"Authorization": f"Bearer {self.secret}"}
        pair = self.secret if self.user is None else f"{self.user}:{self.secret}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


class WebAddress(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases only
    """http:// or https://, host, port, a path in front of the server's own; user and password if it asks."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        # What is refused is not quoted: it may hold a password.
        try:
            parts = urlsplit(str(value))
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or parts.scheme not in ("http", "https") or not _is_plain(str(value)):
            self.fail("it looks like http://host:9090", param, ctx)
        if parts.query or parts.fragment:
            self.fail("a path may follow the host, and nothing else", param, ctx)
        place = f"[{host}]" if ":" in host else host
        return Address(
            url=f"{parts.scheme}://{place}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}",
            user=None if parts.username is None else unquote(parts.username),
            secret=None if parts.password is None else unquote(parts.password),
        )


def secret(variable: str) -> str | None:
    """What the variable holds, or the file that variable_FILE names."""
    found = os.environ.get(variable)
    if not found and (path := os.environ.get(f"{variable}_FILE")):
        try:
            found = Path(path).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageProblem(f"{variable}_FILE cannot be read: {error}") from None
    if found and not _is_plain(found):
        raise UsageProblem(f"{variable} holds more than a token or user:password")
    return found or None


def _is_plain(text: str) -> bool:
    """Whether it can stand in a request as it is."""
    return text.isascii() and text.isprintable() and " " not in text


@dataclass(frozen=True)
class Reply:
    """What came; `where` is the address as it may be shown."""

    where: str
    status: int
    body: bytes

    def content(self, *also: int) -> bytes:
        """The body, of an answer with the status 200 or another that is expected."""
        if self.status not in (HTTPStatus.OK, *also):
            raise Unanswered(f"{self.where} answers {self.status_text}")
        return self.body

    def json(self, *also: int) -> Any:
        """What the body says in JSON."""
        try:
            return json.loads(self.content(*also))
        except (ValueError, RecursionError):
            raise Unanswered(f"{self.where} answers with no JSON") from None

    @property
    def status_text(self) -> str:
        """The number, and what it is called in everybody's words."""
        names = [each.phrase for each in HTTPStatus if each == self.status]
        return " ".join([str(self.status), *names])


def get(address: Address, path: str) -> Reply:
    """The answer, whatever its status is: a redirection is one as any other."""
    # Nothing but HTTP: none of the handlers that follow redirections, keep cookies or open files.
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler):
        opener.add_handler(handler())
    request = Request(address.url + path, headers=address.headers)  # noqa: S310  # WebAddress takes no other scheme
    where = address.url + path.partition("?")[0]
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            status, body = answer.status, answer.read(_MOST_BYTES + 1)
    except HTTPException as error:
        raise Unanswered(f"{where} answers in no HTTP ({type(error).__name__})") from None
    except (OSError, ValueError) as error:  # a name that no name server takes is a ValueError
        why = error.reason if isinstance(error, URLError) else error
        told = getattr(why, "strerror", None) or str(why) or type(why).__name__
        raise Unanswered(f"{where}: {one_line(told)}") from None
    if len(body) > _MOST_BYTES:
        raise Unanswered(f"{where} answers with more than {_MOST_BYTES // 1_000_000} MB")
    return Reply(where, status, body)


def _at(value: Any, *path: str) -> Any:
    """A member of nested JSON objects; None where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: Any, *path: str) -> str:
    """A string in nested JSON objects; empty where there is none."""
    found = _at(value, *path)
    # Half a pair of surrogates is JSON, and cannot be printed.
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def rows(value: Any, *path: str) -> Sequence[dict[str, Any]]:
    """A list of objects in nested JSON objects; an answer without it cannot be read."""
    found = _at(value, *path)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Unanswered(f"the answer has no list of objects {'.'.join(path)}".rstrip())
    return found
