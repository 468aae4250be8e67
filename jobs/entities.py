"""What can be imported: the fields of each kind of file, and the set-based SQL that loads them.

A file is copied into the temporary table `staging` (a column a field, and `line`). `resolve` finds there what
a row refers to and refuses what can be judged in bulk; each resolved row is matched with the stored row of
the same key, and what is to be written stands in the temporary table `todo` in the order of `order`, numbered
by `place`. `insert` loads a range of places. What the database itself refuses is found by halving the range
(jobs/importer.py).
"""

from dataclasses import dataclass
from typing import Literal, LiteralString

Kind = Literal["text", "integer", "user", "moment", "day", "boolean", "amount"]


@dataclass(frozen=True)
class Field:
    """One field; `required`: every row must have it; `updatable`: a known row may change in it."""

    name: str
    kind: Kind = "text"
    required: bool = False
    updatable: bool = True


@dataclass(frozen=True)
class Entity:
    """One kind of file."""

    name: str
    noun: str
    table: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    resolve: LiteralString
    match: LiteralString
    order: LiteralString
    insert: LiteralString
    leads: LiteralString | None = None
    is_of_lead: bool = True  # where it has the fields to name one: every row must

    @property
    def field_names(self) -> list[str]:
        return [field.name for field in self.fields]

    @property
    def required(self) -> list[str]:
        return [field.name for field in self.fields if field.required]

    @property
    def updatable(self) -> list[str]:
        """The fields that `--update` can name: columns of the table under the same name."""
        return [field.name for field in self.fields if field.updatable]


# A fact names its lead by the foreign id or by ours; a blank user is the one of --user, else the lead's own.
_OF_LEAD = (
    Field("lead_external_id", updatable=False),
    Field("lead_id", "integer"),
    Field("user_id", "user"),
)

# The stored lead that a row names, by either id.
_WITH_LEAD: LiteralString = """from staging as s
      left join public.leads as e on e.external_id = s.lead_external_id
      left join public.leads as l on l.id = coalesce(s.lead_id, e.id)"""
_UNKNOWN_LEAD: LiteralString = (
    "when l.id is null then format('unknown lead %%s', coalesce(s.lead_id::text, s.lead_external_id))"
)

# A request may be nobody's; then it must say whose user's it is. Which user asks is not known otherwise.
_UNKNOWN_ASKER: LiteralString = """case
               when l.id is null and coalesce(s.lead_id::text, s.lead_external_id) is not null
                   then format('unknown lead %%s', coalesce(s.lead_id::text, s.lead_external_id))
               when coalesce(s.user_id, %(user)s, l.user_id, k.user_id) is null
                   then 'neither lead nor user is named'
           end"""

# What is loaded at once. A row that another import has brought meanwhile stays as it is.
_PLACES: LiteralString = """from todo as t
     where t.place between %(first)s and %(last)s
     order by t.place
    on conflict (external_id) where external_id is not null do nothing"""

LEADS = Entity(
    name="leads",
    noun="lead",
    table="leads",
    fields=(
        Field("external_id", required=True, updatable=False),
        Field("user_id", "user", required=True),
        Field("company_name", required=True),
        Field("city"),
        Field("contact_name"),
        Field("contact_email"),
        Field("contact_phone"),
        Field("created_at", "moment"),
        Field("converted_at", "moment"),
    ),
    key=("external_id",),
    resolve="select s.*, null::text as refused from staging as s",
    match="k.external_id = r.external_id",
    order="line",
    insert=f"""
    insert into public.leads (
        external_id, user_id, company_name, city, contact_name, contact_email, contact_phone,
        created_at, converted_at)
    select t.external_id, coalesce(t.user_id, %(user)s), t.company_name, t.city, t.contact_name,
           t.contact_email, t.contact_phone, coalesce(t.created_at, now()), t.converted_at
      {_PLACES}
    """,
    leads="select l.id from public.leads as l join todo as t on t.external_id = l.external_id",
)

