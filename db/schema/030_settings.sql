-- Switches of an installation, as data: a worker reads them at each run.
create table if not exists public.settings (
    name text not null,
    value text not null,
    description text not null,
    constraint settings_pkey primary key (name),
    constraint settings_reminder_proof_known check (name <> 'reminder_proof' or value in ('broker', 'any')),
    constraint settings_outbox_shards_usable
    check (name <> 'outbox_shards' or value ~ '^([1-9]|[1-5][0-9]|6[0-4])$'),
    constraint settings_outbox_max_attempts_usable
    check (name <> 'outbox_max_attempts' or value ~ '^[1-9][0-9]{0,2}$'),
    constraint settings_outbox_retry_delay_usable
    check (case when name = 'outbox_retry_delay' then internal.is_forward(value::interval) else true end),
    constraint settings_retention_at_least_a_day check (
        case
            when name like '%\_retention'
                then internal.is_forward(value::interval) and value::interval >= interval '1 day'
            else true
        end
    ),
    constraint settings_catering_sla_usable check (
        case
            when name = 'catering_sla' then value::interval between interval '1 second' and interval '1 year' else true
        end
    ),
    constraint settings_amounts_usable check (
        name not in ('cost_per_lead_budget', 'instance_eur_per_hour', 'worker_eur_per_hour')
        or value ~ '^[0-9]{1,9}([.][0-9]{1,4})?$'
    ),
    constraint settings_figure_series_limit_usable
    check (name <> 'figure_series_limit' or value ~ '^[1-9][0-9]{0,3}$'),
    constraint settings_user_series_limit_usable
    check (name <> 'user_series_limit' or value ~ '^(0|[1-9][0-9]{0,2})$'),
    constraint settings_mail_from_usable check (
        name <> 'mail_from' or value = ''
        or value ~ '^([^[:cntrl:]<>@]*<)?[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+[A-Za-z0-9]>?$'
        and (value like '%<%') = (value like '%>')
    ),
    constraint settings_go_live_at_usable check (
        case
            when name = 'go_live_at' and value <> '' then
                value ~ '^20[0-9]{2}(-[0-9]{2}){2}[ T][0-9]{2}(:[0-9]{2}){1,2}(Z|[+-][0-9]{2}(:[0-9]{2})?)$'
                and value::timestamptz is not null
            else true
        end
    ),
    constraint settings_mail_lead_url_usable
    check (name <> 'mail_lead_url' or value = '' or value ~ '^https?://[^[:cntrl:][:space:]<>]+$')
);
comment on table public.settings is 'Settings of this installation, one row each; every value is text.';

insert into public.settings (name, value, description) values
    ('reminder_proof', 'broker',
        'Which acceptance of a reminder starts the grace period: broker (a sink that proves delivery) or any.'),
    ('outbox_shards', '4',
        'Into how many parts the outbox is divided by lead id: so many publishers can be at work at once (1 to 64).'),
    ('outbox_max_attempts', '10',
        'How often an event is offered to a sink that refuses it before it becomes a dead letter (1 to 999).'),
    ('outbox_retry_delay', '2 seconds',
        'How long a refused event waits for its second attempt; twice as long each time, up to 5 minutes.'),
    ('outbox_retention', '30 days', 'How long published events stay in outbox_archive.'),
    ('inbox_retention', '90 days', 'How long the ids of applied events are kept.'),
    ('inbox_dead_letters_retention', '365 days',
        'How long incoming events that were refused wait to be replayed or discarded, from when they last came.'),
    ('budget_breaches_retention', '365 days', 'How long breaches of the cost budget stay on record; 31 days at least.'),
    ('job_runs_retention', '90 days', 'How long the runs of the workers are kept; the last of each job stays.'),
    ('catering_sla', '2 hours', 'Within which a request for event catering is to be answered.'),
    ('cost_per_lead_budget', '25', 'What a new lead may cost, in EUR.'),
    ('instance_eur_per_hour', '0.10', 'Price of an application instance, an assumption: put in what yours costs.'),
    ('worker_eur_per_hour', '0.05', 'Price of a worker process, an assumption: put in what yours costs.'),
    ('mail_from', '',
        'Sender of the reminder mail, such as FreshFoodz <leads@freshfoodz.example>; empty: no mail is sent, reminders count as sent when the sink has accepted their event.'),
    ('mail_lead_url', '',
        'Address of a lead''s page in the sales tool, {lead_id} for its id: reminder mail links to it. Empty: no link.'),
    ('mail_retention', '90 days', 'How long mail that was sent stays on record.'),
    ('figure_series_limit', '200',
        'How many label values (or pairs of them) of a figure are told apart; those that come later count as other.'),
    ('go_live_at', '',
        'When it went live, such as 2026-12-01 06:00+01: the report counts from it. Empty: it has not.'),
    ('user_series_limit', '0',
        'For how many users, those with the most leads first, the exporter tells the states of leads apart (up to 999); the others are together. 0: for none.')
on conflict (name) do nothing;
