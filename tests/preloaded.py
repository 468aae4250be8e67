"""What every child of tests.forked begins with: the program's modules imported, its templates compiled."""

from __future__ import annotations

import gc
from importlib import import_module

from jobs import letters
from jobs.cli import COMMANDS

for name in (
    *COMMANDS.values(),
    "jobs.report_html",
    "jobs.smtp",
    "jobs.timeline_svg",
    "jobs.timeline_text",
    *(f"jobs.sinks.{sink}" for sink in ("lines", "notify", "nats", "amqp", "webhook")),
    *(f"jobs.sources.{source}" for source in ("nats", "amqp")),
    # What httpx and rich import when they are first used.
    "httpcore",
    "anyio._backends._asyncio",
    "rich._emoji_codes",
    "rich.console",
    "rich.live",
    "rich.table",
    "psycopg.types.json",
    # Those that die.
    "tests.kills",
    "tests.test_kills",
):
    import_module(name)

# Compiling the templates costs ten times what sending a mail does.
for template in letters.TEMPLATES.iterdir():
    letters._environment().get_template(template.name)

# A child whose collector walks through all this would copy it page by page.
gc.collect()
gc.freeze()