ACTIVITIES = Entity(
    name="activities",
    noun="activity",
    table="lead_activities",
    fields=(
        Field("external_id", required=True, updatable=False),
        *_OF_LEAD,
        Field("activity_type", required=True),
        Field("occurred_at", "moment", required=True),
        Field("summary"),
    ),
    key=("external_id",),
    resolve=f"""
    select s.line, s.external_id, l.id as lead_id, s.user_id, l.user_id as default_user,
           s.activity_type, s.occurred_at, s.summary,
           case
               {_UNKNOWN_LEAD}
               when a.activity_type is null then format('unknown activity type %%s', s.activity_type)
           end as refused
      {_WITH_LEAD}
      left join public.activity_types as a on a.activity_type = s.activity_type
    """,
    match="k.external_id = r.external_id",
    # All facts of a lead side by side: its clocks are brought in line once, and rows are locked in one order.
    order="lead_id, occurred_at, line",
    insert=f"""
    insert into public.lead_activities (external_id, lead_id, user_id, activity_type, occurred_at, summary)
    select t.external_id, t.lead_id, coalesce(t.user_id, %(user)s, t.default_user), t.activity_type,
           t.occurred_at, t.summary
      {_PLACES}
    """,
    leads="select t.lead_id as id from todo as t",
)

HOLDS = Entity(
    name="holds",
    noun="hold",
    table="lead_holds",
    fields=(
        Field("external_id", required=True, updatable=False),
        *_OF_LEAD,
        Field("reason", required=True),
        Field("start_at", "moment", required=True),
        Field("end_at", "moment"),
        Field("created_by", "user"),
        Field("released_by", "user"),
    ),
    key=("external_id",),
    resolve=f"""
    select s.line, s.external_id, l.id as lead_id, s.user_id, l.user_id as default_user,
           s.reason, s.start_at, s.end_at, s.created_by, s.released_by,
           case {_UNKNOWN_LEAD} end as refused
      {_WITH_LEAD}
    """,
    match="k.external_id = r.external_id",
    order="lead_id, start_at, line",
    insert=f"""
    insert into public.lead_holds (
        external_id, lead_id, user_id, reason, start_at, end_at, created_by, released_by)
    select t.external_id, t.lead_id, coalesce(t.user_id, %(user)s, t.default_user), t.reason,
           t.start_at, t.end_at, t.created_by, t.released_by
      {_PLACES}
    """,
    leads="select t.lead_id as id from todo as t",
)

USERS = Entity(
    name="users",
    noun="sales user",
    table="sales_users",
    fields=(
        Field("user_id", "integer", required=True, updatable=False),
        Field("display_name"),
        Field("email"),
        Field("team"),
        Field("locale"),
        Field("policy"),
        Field("active", "boolean"),
    ),
    key=("user_id",),
    resolve="select s.*, null::text as refused from staging as s",
    match="k.user_id = r.user_id",
    order="line",
    insert="""
    insert into public.sales_users (user_id, display_name, email, team, locale, policy, active)
    select t.user_id, t.display_name, t.email, t.team, coalesce(t.locale, 'de'),
           coalesce(t.policy, 'standard'), coalesce(t.active, true)
      from todo as t
     where t.place between %(first)s and %(last)s
     order by t.place
    on conflict (user_id) do nothing
    """,
)

# What a predecessor system has sent. A reminder has no foreign id: its window is its key. What was sent once
# was sent: nothing of it is updated.
REMINDERS = Entity(
    name="reminders",
    noun="sent reminder",
    table="lead_reminders",
    fields=(
        Field("lead_external_id", updatable=False),
        Field("lead_id", "integer", updatable=False),
        Field("user_id", "user", updatable=False),
        Field("reminder_type", updatable=False),
        Field("window_start", "day", required=True, updatable=False),
        Field("due_at", "moment", updatable=False),
        Field("sent_at", "moment", required=True, updatable=False),
    ),
    key=("lead_external_id", "lead_id", "user_id", "reminder_type", "window_start"),
    resolve=f"""
    select s.line, l.id as lead_id, coalesce(s.user_id, %(user)s, l.user_id) as user_id,
           coalesce(s.reminder_type, 'INACTIVITY') as reminder_type, s.window_start, s.due_at, s.sent_at,
           case {_UNKNOWN_LEAD} end as refused
      {_WITH_LEAD}
    """,
    match="""
    k.lead_id = r.lead_id and k.user_id = r.user_id and k.reminder_type = r.reminder_type
    and k.window_start = r.window_start
    """,
    order="lead_id, sent_at, line",
    insert="""
    insert into public.lead_reminders (
        lead_id, user_id, reminder_type, window_start, due_at, known_at, sent_at)
    select t.lead_id, t.user_id, t.reminder_type, t.window_start, d.due_at, d.due_at, t.sent_at
      from todo as t
     cross join lateral (
           select least(
                      t.sent_at,
                      coalesce(t.due_at, t.window_start::timestamp at time zone %(zone)s)
                  ) as due_at
           ) as d
     where t.place between %(first)s and %(last)s
     order by t.place
    on conflict on constraint lead_reminders_once_per_window do nothing
    """,
    leads="select t.lead_id as id from todo as t",
)

