"""The lints: ruff, mypy, squawk, pg_format and the layout of SQL files.

    ./run lint [--fix]

Runs all of them and ends with 1 when one found something. `--fix` lets ruff and pg_format mend what they can.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sysconfig.get_path("scripts"))  # the programs of this environment, whatever PATH says
PYTHON_FOLDERS = ("jobs", "exporter", "migrations", "tests", "bench", "docs", "docker")
LINE_LENGTH = 120
TEST_LINE_LENGTH = 200  # a test's data and the sentence it proves stand on one line
# Comments, strings, quoted names; and strings in dollars, whose text may be code.
NOT_CODE = re.compile(
    r"""--[^\n]*|/\*.*?\*/|\bE'(?:\\.|[^'\\])*'|(?:\bU&)?'[^']*'|"[^"]*"|\$(?P<tag>\w*)\$(?P<text>.*?)\$(?P=tag)\$""",
    re.DOTALL,
)
LONG_STRING = re.compile(r"'(?:[^']|''){60,}'")  # nobody should have to cut a sentence in pieces

# Left out of squawk: the baseline's `if not exists` is looked at by the migration tests, the columns' types
# are part of the contract, and time limits belong to the connection that migrates (jobs/migrate.py).
SQUAWK_EXCLUDED = (
    "prefer-robust-stmts",
    "prefer-bigint-over-int",
    "require-lock-timeout",
    "require-statement-timeout",
)

Problems = list[str]


def run(*command: str | Path) -> Problems:
    """Run a program in the project's root; what it printed is the problem, if it failed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [(done.stdout + done.stderr).strip() or f"exit {done.returncode}"]


def ruff(fix: bool) -> Problems:
    lint = run(SCRIPTS / "ruff", "check", "--quiet", *(["--fix"] if fix else []), ".")
    return lint + run(SCRIPTS / "ruff", "format", "--quiet", *([] if fix else ["--diff"]), ".")


def mypy(_fix: bool) -> Problems:
    folders = [name for name in PYTHON_FOLDERS if any((ROOT / name).rglob("*.py"))]
    return run(SCRIPTS / "mypy", "--no-error-summary", *folders)


def squawk(_fix: bool) -> Problems:
    # The baseline loads db/schema as it is, so these files are migrations too.
    files = [*sorted((ROOT / "db" / "schema").glob("*.sql")), *sorted((ROOT / "migrations").glob("*.sql"))]
    options = ["--assume-in-transaction", "--pg-version", "15", "--exclude", ",".join(SQUAWK_EXCLUDED)]
    return run(SCRIPTS / "squawk", *options, *files)


def pg_format(fix: bool) -> Problems:
    """Compare each SQL file with pg_format's output, blanks and line breaks aside: what is left is the case.

    Its own line breaks are not wanted: it puts argument lists and constraints on one line of any length.
    """
    if shutil.which("pg_format") is None:
        return ["pg_format is missing (Debian, Ubuntu: apt-get install pgformatter)"]
    # It takes its time, and has nothing to put in lower case where code has no capitals.
    suspects = [path for path in _sql_files() if re.search("[A-Z]", _code(path.read_text(encoding="utf-8")))]
    return [problem for path in suspects if (problem := _recased(path, fix))]


def _code(text: str) -> str:
    return NOT_CODE.sub(lambda found: _code(found["text"] or ""), text)


def _recased(path: Path, fix: bool) -> str | None:
    command = ["pg_format", "--no-rcfile", "--config", str(ROOT / ".pg_format"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    text = path.read_text(encoding="utf-8")
    ours, theirs = ("".join(part.split()) for part in (text, done.stdout))
    name = path.relative_to(ROOT)
    if done.returncode != 0 or ours.lower() != theirs.lower():
        return (
            f"{name}: pg_format does not understand it: {done.stderr.strip() or 'its output has other words'}"
        )
    if ours == theirs:
        return None
    if fix:
        replacements = iter(theirs)
        mended = "".join(char if char.isspace() else next(replacements) for char in text)
        path.write_text(mended, encoding="utf-8")
        return None
    at = next(i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
    # The same character of the file, to name its line.
    seen = -1
    for line, content in enumerate(text.splitlines(), start=1):
        seen += len("".join(content.split()))
        if seen >= at:
            return f"{name}:{line}: not in lower case: {content.strip()}"
    return f"{name}: not in lower case"


def sql_layout(_fix: bool) -> Problems:
    """What pg_format is not asked: long lines, tabs, blanks at line ends, the file's end."""
    problems = []
    for path in _sql_files():
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT)
        for number, line in enumerate(text.split("\n"), start=1):
            length = len(LONG_STRING.sub("''", line))
            most = TEST_LINE_LENGTH if "db/tests" in str(name) else LINE_LENGTH
            if length > most:
                problems.append(f"{name}:{number}: {length} characters, at most {most}")
            if re.search(r"\t|\s$", line):
                problems.append(f"{name}:{number}: a tab, or blanks at the end")
        if not text.endswith("\n") or text.endswith("\n\n"):
            problems.append(f"{name}: ends without a line break, or with several")
    return problems


def _sql_files() -> list[Path]:
    return [path for folder in ("db", "migrations") for path in sorted((ROOT / folder).rglob("*.sql"))]


LINTS: tuple[Callable[[bool], Problems], ...] = (ruff, mypy, squawk, pg_format, sql_layout)


def lint(fix: bool = False) -> bool:
    """Run every lint, print what they find, and tell whether all is well."""
    clean = True
    for check in LINTS:
        problems = check(fix)
        print(f"{check.__name__}: {'found' if problems else 'ok'}", flush=True)
        for problem in problems:
            print(problem, flush=True)
        clean = clean and not problems
    return clean


if __name__ == "__main__":
    if set(sys.argv[1:]) - {"--fix"}:
        sys.exit(f"usage: {__doc__}")
    sys.exit(0 if lint(fix="--fix" in sys.argv[1:]) else 1)
