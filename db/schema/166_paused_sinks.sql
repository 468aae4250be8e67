-- Receivers that asked to be left alone for a while (Retry-After): every process keeps to it, cron's passes too.
create table if not exists public.paused_sinks (
    sink text not null,
    reason text not null,
    paused_at timestamptz not null default clock_timestamp(),
    paused_until timestamptz not null,
    constraint paused_sinks_pkey primary key (sink)
);
comment on table public.paused_sinks is
    'Webhooks that answered with a Retry-After, by URL without user, password and query; no event is sent there before paused_until.';
grant select on public.paused_sinks to lead_operations;
