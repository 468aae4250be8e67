"""All tests, in steps: `./run test --help`.

Every step runs, whatever the ones before it said; the exit code is 1 when one failed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from jobs.cluster import ClusterError
from tests.lint import lint
from tests.pgtap import prove
from tests.tools import MissingTools, provide

ROOT = Path(__file__).resolve().parent.parent
STEPS = ("lint", "pgtap", "isolation", "pytest")
NIGHTLY_HISTORIES = 20_000
NIGHTLY_KILLS = 1_000
NIGHTLY_FIGURE_SEEDS = 40
NIGHTLY_LEADS = 1_000_000
NIGHTLY_PAUSE = 60
NIGHTLY_ROLLBACKS = 1_000


def pytest(*arguments: str) -> bool:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False).returncode == 0


class LongStep:
    """pytest while other steps run: it takes the longest, so it begins first and is heard last."""

    def __init__(self, *arguments: str, alone: bool) -> None:
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments], cwd=ROOT, stdout=None if alone else subprocess.PIPE
        )

    def __call__(self) -> bool:
        """Show what it says until it ends; tell whether all passed."""
        while self._process.stdout and (said := os.read(self._process.stdout.fileno(), 1 << 16)):
            sys.stdout.buffer.write(said)
            sys.stdout.flush()
        return self._process.wait() == 0

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def passes(name: str, step: Callable[[], bool]) -> bool:
    print(f"\n== {name}", flush=True)
    started = step.started if isinstance(step, LongStep) else time.monotonic()
    try:
        passed = step()
    except ClusterError as error:
        print(error, file=sys.stderr)
        passed = False
    print(f"== {name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - started:.0f} s", flush=True)
    return passed


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run test", description="Lints, pgTAP, isolation specs, pytest.")
    parser.add_argument(
        "--pg", choices=("local", "embedded"), default=os.environ.get("LEADGUARD_PG") or "local"
    )
    parser.add_argument(
        "--only", metavar="STEP[,STEP]", default=",".join(STEPS), help=f"of {', '.join(STEPS)}"
    )
    parser.add_argument("--nightly", action="store_true", help="the long profiles")
    parser.add_argument("pytest", nargs="*", metavar="-- ARGS", help="passed on to pytest")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if not set(chosen) <= set(STEPS):
        parser.error(f"--only takes a list of {', '.join(STEPS)}")
    options.only = [name for name in STEPS if name in chosen]
    return options


def main() -> int:
    options = parse()
    # A shell's background job ignores Ctrl-C, and so would all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # An exit that tidies up: pytest in the background ends, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ["LEADGUARD_PG"] = options.pg  # for tests/conftest.py and every program that is started
    if options.nightly:
        os.environ.setdefault("LEADGUARD_HISTORIES", str(NIGHTLY_HISTORIES))
        os.environ.setdefault("LEADGUARD_KILLS", str(NIGHTLY_KILLS))
        os.environ.setdefault("LEADGUARD_FIGURE_SEEDS", str(NIGHTLY_FIGURE_SEEDS))
        os.environ.setdefault("LEADGUARD_LEADS", str(NIGHTLY_LEADS))
        os.environ.setdefault("LEADGUARD_PAUSE", str(NIGHTLY_PAUSE))
        os.environ.setdefault("LEADGUARD_ROLLBACKS", str(NIGHTLY_ROLLBACKS))
    try:
        provide(options.only, options.pg)
    except MissingTools as error:
        print(error, file=sys.stderr)
        return 1

    steps: dict[str, Callable[[], bool]] = {
        "lint": lint,
        "pgtap": prove,
        "isolation": lambda: pytest("tests/test_isolation.py"),
    }
    with ExitStack() as tidying:
        if "pytest" in options.only:
            # A server each; three, so that two cores have something to do while one waits. A file stays
            # together, the longest come first.
            steps["pytest"] = tests = LongStep(
                *("--ignore=tests/test_isolation.py", "--numprocesses=3", "--dist=loadfile"),
                *("--no-loadscope-reorder", *options.pytest),
                alone=options.only == ["pytest"],
            )
            tidying.callback(tests.end)
        results = {name: passes(name, steps[name]) for name in options.only}

    passed = sum(results.values())
    print("\n" + "\n".join(f"{'ok    ' if good else 'FAILED'} {name}" for name, good in results.items()))
    print(f"steps: {passed} passed, {len(results) - passed} failed", flush=True)
    return 0 if passed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
