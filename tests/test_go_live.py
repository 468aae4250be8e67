"""`leadguard go-live` and `leadguard report`: may we go live, and how has it gone since?"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg

from tests.shell import run

Connect = Callable[..., psycopg.Connection[Any]]


def test_go_live_is_for_what_passes_throughout(fresh_database: str, connect: Connect) -> None:
    code, out, _ = run("go-live", url=fresh_database)
    assert code == 8
    for shown in ("OPEN", "NO DATA", "rollback_tested", "→ Fill the rota", "not ready to go live: 1 of 12"):
        assert shown in out
    sign_off = ("go-live", "sign-off", "rollback_tested", "--actor", "7", "--reference")
    code, out, _ = run(*sign_off, "OPS-17\n", "--valid-for", "2 days", "--json", url=fresh_database)
    written = json.loads(out)
    assert (code, written["signed_off_by"], written["reference"]) == (0, 7, "OPS-17\n")
    code, out, _ = run(*sign_off, "OPS-18", url=fresh_database)
    assert (code, out.partition(" until ")[0]) == (0, "rollback_tested is signed off by user 7")
    code, out, error = run(*sign_off, "OPS-19", "--valid-for", "2 years", url=fresh_database)
    assert (code, "LP063" in error) == (1, True)
    withdraw = ("go-live", "withdraw", "rollback_tested", "--actor", "7", "--reason", "failed")
    assert [run(*withdraw, url=fresh_database)[0] for _ in range(2)] == [0, 1]
    assert run(*sign_off, "OPS-20", url=fresh_database)[0] == 0
    connection = connect(fresh_database)
    connection.execute("delete from go_live_questions where criterion not in ('rollback_tested', 'runbooks')")
    code, out, _ = run("go-live", "--json", url=fresh_database)
    told = json.loads(out)
    assert (code, told["ready"], told["counts"]["PASS"]) == (0, True, 2)
    assert told["criteria"][0]["reference"] == "OPS-20"
