-- Receivers that said they are gone: no publisher calls them again, whichever process it runs in.
create table if not exists public.disabled_sinks (
    sink text not null,
    reason text not null,
    disabled_at timestamptz not null default clock_timestamp(),
    constraint disabled_sinks_pkey primary key (sink)
);
comment on table public.disabled_sinks is
    'Webhooks that answered 410 Gone, by URL without user, password and query. Events wait in the outbox until leadguard sinks enable.';
grant select on public.disabled_sinks to lead_operations;
