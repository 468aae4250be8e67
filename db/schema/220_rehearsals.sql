-- What rehearsals of a peak have shown of this server: evidence for going live, and for a season's milestones.
create table if not exists public.rehearsals (
    id bigint generated always as identity,
    season text,
    baseline_rps double precision not null,
    load_multiplier double precision not null,
    seconds double precision not null,
    passed boolean not null,
    verdicts jsonb not null,
    requests jsonb not null,
    rehearsed_at timestamptz not null default now(),
    rehearsed_by text not null default session_user,
    constraint rehearsals_pkey primary key (id),
    constraint rehearsals_load_is_some check (
        baseline_rps > 0 and load_multiplier > 0 and seconds > 0
        and baseline_rps < 'infinity' and load_multiplier < 'infinity' and seconds < 'infinity'
    ),
    constraint rehearsals_verdicts_is_array check (jsonb_typeof(verdicts) = 'array')
);
comment on table public.rehearsals is
    'Rehearsals of a peak (leadguard rehearse --record), a row for each load, on a scratch database of this server.';
comment on column public.rehearsals.season is 'The season that was rehearsed for; null: none in particular.';
comment on column public.rehearsals.load_multiplier is 'Times the baseline.';
comment on column public.rehearsals.seconds is 'How long that load lasted.';
comment on column public.rehearsals.passed is 'Whether every threshold was kept.';
comment on column public.rehearsals.verdicts is
    'A threshold each: {"threshold", "bound", "measured", "passed", "what"}.';
comment on column public.rehearsals.requests is 'By kind: {"count", "errors", "p50_ms", "p95_ms", "p99_ms", "max_ms"}.';

grant select on public.rehearsals to lead_operations;
