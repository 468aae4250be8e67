"""The pages of the runbooks, docs/runbooks/<id>.md, from the rows: alerts and dashboards link to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from jobs.runbook import filled

FOLDER = Path(__file__).with_name("runbooks")

_RUNBOOKS = """
    select runbook, locale, title, quick_summary, business_context, troubleshooting, kpis, escalation, related
      from public.runbooks
     order by position, runbook, locale desc
"""
_STEPS = """
    select instruction, sql, command, healthy, run_as, is_read_only, parameters
      from public.runbook_steps
     where runbook = %(runbook)s and locale = %(locale)s
     order by position
"""
_LANGUAGES = {"en": "English", "de": "Deutsch"}
_HEADINGS = {
    "en": (
        "What to do",
        "Healthy",
        "as",
        "a trial: it rolls back",
        "Troubleshooting",
        "KPIs",
        "Escalation",
        "See also",
    ),
    "de": (
        "Was zu tun ist",
        "Gesund",
        "als",
        "Probe: rollt zurück",
        "Fehlersuche",
        "KPIs",
        "Eskalation",
        "Siehe auch",
    ),
}


def files(connection: psycopg.Connection[dict[str, Any]]) -> dict[Path, str]:
    """A page a runbook, English first, and an index."""
    rows = connection.execute(_RUNBOOKS).fetchall()
    made: dict[str, list[str]] = {}
    for row in rows:
        lines = made.setdefault(row["runbook"], _head(row["runbook"]))
        lines += _section(row, connection.execute(_STEPS, row).fetchall())
    pages = {FOLDER / f"{runbook}.md": "\n".join(lines) for runbook, lines in made.items()}
    return {**pages, FOLDER / "README.md": _index(rows)}


def _head(runbook: str) -> list[str]:
    return [
        f"# {runbook}",
        "",
        f"Generated from the database by `./run docs`; edit `db/runbooks/{runbook}.toml`.",
        f"In the terminal: `leadguard runbook {runbook}`, with `--run` to run what only reads.",
        "",
    ]


def _index(rows: list[dict[str, Any]]) -> str:
    lines = [
        "# Runbooks",
        "",
        "Generated from the database by `./run docs`. Ask in the terminal, or in SQL:",
        "`leadguard runbook \"why did no reminder go out\"`, `select help_guided_operation('outbox', 'en')`.",
        "",
        "| runbook | what for | wofür |",
        "| --- | --- | --- |",
    ]
    summaries = {(row["runbook"], row["locale"]): row["quick_summary"] for row in rows}
    for runbook in dict.fromkeys(row["runbook"] for row in rows):
        said = " | ".join(summaries[runbook, locale].replace("|", "\\|") for locale in ("en", "de"))
        lines.append(f"| [{runbook}]({runbook}.md) | {said} |")
    return "\n".join(lines) + "\n"


def _section(row: dict[str, Any], steps: list[dict[str, Any]]) -> list[str]:
    actions, healthy, role, trial, trouble, kpis, escalation, related = _HEADINGS[row["locale"]]
    lines = [
        f"## {_LANGUAGES[row['locale']]}: {row['title']}",
        "",
        f"**{row['quick_summary']}**",
        "",
        row["business_context"],
        "",
        f"### {actions}",
        "",
    ]
    for number, step in enumerate(steps, start=1):
        lines += [f"{number}. {step['instruction']}", ""]
        if step["sql"]:
            note = "" if step["is_read_only"] else f"; {trial}"
            head = f"-- {role} {step['run_as']}{note}\n"
            lines += _code("sql", head + filled(step["sql"], step["parameters"]))
        if step["command"]:
            lines += _code("sh", filled(step["command"], step["parameters"]))
        if step["healthy"]:
            lines += [f"   {healthy}: {step['healthy']}", ""]
    lines += [f"### {trouble}", ""]
    lines += [f"- **{symptom}**: {action}" for symptom, action in sorted(row["troubleshooting"].items())]
    names = ", ".join(f"`{name}`" for name in row["kpis"])
    links = ", ".join(f"[{name}]({name}.md)" for name in row["related"])
    return [
        *lines,
        "",
        f"### {kpis}",
        "",
        names,
        "",
        f"### {escalation}",
        "",
        row["escalation"],
        "",
        f"{related}: {links}.",
        "",
    ]


def _code(language: str, text: str) -> list[str]:
    """A block of code inside a numbered list."""
    body = [f"   {line}".rstrip() for line in text.strip().splitlines()]
    return [f"   ```{language}", *body, "   ```", ""]
