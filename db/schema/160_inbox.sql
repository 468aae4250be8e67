-- Ids of the events of other modules that have been applied: each is applied once.
create table if not exists internal.inbox (
    event_id uuid not null,
    event_type text not null,
    received_at timestamptz not null default now(),
    constraint inbox_pkey primary key (event_id)
);
comment on table internal.inbox is 'Applied events of other modules, kept for the setting inbox_retention.';

create index if not exists inbox_by_received_at on internal.inbox (received_at);
