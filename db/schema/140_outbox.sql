-- Events wait here from the transaction that makes them until a publisher has handed them over.
-- Pending ones stay in a small hot table; acknowledged ones move to the archive, partitioned by month.
-- No foreign key to leads: an event outlives its lead.
create table if not exists public.outbox (
    id bigint generated always as identity,
    event_id uuid not null,
    event_type text not null,
    lead_id bigint,
    user_id bigint,
    payload json not null,
    created_at timestamptz not null default now(),
    claimed_at timestamptz,
    claim_token bigint,
    constraint outbox_pkey primary key (id),
    constraint outbox_event_id_once unique (event_id)
) with (fillfactor = 80);
comment on table public.outbox is 'Events not yet published; per lead, id order is commit order.';
comment on column public.outbox.payload is 'The event as it goes out, text built once: every redelivery is byte-identical.';
comment on column public.outbox.claimed_at is 'When a publisher took it; from then on it is not withdrawn.';
comment on column public.outbox.claim_token is 'The lease under which it was taken.';

create table if not exists public.outbox_archive (
    id bigint not null,
    event_id uuid not null,
    event_type text not null,
    lead_id bigint,
    user_id bigint,
    payload json not null,
    created_at timestamptz not null,
    published_at timestamptz not null,
    constraint outbox_archive_pkey primary key (published_at, id)
) partition by range (published_at);
comment on table public.outbox_archive is 'Published events, kept for the setting outbox_retention.';
create table if not exists internal.outbox_archive_default partition of public.outbox_archive default;
comment on table internal.outbox_archive_default is 'Safety net: should stay empty, partitions are made ahead.';

create table if not exists internal.outbox_leases (
    shard integer not null,
    holder text,
    token bigint not null default 0,
    leased_until timestamptz not null default '-infinity',
    constraint outbox_leases_pkey primary key (shard)
);
comment on table internal.outbox_leases is 'Who may publish; a new holder gets a higher token, which fences off the former.';
insert into internal.outbox_leases (shard) values (0) on conflict (shard) do nothing;
