-- What may be told to others: types, versions and members of events, as data. The check on the outbox, the JSON
-- Schema files, the AsyncAPI document and the catalogue are all made from these rows.
create table if not exists public.event_types (
    event_type text not null,
    version integer not null default 1,
    description text not null,
    is_released boolean not null default false,
    max_bytes integer not null default 4096,
    constraint event_types_pkey primary key (event_type, version),
    constraint event_types_event_type_dotted check (event_type ~ '^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)+$'),
    constraint event_types_version_positive check (version > 0),
    constraint event_types_description_not_blank check (not internal.is_blank(description)),
    constraint event_types_max_bytes_usable check (max_bytes between 256 and 1048576)
);
comment on table public.event_types is
    'The registry of events: an event of another type, or in the form of none of its type''s versions, does not enter the outbox (LP026, LP027).';
comment on column public.event_types.version is
    'A released version only grows, by optional members; any other change of members is a new version, and the old stays for what is replayed.';
comment on column public.event_types.description is 'When it is written.';
comment on column public.event_types.is_released is
    'Whether consumers may rely on it: released versions are frozen in docs/events/released.json.';
comment on column public.event_types.max_bytes is
    'Longest payload. Events carry ids and codes, never what a person has written.';

create table if not exists public.event_type_members (
    scope text not null,
    member text not null,
    since_version integer not null default 1,
    position integer not null,
    json_types text [] not null,
    format text,
    allowed text [],
    is_required boolean not null,
    description text not null,
    constraint event_type_members_pkey primary key (scope, member, since_version),
    constraint event_type_members_scope_is_pattern
    check (scope ~ '^([*]|[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)*([.][*])?)$'),
    constraint event_type_members_member_is_name check (member ~ '^[a-z][a-z0-9_]*([.][a-z][A-Za-z0-9]*)?$'),
    constraint event_type_members_since_version_positive check (since_version > 0),
    constraint event_type_members_json_types_known
    check (json_types <@ array['string', 'integer', 'number', 'boolean', 'object', 'null']),
    constraint event_type_members_format_known check (format in ('uuid', 'date-time', 'date', 'code')),
    constraint event_type_members_text_has_format_or_values
    check ((format is null and allowed is null) or 'string' = any (json_types)),
    constraint event_type_members_description_not_blank check (not internal.is_blank(description))
);
comment on table public.event_type_members is
    'The members of events. A type has those of every scope that it falls under (*, lead.*, itself); of one member the narrowest scope counts, then the highest since_version that its version has reached. v_event_type_members is the outcome.';
comment on column public.event_type_members.scope is 'A type, or a pattern with * at its end.';
comment on column public.event_type_members.member is 'Its name; metadata.x is the key x of the object metadata.';
comment on column public.event_type_members.since_version is 'From which version of a type on the row counts.';
comment on column public.event_type_members.position is 'Its place among the members, for documents.';
comment on column public.event_type_members.json_types is
    'JSON types it may have; null is one of them. Empty: from this version on it is gone.';
comment on column public.event_type_members.format is
    'Of a string: uuid, date-time (RFC 3339, UTC, Z), date, or code (lower case letters, digits, _).';
comment on column public.event_type_members.allowed is 'The only strings it may be; null: any of its format.';

-- What the check on the outbox reads for each event: one narrow row a type and version, made from the two above.
create table if not exists internal.event_patterns (
    event_type text not null,
    version integer not null,
    pattern jsonpath not null,
    members text [] not null,
    max_bytes integer not null,
    constraint event_patterns_pkey primary key (event_type, version)
);
-- Read once an event: not compressed, not beside the row.
alter table internal.event_patterns alter column pattern set storage main;
comment on table internal.event_patterns is
    'The registry of events, compiled: written by compile_event_types() whenever the registry changes.';
comment on column internal.event_patterns.pattern is 'Matches an event whose members are what they should be.';
comment on column internal.event_patterns.members is 'All members that the event itself may have.';

grant select on public.event_types, public.event_type_members to lead_operations;
