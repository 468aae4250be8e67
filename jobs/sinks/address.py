"""What the URL of a sink says: its parts decoded, its options typed, its password in no message."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from jobs.errors import UsageProblem

_BOOLEANS = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Address:
    """A URL of a network, taken apart."""

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    path: str
    options: dict[str, str]
    example: str

    @property
    def shown(self) -> str:
        """The address as it may stand in a log: nobody's password, and no option that may hold one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/{self.path}"

    def flag(self, name: str) -> bool:
        text = self.options.get(name, "false")
        if text.lower() not in _BOOLEANS:
            raise self.wrong(f"{name}={text}: it is true or false")
        return _BOOLEANS[text.lower()]

    def seconds(self, name: str, default: float, most: float) -> float:
        text = self.options.get(name, "")
        try:
            value = float(text) if text else default
        except ValueError:
            value = 0.0
        if not 0 < value <= most:
            raise self.wrong(f"{name}={text}: it is a number of seconds up to {most:g}")
        return value

    def whole(self, name: str, default: int, most: int) -> int:
        text = self.options.get(name, "") or str(default)
        if not (text.isascii() and text.isdecimal() and 0 < int(text) <= most):
            raise self.wrong(f"{name}={text}: it is a whole number from 1 to {most}")
        return int(text)

    def wrong(self, what: str) -> UsageProblem:
        return UsageProblem(f"{self.scheme}: {what}", f"For example {self.example}")


def parse(url: str, default_port: int, options: Collection[str], example: str) -> Address:
    """`url` taken apart; what it should not hold is refused, for a misspelt option would do nothing."""
    scheme = url.partition(":")[0]
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port or default_port
        given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        # The parser's own message may quote the URL, and with it the password.
        raise UsageProblem(f"{scheme}: the URL cannot be read", f"For example {example}") from None
    found = Address(
        scheme=scheme,
        host=unquote(parts.hostname or ""),
        port=port,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        path=unquote(parts.path.removeprefix("/")),
        options=given,
        example=example,
    )
    if not found.host:
        raise found.wrong("the URL names no host")
    if unknown := sorted(set(given) - set(options)):
        known = f"it knows {', '.join(sorted(options))}" if options else "it has none"
        raise found.wrong(f"unknown option {unknown[0]}; {known}")
    return found
