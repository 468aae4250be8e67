-- Reminder mail: one message for one or many reminders of a user. The queue and the record of what became of it.
-- No foreign key to users: what went out is on record when its user is gone.
create table if not exists public.mail_messages (
    id bigint generated always as identity,
    user_id bigint not null,
    recipient text not null,
    locale text not null,
    state text not null default 'PENDING',
    message_id text not null,
    attempts integer not null default 0,
    unknowns integer not null default 0,
    crashes integer not null default 0,
    next_attempt_at timestamptz not null default now(),
    token uuid,
    leased_until timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    constraint mail_messages_pkey primary key (id),
    constraint mail_messages_message_id_once unique (message_id),
    constraint mail_messages_state_known
    check (state in ('PENDING', 'CLAIMED', 'SENDING', 'SENT', 'BOUNCED', 'UNKNOWN')),
    constraint mail_messages_leased_while_claimed
    check ((state in ('CLAIMED', 'SENDING')) = (token is not null and leased_until is not null)),
    constraint mail_messages_sent_has_moment check ((state = 'SENT') = (sent_at is not null))
) with (fillfactor = 80);
comment on table public.mail_messages is
    'Reminder mail, a row a message: PENDING, CLAIMED and SENDING by a worker, SENT; BOUNCED (refused for good) and UNKNOWN (twice lost between sending and recording) wait for operations.';
comment on column public.mail_messages.recipient is 'The user''s address as of the last claim.';
comment on column public.mail_messages.message_id is 'Message-ID, made once: a message that is sent again bears the same.';
comment on column public.mail_messages.attempts is 'How often it was handed to a mail server, accepted or not.';
comment on column public.mail_messages.unknowns is
    'How often it was not known whether the server had accepted it (a crash, a broken connection); it was then sent again.';
comment on column public.mail_messages.crashes is
    'How often of these the worker died: after the first the message is sent again, after the second it waits for operations.';
comment on column public.mail_messages.next_attempt_at is 'While PENDING: not before.';
comment on column public.mail_messages.sent_at is 'When the mail server accepted it: the sent_at of its reminders.';

create index if not exists mail_messages_by_next_attempt
on public.mail_messages (next_attempt_at) where state = 'PENDING';
create index if not exists mail_messages_by_lease
on public.mail_messages (leased_until) where state in ('CLAIMED', 'SENDING');
create index if not exists mail_messages_stuck
on public.mail_messages (user_id) where state in ('BOUNCED', 'UNKNOWN');
create index if not exists mail_messages_by_created_at on public.mail_messages (created_at);

-- A reminder is in one message at most, and leaves it when it is withdrawn or its lead is deleted.
create table if not exists public.mail_message_reminders (
    reminder_id bigint not null,
    mail_id bigint not null,
    constraint mail_message_reminders_pkey primary key (reminder_id),
    constraint mail_message_reminders_reminder_id_fkey
    foreign key (reminder_id) references public.lead_reminders (id) on delete cascade,
    constraint mail_message_reminders_mail_id_fkey
    foreign key (mail_id) references public.mail_messages (id) on delete cascade
);
comment on table public.mail_message_reminders is 'Which reminders a mail tells of: one, or many in a digest.';

create index if not exists mail_message_reminders_by_mail on public.mail_message_reminders (mail_id);

-- Counters never fall, whatever is purged: they are counted where the outcome is recorded.
create table if not exists internal.mail_counts (
    outcome text not null,
    messages bigint not null default 0,
    constraint mail_counts_pkey primary key (outcome),
    constraint mail_counts_outcome_known check (outcome in ('sent', 'bounced', 'unknown')),
    constraint mail_counts_never_negative check (messages >= 0)
) with (fillfactor = 20);
comment on table internal.mail_counts is 'Mail by outcome since the beginning; a message that bounced and was sent later counts in both.';
insert into internal.mail_counts (outcome) values ('sent'), ('bounced'), ('unknown')
on conflict (outcome) do nothing;

grant select on public.mail_messages, public.mail_message_reminders to lead_operations;
