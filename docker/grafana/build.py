"""The dashboards, as code. What Grafana reads is made from it and committed:

    ./run dashboards             write dashboards/*.json (provisioned from there) and api/*.json
    ./run dashboards --check     exit 1 if what is committed is something else

`dashboards/` holds the bare models that Grafana's provisioning reads; `api/` the same models as
`POST /api/dashboards/db` takes them:

    curl -X POST -H 'Content-Type: application/json' -u admin http://localhost:3000/api/dashboards/db \\
        -d @docker/grafana/api/seasonal-ops.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from docker.grafana.panels import (
    BLUE,
    GREEN,
    ORANGE,
    PROMETHEUS,
    RED,
    RUNBOOKS,
    YELLOW,
    Line,
    Panel,
    Section,
    Sql,
    arrange,
    bars,
    columns,
    curves,
    figure,
    instant,
    listing,
    ranged,
    rows,
)

FOLDER = Path(__file__).resolve().parent
TEAM = 'team=~"${team:regex}"'
SEASON = 'season=~"${season:regex}"'

HOUR = 3600


# --- what all have in common ------------------------------------------------------------------------------


def _board(uid: str, title: str, description: str, since: str) -> dashboard.Dashboard:
    firing = (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(PROMETHEUS)
        .enable(True)
        .icon_color(RED)
        .expr('ALERTS{alertstate="firing", alertname!="Watchdog"}')
    )
    others = (
        dashboard.DashboardLink("Dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["leadguard"])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )
    books = (
        dashboard.DashboardLink("Runbooks")
        .type(models.DashboardLinkType.LINK)
        .icon("doc")
        .url(f"{RUNBOOKS}/protection-overview.md")
        .target_blank(True)
    )
    return (
        dashboard.Dashboard(title)
        .uid(f"leadguard-{uid}")
        .description(description)
        .tags(["leadguard"])
        .timezone("Europe/Berlin")
        .refresh("1m")
        .time(f"now-{since}", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .annotation(firing)
        .link(others)
        .link(books)
    )


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Values of a label; `All` stands for every one, and for none."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(True, ["All"], ["$__all"]))
    )


def _team() -> dashboard.QueryVariable:
    return _choice("team", "Team", "label_values(finops_cost_per_lead, team)")


def _season() -> dashboard.QueryVariable:
    return _choice("season", "Season", "label_values(season_load_multiplier, season)")


def _number(name: str, label: str, description: str) -> dashboard.TextBoxVariable:
    """Typed by whoever looks; reaches SQL as a quoted string only, and is made a number there."""
    return dashboard.TextBoxVariable(name).label(label).description(description).default_value("")


def _typed(name: str) -> str:
    return f"nullif(trim(${{{name}:sqlstring}}), '')::bigint"


OUTBOX_LAG = "max(outbox_lag_seconds)"
CONNECTIONS = "sum(leadguard_database_connections) / max(leadguard_database_connections_limit)"
FIRING = 'max by (severity, alertname, business_impact) (ALERTS{alertstate="firing"})'
# The last day's average times the season's load.
PUBLISHED = [
    ("60 * sum(rate(outbox_published_total[5m]))", "now"),
    (
        "60 * sum(rate(outbox_published_total[1d])) * on () leadguard:season_load:multiplier",
        "average × season",
    ),
]
LAG_STEPS = ((None, GREEN), (3, ORANGE), (300, RED))
DUE_STEPS = ((None, GREEN), (HOUR / 2, ORANGE), (HOUR, RED))
NONE_WANTED = ((None, GREEN), (1, RED))


# --- Seasonal Operations ----------------------------------------------------------------------------------


def seasonal_operations() -> models.Dashboard:
    board = (
        _board("seasonal-ops", "Seasonal Operations", "Does the system carry the season's load?", "6h")
        .with_variable(_season())
        .with_variable(_team())
    )
    now = Line(
        4,
        [
            (
                4,
                figure(
                    "Season's load",
                    "Load against an ordinary day: 1 out of season, 3 to 5 in a peak season.",
                    "leadguard:season_load:multiplier",
                    "suffix:×",
                    ((None, GREEN), (1.5, YELLOW), (4, ORANGE)),
                    "seasonal-peak",
                ),
            ),
            (
                4,
                figure(
                    "Outbox lag",
                    "Age of the oldest event that is not published. Target: under three seconds.",
                    OUTBOX_LAG,
                    "s",
                    LAG_STEPS,
                    "outbox-backlog",
                    1,
                ),
            ),
            (
                4,
                figure(
                    "Dead events",
                    "Events given up after their last attempt: replay or discard them.",
                    "max(outbox_dead_letters)",
                    "none",
                    NONE_WANTED,
                    "outbox-backlog",
                    0,
                ),
            ),
            (
                4,
                figure(
                    "Oldest reminder due",
                    "How long a due reminder has not been sent. The SLA is one hour.",
                    "max(lead_reminder_oldest_due_seconds)",
                    "s",
                    DUE_STEPS,
                    "reminder-pipeline",
                    0,
                ),
            ),
            (
                4,
                figure(
                    "Database connections",
                    "Share of the connections that are taken. Plans keep 30 % in reserve.",
                    CONNECTIONS,
                    "percentunit",
                    ((None, GREEN), (0.7, YELLOW), (0.8, RED)),
                    "seasonal-peak",
                    0,
                ),
            ),
            (
                4,
                figure(
                    "Age of the figures",
                    "Counted once a minute; older than five minutes, all figures here are history.",
                    "max(leadguard_snapshot_age_seconds)",
                    "s",
                    ((None, GREEN), (180, YELLOW), (300, RED)),
                    "database-away",
                    0,
                ),
            ),
        ],
    )
    events = Line(
        8,
        [
            (
                8,
                curves(
                    "Lag over time",
                    "Age of the oldest event that is not published. Dashed: the target, three seconds.",
                    [ranged(OUTBOX_LAG, "lag")],
                    "s",
                    "outbox-backlog",
                    steps=((None, GREEN), (3, RED)),
                ),
            ),
            (
                8,
                curves(
                    "Pending and dead events",
                    "What waits to be published, and what was given up.",
                    [ranged("max(outbox_pending)", "pending"), ranged("max(outbox_dead_letters)", "dead")],
                    "short",
                    "outbox-backlog",
                ),
            ),
            (
                8,
                curves(
                    "Published events",
                    "Events a minute, by type.",
                    [ranged("60 * sum by (event_type) (rate(outbox_published_total[5m]))", "{{event_type}}")],
                    "opm",
                    "outbox-backlog",
                    stacked=True,
                ),
            ),
        ],
    )
    protection = Line(
        8,
        [
            (
                12,
                curves(
                    "Reminders due against sent",
                    "In the last hour. Sent stays below due while mail or broker is down; both meet again.",
                    [
                        ranged("sum(increase(lead_reminder_due_total[1h]))", "due"),
                        ranged("sum(increase(lead_reminder_sent_total[1h]))", "sent"),
                        ranged("max(lead_reminders_pending)", "waiting now"),
                    ],
                    "short",
                    "reminder-pipeline",
                ),
            ),
            (
                12,
                curves(
                    "Expiries and reactivations",
                    "In the last hour, with the hour that is expected: last week's, times the season's load.",
                    [
                        ranged(
                            "sum by (reason) (increase(lead_protection_expired_total[1h]))",
                            "expired: {{reason}}",
                        ),
                        ranged("sum(increase(lead_protection_reactivated_total[1h]))", "reactivated"),
                        ranged("leadguard:protection_expired:expected1h", "expired: expected"),
                    ],
                    "short",
                    "state-machine",
                ),
            ),
        ],
    )
    capacity = Line(
        8,
        [
            (
                8,
                listing(
                    "The season and what it asks",
                    "Load against an ordinary day, and how full each part may be run.",
                    Sql(
                        "select season, load_multiplier, app_utilisation, worker_utilisation,"
                        " database_utilisation, sample_success_target, ends_at, next_season, next_starts_at"
                        " from public.v_current_season"
                    ),
                    "seasonal-peak",
                    units={
                        "app_utilisation": "percentunit",
                        "worker_utilisation": "percentunit",
                        "database_utilisation": "percentunit",
                        "sample_success_target": "percentunit",
                    },
                ),
            ),
            (
                8,
                curves(
                    "Load against season",
                    "Events published a minute, against the last day's average times the season's load.",
                    [ranged(*each) for each in PUBLISHED],
                    "opm",
                    "seasonal-peak",
                ),
            ),
            (
                8,
                bars(
                    "Load of the seasons",
                    "What each season brings against an ordinary day.",
                    instant(f"season_load_multiplier{{{SEASON}}}", "{{season}}"),
                    "suffix:×",
                    ((None, GREEN), (4, ORANGE), (5, RED)),
                    "seasonal-peak",
                ),
            ),
        ],
    )
    cost = Line(
        8,
        [
            (
                24,
                curves(
                    "Cost per lead",
                    "All cost of a window by its new leads, by team; all: the whole company.",
                    [
                        ranged(
                            f'max by (team) (finops_cost_per_lead{{time_window="24h", {TEAM}}})',
                            "24 h {{team}}",
                        ),
                        ranged(
                            f'max by (team) (finops_cost_per_lead{{time_window="7d", {TEAM}}})',
                            "7 days {{team}}",
                        ),
                        ranged('max(finops_cost_per_lead_budget{time_window="24h"})', "budget"),
                    ],
                    "currencyEUR",
                    "cost-per-lead",
                ),
            ),
        ],
    )
    return arrange(
        board,
        [
            Section("Now", [now]),
            Section("Events", [events]),
            Section("Reminders and protection", [protection]),
            Section("Capacity against season", [capacity]),
            Section("Cost", [cost]),
        ],
    )


# --- Operations Excellence --------------------------------------------------------------------------------

KPIS = """
    select kpi, dimension, value, unit, threshold, status from public.monitoring_user_lead
    union all select kpi, dimension, value, unit, threshold, status from public.monitoring_samples
    union all select kpi, dimension, value, unit, threshold, status from public.monitoring_event_catering
    union all select kpi, dimension, value, unit, threshold, status from public.monitoring_cost_per_lead
    union all select kpi, dimension, value, unit, threshold, status from public.monitoring_outbox
    union all select kpi, dimension, value, unit, threshold, status from public.monitoring_jobs
    union all select kpi, dimension, value, unit, threshold, status from public.monitoring_mail
