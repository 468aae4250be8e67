-- Switches of an installation, as data: a worker reads them at each run.
create table if not exists public.settings (
    name text not null,
    value text not null,
    description text not null,
    constraint settings_pkey primary key (name),
    constraint settings_reminder_proof_known check (name <> 'reminder_proof' or value in ('broker', 'any'))
);
comment on table public.settings is 'Settings of this installation, one row each; every value is text.';

insert into public.settings (name, value, description) values
    ('reminder_proof', 'broker',
        'Which acceptance of a reminder starts the grace period: broker (a sink that proves delivery) or any.'),
    ('outbox_retention', '30 days', 'How long published events stay in outbox_archive.'),
    ('inbox_retention', '90 days', 'How long the ids of applied events are kept.')
on conflict (name) do nothing;
