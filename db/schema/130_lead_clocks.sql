-- What the facts of a lead come to, one narrow row per lead, so that the view only compares it with now().
-- Derived: internal.evaluate_period computes it, verify_lead_protection() compares it.
create table if not exists internal.lead_clocks (
    lead_id bigint not null,
    user_id bigint not null,
    period_id bigint not null,
    policy text not null,
    policy_version integer not null,
    started_at timestamptz not null,
    state text not null,
    steady_until timestamptz not null,
    protection_expires_at timestamptz,
    last_qualified_activity_at timestamptz,
    base_expires_at timestamptz not null,
    reminder_due_at timestamptz not null,
    reminder_sent_at timestamptz,
    grace_ends_at timestamptz,
    held_since timestamptz,
    held_until timestamptz,
    last_held_until timestamptz,
    planned_until timestamptz,
    stale_at timestamptz,
    ended_at timestamptz,
    end_reason text,
    final_until timestamptz,
    next_reminder_check_at timestamptz,
    next_expiry_check_at timestamptz,
    has_queued_reminder boolean not null default false,
    facts_entered_at timestamptz not null default now(),
    qualified_activities integer not null default 0,
    reminder_known_at timestamptz,
    base_known_at timestamptz,
    constraint lead_clocks_pkey primary key (lead_id),
    constraint lead_clocks_lead_id_fkey foreign key (lead_id) references public.leads (id) on delete cascade
) with (fillfactor = 80);
comment on table internal.lead_clocks is
    'The clocks of each lead''s latest period as absolute times; an open hold is left out of them and added by protection_row.';
comment on column internal.lead_clocks.state is 'As computed; holds until steady_until.';
comment on column internal.lead_clocks.steady_until is
    'Until then the row shows as stored; from then on protection_row computes it (-infinity: always, it moves with now()).';
comment on column internal.lead_clocks.protection_expires_at is 'As shown until steady_until.';
comment on column internal.lead_clocks.grace_ends_at is
    'End of the grace that runs (reminder_sent_at set), else of the one that would follow reminder_due_at; null once over.';
comment on column internal.lead_clocks.held_since is
    'Start of the merged hold that was active when the row was computed, not before the period; null: none.';
comment on column internal.lead_clocks.held_until is 'Its end; infinity while it is open.';
comment on column internal.lead_clocks.last_held_until is 'End of the latest hold, active or not; infinity while open.';
comment on column internal.lead_clocks.planned_until is
    'Latest planned release beside an open hold: held time counts to it at least. Null without an open hold.';
comment on column internal.lead_clocks.stale_at is
    'From then on the facts must be walked anew: an open hold has moved R past the window of the reminder that counts.';
comment on column internal.lead_clocks.final_until is 'End of the latest period whose expiry is recorded.';
comment on column internal.lead_clocks.next_reminder_check_at is
    'No reminder falls due before; moved earlier at once, later by the sweep. Null: none can.';
comment on column internal.lead_clocks.next_expiry_check_at is
    'Protection does not run out before; moved earlier at once, later by the sweep. Null: it cannot.';
comment on column internal.lead_clocks.facts_entered_at is 'When a fact last changed this row.';
comment on column internal.lead_clocks.qualified_activities is
    'Counted here as the row is written anyway; noted in figure_deltas when its lead goes.';
comment on column internal.lead_clocks.reminder_known_at is
    'When the facts were entered by which an inactivity reminder falls due when it does; null: facts_entered_at.';
comment on column internal.lead_clocks.base_known_at is 'The same of the term reminder.';

create index if not exists lead_clocks_by_user on internal.lead_clocks (user_id);
create index if not exists lead_clocks_by_reminder_check
on internal.lead_clocks (next_reminder_check_at) where next_reminder_check_at is not null;
create index if not exists lead_clocks_by_expiry_check
on internal.lead_clocks (next_expiry_check_at) where next_expiry_check_at is not null;