"""


def operations_excellence() -> models.Dashboard:
    board = _board(
        "operations-excellence", "Operations Excellence", "Is what was promised kept, at what cost?", "24h"
    ).with_variable(_team())
    promises = Line(
        4,
        [
            (
                4,
                figure(
                    "Reminders in time",
                    "Of those sent in six hours, sent within an hour of falling due. Target: 99 %.",
                    "leadguard:reminder_in_time:ratio6h",
                    "percentunit",
                    ((None, RED), (0.99, GREEN)),
                    "reminder-pipeline",
                    1,
                ),
            ),
            (
                4,
                figure(
                    "Samples delivered",
                    "Of those resolved within a day. Target: 85 %, in a peak season 80 %.",
                    "leadguard:sample_success:ratio1d",
                    "percentunit",
                    ((None, RED), (0.8, YELLOW), (0.85, GREEN)),
                    "sample-loss",
                    1,
                ),
            ),
            (
                4,
                figure(
                    "Samples lost",
                    "Within a day. Target: none.",
                    "sum(increase(sample_request_lost_total[1d]))",
                    "none",
                    NONE_WANTED,
                    "sample-loss",
                    0,
                ),
            ),
            (
                4,
                figure(
                    "Catering answered in",
                    "95 % of the answers of six hours took at most this long. SLA: two hours.",
                    "leadguard:catering_response_seconds:p95_6h",
                    "s",
                    ((None, GREEN), (1.5 * HOUR, ORANGE), (2 * HOUR, RED)),
                    "catering-sla",
                    0,
                ),
            ),
            (
                4,
                figure(
                    "Catering breaches",
                    "Requests that passed two hours, within a day; unanswered ones count too.",
                    "sum(increase(event_catering_sla_breaches_total[1d]))",
                    "none",
                    NONE_WANTED,
                    "catering-sla",
                    0,
                ),
            ),
            (
                4,
                figure(
                    "Cost per lead, 30 days",
                    "The whole company's. Budget: 25 EUR.",
                    'max(finops_cost_per_lead{time_window="30d", team="all"})',
                    "currencyEUR",
                    ((None, GREEN), (25, RED)),
                    "cost-per-lead",
                    2,
                ),
            ),
        ],
    )
    standing = Line(
        9,
        [
            (
                9,
                listing(
                    "Alerts that fire",
                    "The watchdog always does; whatever stands beside it wants somebody.",
                    rows(FIRING).ref_id("A"),
                    "protection-overview",
                    colored=["severity"],
                    hidden=["Time", "Value"],
                ),
            ),
            (
                15,
                listing(
                    "Figures against their targets",
                    "As psql shows them: monitoring_user_lead and its siblings.",
                    Sql(
                        "select kpi, dimension, value, unit, threshold, status"
                        f" from ({KPIS}) as k order by status = 'BREACH' desc nulls last, kpi"
                    ),
                    "protection-overview",
                    colored=["status"],
                ),
            ),
        ],
    )
    sla = Line(
        8,
        [
            (
                8,
                curves(
                    "Delay of reminders",
                    "From falling due to being sent, of the last six hours. Dashed: the SLA, one hour.",
                    [
                        ranged("leadguard:reminder_delay_seconds:p99_6h", "99 % within"),
                        ranged("max(lead_reminder_oldest_due_seconds)", "oldest waiting"),
                    ],
                    "s",
                    "reminder-pipeline",
                    steps=((None, GREEN), (HOUR, RED)),
                ),
            ),
            (
                8,
                curves(
                    "Reminder mail",
                    "In the last hour, by outcome; and what waits.",
                    [
                        ranged("sum by (outcome) (increase(mail_messages_total[1h]))", "{{outcome}}"),
                        ranged("max(mail_messages_pending)", "waiting now"),
                    ],
                    "short",
                    "reminder-pipeline",
                ),
            ),
            (
                8,
                bars(
                    "Silence of the workers",
                    "Since each one's last success, as a share of what it is allowed (expected_jobs).",
                    instant(
                        "sort_desc(leadguard:job_silence:seconds"
                        " / max by (job) (leadguard_job_max_silence_seconds))",
                        "{{job}}",
                    ),
                    "percentunit",
                    ((None, GREEN), (0.5, ORANGE), (1, RED)),
                    "reminder-pipeline",
                ),
            ),
        ],
    )
    samples = Line(
        8,
        [
            (
                12,
                curves(
                    "Samples delivered against target",
                    "Share of what was resolved within a day, and what the season asks.",
                    [
                        ranged("leadguard:sample_success:ratio1d", "delivered"),
                        ranged("leadguard:sample_success_target:ratio", "target"),
                    ],
                    "percentunit",
                    "sample-loss",
                ),
            ),
            (
                12,
                curves(
                    "Samples by product",
                    "Requested and lost within a day.",
                    [
                        ranged(
                            "sum by (product_type) (increase(sample_request_total[1d]))",
                            "requested: {{product_type}}",
                        ),
                        ranged(
                            "sum by (product_type) (increase(sample_request_lost_total[1d]))",
                            "lost: {{product_type}}",
                        ),
                    ],
                    "short",
                    "sample-loss",
                ),
            ),
        ],
    )
    catering = Line(
        8,
        [
            (
                12,
                curves(
                    "Time to answer catering requests",
                    "Half and 95 % of the answers of the last six hours. Dashed: the SLA, two hours.",
                    [
                        ranged(
                            "histogram_quantile(0.5, sum by (le)"
                            " (increase(event_catering_sla_seconds_bucket[6h])) > 0)",
                            "half within",
                        ),
                        ranged("leadguard:catering_response_seconds:p95_6h", "95 % within"),
                    ],
                    "s",
                    "catering-sla",
                    steps=((None, GREEN), (2 * HOUR, RED)),
                ),
            ),
            (
                12,
                curves(
                    "Catering breaches by kind of event",
                    "Requests that passed two hours, within a day.",
                    [
                        ranged(
                            "sum by (event_type) (increase(event_catering_sla_breaches_total[1d]))",
                            "{{event_type}}",
                        )
                    ],
                    "short",
                    "catering-sla",
                    bars=True,
                ),
            ),
        ],
    )
    cost = Line(
        8,
        [
            (
                12,
                curves(
                    "Cost per lead of the last 24 hours",
                    "By team; all: the whole company.",
                    [
                        ranged(
                            f'max by (team) (finops_cost_per_lead{{time_window="24h", {TEAM}}})', "{{team}}"
                        ),
                        ranged('max(finops_cost_per_lead_budget{time_window="24h"})', "budget"),
                    ],
                    "currencyEUR",
                    "cost-per-lead",
                ),
            ),
            (
                12,
                bars(
                    "Cost per lead now",
                    "By team and window. Red: over the budget of 25 EUR.",
                    instant(
                        f"max by (team, time_window) (finops_cost_per_lead{{{TEAM}}})",
                        "{{team}} {{time_window}}",
                    ),
                    "currencyEUR",
                    ((None, GREEN), (20, YELLOW), (25, RED)),
                    "cost-per-lead",
                ),
            ),
        ],
    )
    return arrange(
        board,
        [
            Section("Promises", [promises]),
            Section("Where we stand", [standing]),
            Section("Reminders and workers", [sla]),
            Section("Samples", [samples]),
            Section("Catering", [catering]),
            Section("Cost", [cost]),
        ],
    )


# --- Lead Protection --------------------------------------------------------------------------------------


def lead_protection() -> models.Dashboard:
    board = (
        _board("lead-protection", "Lead Protection", "Whose lead is this, until when, and why?", "24h")
        .with_variable(_number("lead", "Lead", "The id of a lead, for its timeline."))
        .with_variable(_number("user", "User", "The id of a sales partner, for their leads."))
    )
    state = "max by (state) (lead_protection_state)"
    states = Line(
        5,
        [
            (
                10,
                bars(
                    "Leads by state",
                    "All leads now. Grace and due reminders are still protected.",
                    instant(state, "{{state}}"),
                    "short",
                    ((None, BLUE),),
                    "state-machine",
                ),
            ),
            (
                4,
                figure(
                    "Active holds",
                    "Leads whose clock stands still.",
                    "max(lead_holds_active)",
                    "none",
                    ((None, BLUE),),
                    "hold-management",
                    0,
                ),
            ),
            (
                5,
                figure(
                    "Holds overrun",
                    "Holds that are open for longer than their policy allows.",
                    "max(lead_holds_overrun)",
                    "none",
                    ((None, GREEN), (1, ORANGE)),
                    "hold-management",
                    0,
                ),
            ),
            (
                5,
                figure(
                    "Oldest reminder due",
                    "How long a due reminder has not been sent. The SLA is one hour.",
                    "max(lead_reminder_oldest_due_seconds)",
                    "s",
                    DUE_STEPS,
                    "reminder-pipeline",
                    0,
                ),
            ),
        ],
    )
    course = Line(
        8,
        [
            (
                12,
                curves(
                    "States over time",
                    "How many leads are in each state.",
                    [ranged(state, "{{state}}")],
                    "short",
                    "state-machine",
                    stacked=True,
                ),
            ),
            (
                12,
                curves(
                    "Activities and conversions",
                    "In the last hour.",
                    [
                        ranged("sum(increase(lead_qualified_activity_total[1h]))", "qualified activities"),
                        ranged("sum(increase(lead_conversion_success_total[1h]))", "conversions"),
                    ],
                    "short",
                    "qualified-activities",
                ),
            ),
        ],
    )
    ending = Line(
        9,
        [
            (
                9,
                columns(
                    "Protections that end, by day",
                    "Of the next 14 days, if nothing happens until then.",
                    """
                    select to_char(date_trunc('day', protection_expires_at at time zone 'Europe/Berlin'),
                                   'DD.MM.') as day, count(*) as leads
                      from public.v_user_lead_protection
                     where state in ('PROTECTED', 'REMINDER_DUE', 'GRACE')
                       and protection_expires_at < now() + interval '14 days'
                     group by date_trunc('day', protection_expires_at at time zone 'Europe/Berlin')
                     order by date_trunc('day', protection_expires_at at time zone 'Europe/Berlin')
                    """,
                    "day",
                    "short",
                    "protection-overview",
                ),
            ),
            (
                15,
                listing(
                    "What ends in the next days",
                    "The 200 leads whose protection ends first. A lead's id leads to its timeline.",
                    Sql(
                        """
                        select lead_id, user_id, state, protection_expires_at, days_remaining,
                               reminder_sent_at, clock_stopped_since is not null as is_on_hold
                          from public.v_user_lead_protection
                         where state in ('PROTECTED', 'REMINDER_DUE', 'GRACE')
                           and protection_expires_at < now() + interval '14 days'
                         order by protection_expires_at, lead_id
                         limit 200
                        """
                    ),
                    "protection-overview",
                    colored=["state"],
                    lead_link=True,
                ),
            ),
        ],
    )
    one = [
        Line(
            5,
            [
                (
                    24,
                    listing(
                        "The lead",
                        "Its state now; type its id above.",
                        Sql(
                            "select lead_id, user_id, state, protection_started_at, protection_expires_at,"
                            " days_remaining, base_expires_at, reminder_due_at, grace_ends_at,"
                            " clock_stopped_since, end_reason, policy"
                            f" from public.v_user_lead_protection where lead_id = {_typed('lead')}"
                        ),
                        "protection-overview",
                        colored=["state"],
                    ),
                )
            ],
        ),
        Line(
            10,
            [
                (
                    24,
                    listing(
                        "Its timeline",
                        "Every fact, what it did to the clocks, and what held from then on.",
                        Sql(
                            "select step, at, fact, effect, clock, reminder_due_at, protection_expires_at"
                            f" from public.v_lead_timeline where lead_id = {_typed('lead')} order by step"
                        ),
                        "state-machine",
                    ),
                )
            ],
        ),
    ]
    users = Line(
        10,
        [
            (
                24,
                listing(
                    "One user's leads",
                    "The 500 that end first; type the user's id above.",
                    Sql(
                        "select lead_id, state, protection_expires_at, days_remaining,"
                        " last_qualified_activity_at, reminder_due_at, reminder_sent_at, grace_ends_at,"
                        " clock_stopped_since, end_reason from public.v_user_lead_protection"
                        f" where user_id = {_typed('user')} order by protection_expires_at, lead_id limit 500"
                    ),
                    "protection-overview",
                    colored=["state"],
                    lead_link=True,
                ),
            )
        ],
    )
    return arrange(
        board,
        [
            Section("All leads", [states, course]),
            Section("What ends", [ending]),
            Section("One lead: ${lead}", one),
            Section("One user: ${user}", [users]),
        ],
    )


# --- War Room ---------------------------------------------------------------------------------------------


def _area(title: str, description: str, area: str, book: str) -> Panel:
    """The rows that the terminal shows, with the target and the status of their monitoring views."""
    query = Sql(
        "select kpi, dimension, value, unit, threshold, status"
        f" from public.monitoring_war_room where area = '{area}'"
    )
    return listing(title, description, query, book, colored=["status"])


def war_room() -> models.Dashboard:
    board = (
        _board("war-room", "War Room", "What matters during a peak, on one screen.", "3h")
        .refresh("10s")
        .variables([])
    )
    first = Line(
        9,
        [
            (
                8,
                _area(
                    "Season",
                    "What comes in against what was planned for, connections, tasks overdue.",
                    "season",
                    "seasonal-peak",
                ),
            ),
            (
                8,
                _area(
                    "Leads and reminders",
                    "Leads by state, and what waits.",
                    "protection",
                    "reminder-pipeline",
                ),
            ),
            (
                8,
                _area(
                    "Events", "What waits to be published, and what was given up.", "events", "outbox-backlog"
                ),
            ),
        ],
    )
    second = Line(
        9,
        [
            (
                8,
                _area(
                    "Samples, catering, cost", "Of the last day, and who waits.", "customers", "sample-loss"
                ),
            ),
            (
                8,
                _area(
                    "Workers",
                    "Seconds since the last success of each that is expected.",
                    "workers",
                    "database-away",
                ),
            ),
            (
                8,
                listing(
                    "Alerts that fire",
                    "The watchdog always does; whatever stands beside it wants somebody.",
                    rows(FIRING).ref_id("A"),
                    "seasonal-peak",
                    colored=["severity"],
                    hidden=["Time", "Value"],
                ),
            ),
        ],
    )
    tasks = Line(
        8,
        [
            (
                24,
                listing(
                    "Tasks around the season",
                    "Of the season that runs, is reviewed or comes next, and whatever is overdue.",
                    Sql(
                        """
                        select id, season, milestone, task, due_on, days_left, owner, status, urgency,
                               evidence
                          from public.v_season_milestones
                         where is_at_hand
                         order by due_on, season, task
                        """
                    ),
                    "seasonal-peak",
                    colored=["status", "urgency"],
                ),
            )
        ],
    )
    course = Line(
        8,
        [
            (
                8,
                curves(
                    "Load against season",
                    "Events published a minute, against the last day's average times the season's load.",
                    [ranged(*each) for each in PUBLISHED],
                    "opm",
                    "seasonal-peak",
                ),
            ),
            (
                8,
                curves(
                    "Lag over time",
                    "Age of the oldest event that is not published.",
                    [ranged(OUTBOX_LAG, "lag")],
                    "s",
                    "outbox-backlog",
                ),
            ),
            (
                8,
                curves(
                    "Connections",
                    "Share of the database's connections that are taken, and what the season's plan allows.",
                    [ranged(CONNECTIONS, "taken"), ranged("max(season_database_utilisation_target)", "plan")],
                    "percentunit",
                    "seasonal-peak",
                ),
            ),
        ],
    )
    return arrange(
        board,
        [
            Section("Now", [first, second]),
            Section("To be done", [tasks]),
            Section("The last hours", [course]),
        ],
    )


# --- the files --------------------------------------------------------------------------------------------

DASHBOARDS: dict[str, Callable[[], models.Dashboard]] = {
    "seasonal-ops": seasonal_operations,
    "operations-excellence": operations_excellence,
    "lead-protection": lead_protection,
    "war-room": war_room,
}


def files() -> Iterator[tuple[Path, str]]:
    """Every file that Grafana reads or is sent, and what is in it."""
    for name, build in DASHBOARDS.items():
        model = json.loads(json.dumps(build(), cls=JSONEncoder))
        yield FOLDER / "dashboards" / f"{name}.json", _text(model)
        # id null and overwrite: made where there is none of this uid, else replaced.
        body = {"dashboard": {"id": None, **model}, "overwrite": True, "message": "From leadguard"}
        yield FOLDER / "api" / f"{name}.json", _text(body)


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        print(__doc__, file=sys.stderr)
        return 2
    stale = [path for path, text in files() if not path.exists() or path.read_text("utf-8") != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(FOLDER)} is not what the code makes: ./run dashboards", file=sys.stderr)
        return 1 if stale else 0
    for path, text in files():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
