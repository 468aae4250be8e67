-- Whose protection ran from when to when. Ends are written once; the deadlines inside are derived.
create table if not exists public.lead_protection_periods (
    id bigint generated always as identity,
    lead_id bigint not null,
    user_id bigint not null,
    policy text not null,
    policy_version integer not null,
    started_at timestamptz not null,
    start_reason text not null default 'REGISTERED',
    ended_at timestamptz,
    end_reason text,
    recorded_at timestamptz,
    started_by bigint,
    start_note text,
    constraint lead_protection_periods_pkey primary key (id),
    constraint lead_protection_periods_lead_id_fkey foreign key (lead_id) references public.leads (id)
    on delete cascade,
    constraint lead_protection_periods_policy_fkey foreign key (policy, policy_version)
    references public.protection_policies (policy, version),
    constraint lead_protection_periods_is_whole
    check (internal.is_whole_period(start_reason, started_at, ended_at, end_reason, recorded_at))
);
comment on table public.lead_protection_periods is
    'One user''s protection of one lead, [started_at, ended_at); at most one runs per lead (docs/rules.md, Words).';
comment on column public.lead_protection_periods.policy_version is 'The version in force when the period started.';
comment on column public.lead_protection_periods.started_at is
    'Anchor of 6M; follows a correction of leads.created_at.';
comment on column public.lead_protection_periods.start_reason is 'REGISTERED, TRANSFERRED or REINSTATED.';
comment on column public.lead_protection_periods.ended_at is 'The exact deadline or moment of the end, not of its recording.';
comment on column public.lead_protection_periods.end_reason is 'INACTIVITY, BASE_TERM, TRANSFERRED or CONVERTED.';
comment on column public.lead_protection_periods.recorded_at is
    'When an expiry was recorded; from then on the period is final. Null for the other ends.';
comment on column public.lead_protection_periods.started_by is 'Who reinstated it; null otherwise.';
comment on column public.lead_protection_periods.start_note is 'The reason given for a reinstatement; null otherwise.';

create unique index if not exists lead_protection_periods_one_running
on public.lead_protection_periods (lead_id) where ended_at is null;
create index if not exists lead_protection_periods_by_lead on public.lead_protection_periods (lead_id, started_at);
create index if not exists lead_protection_periods_by_policy
on public.lead_protection_periods (policy, policy_version);
