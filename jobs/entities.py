"""What can be imported: the fields of each kind of file, and the set-based SQL that loads them.

A file is copied into the temporary table `staging` (a column a field; `line`, `refused`, `known`).
`prepare` completes the rows there and refuses in bulk what can be judged in bulk; `insert` loads a
range of lines. What the database itself refuses is found by halving the range (jobs/importer.py).
"""

from dataclasses import dataclass
from typing import Literal, LiteralString

Kind = Literal["text", "integer", "moment", "day", "boolean"]


@dataclass(frozen=True)
class Field:
    """One field; `required` means that every row must have it."""

    name: str
    kind: Kind = "text"
    required: bool = False


@dataclass(frozen=True)
class Entity:
    """One kind of file."""

    name: str
    noun: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    prepare: tuple[LiteralString, ...]
    insert: LiteralString

    @property
    def field_names(self) -> list[str]:
        return [field.name for field in self.fields]

    @property
    def required(self) -> list[str]:
        return [field.name for field in self.fields if field.required]


# A fact names its lead by the foreign id or by ours; blank users are the lead's own.
_FIND_LEAD: tuple[LiteralString, ...] = (
    """
    update staging as s set lead_id = l.id
      from public.leads as l
     where s.lead_id is null and l.external_id = s.lead_external_id
    """,
    """
    update staging as s set user_id = l.user_id
      from public.leads as l
     where s.user_id is null and l.id = s.lead_id
    """,
    """
    update staging as s
       set refused = format('unknown lead %%s', coalesce(s.lead_external_id, s.lead_id::text))
     where not exists (select from public.leads as l where l.id = s.lead_id)
    """,
)
_OF_LEAD = (Field("lead_external_id"), Field("lead_id", "integer"), Field("user_id", "integer"))

LEADS = Entity(
    name="leads",
    noun="lead",
    fields=(
        Field("external_id", required=True),
        Field("user_id", "integer", required=True),
        Field("company_name", required=True),
        Field("city"),
        Field("contact_name"),
        Field("contact_email"),
        Field("contact_phone"),
        Field("created_at", "moment"),
        Field("converted_at", "moment"),
    ),
    key=("external_id",),
    prepare=(
        "update staging as s set known = true from public.leads as l where l.external_id = s.external_id",
    ),
    insert="""
    insert into public.leads (
        external_id, user_id, company_name, city, contact_name, contact_email, contact_phone,
        created_at, converted_at)
    select s.external_id, s.user_id, s.company_name, s.city, s.contact_name, s.contact_email,
           s.contact_phone, coalesce(s.created_at, now()), s.converted_at
      from staging as s
     where s.line between %(first)s and %(last)s and s.refused is null and not s.known
     order by s.line
    on conflict (external_id) where external_id is not null do nothing
    """,
)

ACTIVITIES = Entity(
    name="activities",
    noun="activity",
    fields=(
        Field("external_id", required=True),
        *_OF_LEAD,
        Field("activity_type", required=True),
        Field("occurred_at", "moment", required=True),
        Field("summary"),
    ),
    key=("external_id",),
    prepare=(
        *_FIND_LEAD,
        """
        update staging as s set refused = format('unknown activity type %%s', s.activity_type)
         where s.refused is null
           and not exists (select from public.activity_types as t where t.activity_type = s.activity_type)
        """,
        """
        update staging as s set known = true
          from public.lead_activities as a
         where a.external_id = s.external_id
        """,
    ),
    # In the order of leads, then of time: the order in which facts are cheapest and rows are locked.
    insert="""
    insert into public.lead_activities (external_id, lead_id, user_id, activity_type, occurred_at, summary)
    select s.external_id, s.lead_id, s.user_id, s.activity_type, s.occurred_at, s.summary
      from staging as s
     where s.line between %(first)s and %(last)s and s.refused is null and not s.known
     order by s.lead_id, s.occurred_at
    on conflict (external_id) where external_id is not null do nothing
    """,
)

HOLDS = Entity(
    name="holds",
    noun="hold",
    fields=(
        Field("external_id", required=True),
        *_OF_LEAD,
        Field("reason", required=True),
        Field("start_at", "moment", required=True),
        Field("end_at", "moment"),
        Field("created_by", "integer"),
        Field("released_by", "integer"),
    ),
    key=("external_id",),
    prepare=(
        *_FIND_LEAD,
        """
        update staging as s set known = true
          from public.lead_holds as h
         where h.external_id = s.external_id
        """,
    ),
    insert="""
    insert into public.lead_holds (
        external_id, lead_id, user_id, reason, start_at, end_at, created_by, released_by)
    select s.external_id, s.lead_id, s.user_id, s.reason, s.start_at, s.end_at, s.created_by, s.released_by
      from staging as s
     where s.line between %(first)s and %(last)s and s.refused is null and not s.known
     order by s.lead_id, s.start_at
    on conflict (external_id) where external_id is not null do nothing
    """,
)

USERS = Entity(
    name="users",
    noun="sales user",
    fields=(
        Field("user_id", "integer", required=True),
        Field("display_name"),
        Field("email"),
        Field("team"),
        Field("locale"),
        Field("policy"),
        Field("active", "boolean"),
    ),
    key=("user_id",),
    prepare=(
        "update staging as s set known = true from public.sales_users as u where u.user_id = s.user_id",
    ),
    insert="""
    insert into public.sales_users (user_id, display_name, email, team, locale, policy, active)
    select s.user_id, s.display_name, s.email, s.team, coalesce(s.locale, 'de'),
           coalesce(s.policy, 'standard'), coalesce(s.active, true)
      from staging as s
     where s.line between %(first)s and %(last)s and s.refused is null and not s.known
     order by s.line
    on conflict (user_id) do nothing
    """,
)

# What a predecessor system has sent. A reminder has no foreign id: its window is its key.
REMINDERS = Entity(
    name="reminders",
    noun="sent reminder",
    fields=(
        *_OF_LEAD,
        Field("reminder_type"),
        Field("window_start", "day", required=True),
        Field("due_at", "moment"),
        Field("sent_at", "moment", required=True),
    ),
    key=("lead_external_id", "lead_id", "user_id", "reminder_type", "window_start"),
    prepare=(
        *_FIND_LEAD,
        "update staging set reminder_type = 'INACTIVITY' where reminder_type is null",
        """
        update staging as s set known = true
          from public.lead_reminders as r
         where r.lead_id = s.lead_id and r.user_id = s.user_id
           and r.reminder_type = s.reminder_type and r.window_start = s.window_start
        """,
    ),
    insert="""
    insert into public.lead_reminders (
        lead_id, user_id, reminder_type, window_start, due_at, known_at, sent_at)
    select s.lead_id, s.user_id, s.reminder_type, s.window_start, d.due_at, d.due_at, s.sent_at
      from staging as s
     cross join lateral (
           select least(
                      s.sent_at,
                      coalesce(s.due_at, s.window_start::timestamp at time zone %(zone)s)
                  ) as due_at
           ) as d
     where s.line between %(first)s and %(last)s and s.refused is null and not s.known
     order by s.lead_id, s.sent_at
    on conflict on constraint lead_reminders_once_per_window do nothing
    """,
)

ENTITIES = (USERS, LEADS, ACTIVITIES, HOLDS, REMINDERS)
