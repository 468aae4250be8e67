-- "May we go live?", as the plan asks it. Data: an installation that has a question of its own adds a row, and it is
-- signed off like the others. What measures itself is measured by internal.measure_go_live().
create table if not exists public.go_live_questions (
    criterion text not null,
    position integer not null,
    category text not null,
    title text not null,
    is_measured boolean not null default false,
    what_to_do text not null,
    constraint go_live_questions_pkey primary key (criterion),
    constraint go_live_questions_criterion_is_a_name
    check (criterion ~ '^[a-z][a-z0-9_]*$' and char_length(criterion) <= 60),
    constraint go_live_questions_nothing_blank check (
        not internal.is_blank(category) and not internal.is_blank(title) and not internal.is_blank(what_to_do)
    )
);
comment on table public.go_live_questions is
    'What the go-live plan asks; the answers are in go_live_criteria. A new row is a question that a person signs off.';
comment on column public.go_live_questions.position is 'Its place in the list.';
comment on column public.go_live_questions.is_measured is
    'Whether the database answers it by itself; else a person does, with sign_off_go_live_criterion.';
comment on column public.go_live_questions.what_to_do is 'What is to be done while the answer is not yes.';

insert into public.go_live_questions (criterion, position, category, title, is_measured, what_to_do) values
    ('reminder_sla', 10, 'targets', 'Reminders go out within their SLA', true,
        'See leadguard runbook reminder-pipeline. No data: let one fall due and go out.'),
    ('sample_success', 20, 'targets', 'Samples arrive', true,
        'See leadguard runbook sample-loss. No data: samples are entered and resolved by their module.'),
    ('catering_response', 30, 'targets', 'Catering requests are answered in time', true,
        'See leadguard runbook catering-sla. No data: requests are entered and answered by their module.'),
    ('cost_per_lead', 40, 'targets', 'A new lead costs what it may', true,
        'See leadguard runbook cost-per-lead. No data: FinOps enters its costs in cost_entries.'),
    ('rollback_tested', 110, 'emergency', 'The rollback has been tested', false,
        'Roll a copy of the database back to the release before and forward again, and keep what it printed.'),
    ('emergency_contacts', 120, 'emergency', 'Emergency contacts are known and answer', false,
        'Write the list down, call everybody on it once, and say where it lies.'),
    ('escalation_matrix', 130, 'emergency', 'The escalation matrix is agreed', false,
        'Agree who is told when, by severity (docs/monitoring.md), and that Alertmanager''s receivers are these people.'),
    ('alerts_tested', 140, 'emergency', 'Alerts have been tested with sample incidents', false,
        'Make an incident of each severity on a copy, and see that its alert reached whom it should.'),
    ('round_the_clock', 210, 'operations', 'Somebody is on call around the clock', false,
        'Fill the rota for every hour of the week, peak season included.'),
    ('runbooks', 220, 'operations', 'The help system has the runbooks', true,
        'Run leadguard migrate: it stores the runbooks of the release, in both languages.'),
    ('integration', 230, 'operations', 'The modules work together, end to end', true,
        'Let each module write once and the workers publish and refresh; see leadguard runbook outbox-backlog for dead letters.'),
    ('peak_performance', 240, 'operations', 'Performance has been tested for the seasonal peaks', true,
        'Rehearse the peaks: leadguard rehearse --baseline RPS --record, on a server of the same kind.')
on conflict (criterion) do nothing;

-- History: a sign-off runs out or is withdrawn, and stays on record either way.
create table if not exists public.go_live_sign_offs (
    id bigint generated always as identity,
    criterion text not null,
    decision text not null,
    signed_off_by bigint not null,
    reference text not null,
    signed_off_at timestamptz not null default now(),
    expires_at timestamptz,
    constraint go_live_sign_offs_pkey primary key (id),
    constraint go_live_sign_offs_criterion_fkey
    foreign key (criterion) references public.go_live_questions (criterion),
    constraint go_live_sign_offs_decision_known check (decision in ('SIGNED_OFF', 'WITHDRAWN')),
    constraint go_live_sign_offs_reference_not_blank check (not internal.is_blank(reference)),
    constraint go_live_sign_offs_expires_if_signed_off
    check ((decision = 'SIGNED_OFF') = (expires_at is not null) and coalesce(expires_at > signed_off_at, true))
);
comment on table public.go_live_sign_offs is
    'Who has answered for which criterion of go-live, until when; rows are added, never changed (LP020).';
comment on column public.go_live_sign_offs.decision is
    'SIGNED_OFF, or WITHDRAWN: then none of the sign-offs before counts any more.';
comment on column public.go_live_sign_offs.signed_off_by is 'Who decided it, by user id.';
comment on column public.go_live_sign_offs.reference is
    'Where the proof lies: a report, a ticket, minutes; of a withdrawal, why.';
comment on column public.go_live_sign_offs.expires_at is 'Until when a sign-off counts, half-open; null for a withdrawal.';

create index if not exists go_live_sign_offs_by_criterion on public.go_live_sign_offs (criterion, id);

grant select on public.go_live_questions, public.go_live_sign_offs to lead_operations;