SAMPLES = Entity(
    name="samples",
    noun="sample request",
    table="sample_requests",
    fields=(
        Field("external_id", required=True, updatable=False),
        *_OF_LEAD,
        Field("product_type", required=True),
        Field("urgency"),
        Field("status"),
        Field("requested_at", "moment"),
        Field("resolved_at", "moment"),
    ),
    key=("external_id",),
    resolve=f"""
    select s.line, s.external_id, l.id as lead_id, s.user_id, coalesce(l.user_id, k.user_id) as default_user,
           s.product_type, s.urgency, upper(s.status) as status, s.requested_at, s.resolved_at,
           {_UNKNOWN_ASKER} as refused
      {_WITH_LEAD}
      left join public.sample_requests as k on k.external_id = s.external_id
    """,
    match="k.external_id = r.external_id",
    order="lead_id, requested_at, line",
    insert=f"""
    insert into public.sample_requests (
        external_id, lead_id, user_id, product_type, urgency, status, requested_at, resolved_at)
    select t.external_id, t.lead_id, coalesce(t.user_id, %(user)s, t.default_user), t.product_type,
           coalesce(t.urgency, 'NORMAL'), coalesce(t.status, 'REQUESTED'), coalesce(t.requested_at, now()),
           t.resolved_at
      {_PLACES}
    """,
    is_of_lead=False,
)

CATERING = Entity(
    name="catering",
    noun="catering request",
    table="event_catering_requests",
    fields=(
        Field("external_id", required=True, updatable=False),
        *_OF_LEAD,
        Field("event_type", required=True),
        Field("capacity_tier"),
        Field("requested_at", "moment"),
        Field("responded_at", "moment"),
    ),
    key=("external_id",),
    resolve=f"""
    select s.line, s.external_id, l.id as lead_id, s.user_id, coalesce(l.user_id, k.user_id) as default_user,
           s.event_type, s.capacity_tier, s.requested_at, s.responded_at,
           {_UNKNOWN_ASKER} as refused
      {_WITH_LEAD}
      left join public.event_catering_requests as k on k.external_id = s.external_id
    """,
    match="k.external_id = r.external_id",
    order="lead_id, requested_at, line",
    insert=f"""
    insert into public.event_catering_requests (
        external_id, lead_id, user_id, event_type, capacity_tier, requested_at, responded_at)
    select t.external_id, t.lead_id, coalesce(t.user_id, %(user)s, t.default_user), t.event_type,
           coalesce(t.capacity_tier, 'STANDARD'), coalesce(t.requested_at, now()), t.responded_at
      {_PLACES}
    """,
    is_of_lead=False,
)

COSTS = Entity(
    name="costs",
    noun="cost entry",
    table="cost_entries",
    fields=(
        Field("external_id", required=True, updatable=False),
        Field("cost_type", required=True),
        Field("amount_eur", "amount", required=True),
        Field("user_id", "user"),
        Field("team"),
        Field("incurred_at", "moment"),
        Field("source"),
    ),
    key=("external_id",),
    resolve="""
    select s.line, s.external_id, upper(s.cost_type) as cost_type, s.amount_eur,
           s.user_id, s.team, s.incurred_at, s.source, null::text as refused
      from staging as s
    """,
    match="k.external_id = r.external_id",
    order="incurred_at, line",
    insert=f"""
    insert into public.cost_entries (external_id, cost_type, amount_eur, user_id, team, incurred_at, source)
    select t.external_id, t.cost_type, t.amount_eur, coalesce(t.user_id, %(user)s), t.team,
           coalesce(t.incurred_at, now()), t.source
      {_PLACES}
    """,
)

ENTITIES = (USERS, LEADS, ACTIVITIES, HOLDS, REMINDERS, SAMPLES, CATERING, COSTS)
