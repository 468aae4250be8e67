-- Events that a sink has refused for good stand apart: they hold up nobody, and people decide what becomes of them.
create table if not exists public.outbox_dead_letters (
    id bigint not null,
    event_id uuid not null,
    event_type text not null,
    lead_id bigint,
    user_id bigint,
    payload json not null,
    created_at timestamptz not null,
    dead_lettered_at timestamptz not null default now(),
    attempts integer not null,
    last_error text not null,
    original_id bigint,
    published_at timestamptz,
    constraint outbox_dead_letters_pkey primary key (id),
    constraint outbox_dead_letters_event_id_once unique (event_id)
);
comment on table public.outbox_dead_letters is
    'Events given up after setting outbox_max_attempts or a final refusal; kept until replayed or discarded.';
comment on column public.outbox_dead_letters.last_error is 'What the sink said at the last attempt.';
comment on column public.outbox_dead_letters.original_id is 'Of a replayed event: the id it was written with.';
comment on column public.outbox_dead_letters.published_at is 'Of a replayed event that had been published: when; else null.';
create index if not exists outbox_dead_letters_by_time on public.outbox_dead_letters (dead_lettered_at);
create index if not exists outbox_dead_letters_by_lead on public.outbox_dead_letters (lead_id);
grant select on public.outbox_dead_letters to lead_operations;
