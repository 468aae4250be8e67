-- The numbers of a contract. A version is never changed: periods stay pinned to the one they started under.
create table if not exists public.protection_policies (
    policy text not null,
    version integer not null default 1,
    base_term interval not null default interval '6 months',
    activity_interval interval not null default interval '60 days',
    grace_period interval not null default interval '10 days',
    max_hold interval not null default interval '6 months',
    time_zone text not null default 'Europe/Berlin',
    reminder_digest_threshold integer not null default 5,
    valid_from timestamptz not null default now(),
    constraint protection_policies_pkey primary key (policy, version),
    constraint protection_policies_policy_not_blank check (btrim(policy) <> ''),
    constraint protection_policies_version_positive check (version > 0),
    constraint protection_policies_base_term_positive check (base_term > interval '0'),
    constraint protection_policies_activity_interval_positive check (activity_interval > interval '0'),
    constraint protection_policies_grace_period_positive check (grace_period > interval '0'),
    constraint protection_policies_max_hold_positive check (max_hold > interval '0'),
    constraint protection_policies_terms_at_most_1000_years
    check (greatest(base_term, activity_interval, grace_period, max_hold) <= interval '1000 years'),
    constraint protection_policies_terms_lead_ahead
    check (
        internal.is_forward(base_term) and internal.is_forward(activity_interval)
        and internal.is_forward(grace_period) and internal.is_forward(max_hold)
    ),
    constraint protection_policies_time_zone_known check (timezone(time_zone, timestamp '2000-01-01') is not null),
    constraint protection_policies_digest_threshold_positive check (reminder_digest_threshold > 0)
);
comment on table public.protection_policies is
    'Contract numbers (6M, 60T, 10T), a row per version; a period is pinned to the version in force when it started.';
comment on column public.protection_policies.base_term is '6M: how long a protection lasts, a calendar interval.';
comment on column public.protection_policies.activity_interval is '60T: within it a qualified activity is due.';
comment on column public.protection_policies.grace_period is '10T: from the sent reminder to the end of protection.';
comment on column public.protection_policies.max_hold is 'A hold longer than this is reported as overrun.';
comment on column public.protection_policies.time_zone is 'Business time zone in which calendar intervals are added.';
comment on column public.protection_policies.reminder_digest_threshold is
    'More reminders than this for one user in one run go out as one digest mail.';
comment on column public.protection_policies.valid_from is
    'Periods that start at or after this moment take this version; version 1 also takes all earlier ones.';

insert into public.protection_policies (policy, version) values ('standard', 1)
on conflict (policy, version) do nothing;
