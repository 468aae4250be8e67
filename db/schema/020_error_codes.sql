-- Every refusal of Leadguard, once: SQLSTATE, short fact, what to do.
create table if not exists public.error_codes (
    code text not null,
    message text not null,
    hint text not null,
    constraint error_codes_pkey primary key (code),
    constraint error_codes_private_class check (code ~ '^LP[0-9]{3}$')
);
comment on table public.error_codes is
    'SQLSTATEs of the private class LP, the message and the standing hint of each. Programs branch on the code.';

insert into public.error_codes (code, message, hint) values
    ('LP001', 'unknown lead', 'Look the lead up with: select id, user_id, company_name from leads where id = ...'),
    ('LP002', 'user does not hold the protection',
        'See who does: select user_id, state from v_user_lead_protection where id = ...'),
    ('LP003', 'protection is over',
        'See when and why: select * from explain_lead_protection(...); a new one starts with reinstate_lead_protection.'),
    ('LP004', 'reason is blank', 'Say in a few words why; the reason is shown to whoever disputes a date.'),
    ('LP005', 'hold ends before it starts', 'Give an end_at at or after start_at, or none for an open hold.'),
    ('LP006', 'moment is out of range', 'Give a finite moment in the years 2000 to 2100.'),
    ('LP007', 'moment lies in the future', 'Facts are entered when they have happened; up to five minutes of clock skew are forgiven.'),
    ('LP008', 'unknown activity type', 'See the list: select activity_type, is_qualified from activity_types.'),
    ('LP009', 'activity type is not qualified', 'See the list: select activity_type from activity_types where is_qualified.'),
    ('LP010', 'extension is not usable', 'Give an interval whose months, days and time are all positive or zero, not all zero.'),
    ('LP011', 'protection is still running', 'Only an ended protection can be reinstated; to prolong one use extend_lead_protection.'),
    ('LP012', 'lead is converted', 'If the conversion was an error: update leads set converted_at = null where id = ...'),
    ('LP013', 'the id of a lead never changes', 'Register the lead anew, or correct its other columns.'),
    ('LP014', 'fact belongs to a recorded expiry',
        'A recorded expiry is final; if it was wrong, reinstate_lead_protection starts a new protection.'),
    ('LP015', 'shared tables are never truncated', 'Use DELETE: it fires the triggers that keep the protection right.'),
    ('LP016', 'facts are malformed',
        'Give {"activities": [{"occurred_at": ..., "activity_type": ...}], "holds": [{"start_at": ..., "end_at": ...}]}.'),
    ('LP017', 'event is malformed', 'Compare it with the members that handle_module_event documents.'),
    ('LP018', 'unknown event type', 'handle_module_event takes lead.created and lead.activity.created.'),
    ('LP019', 'unknown policy', 'See the list: select policy, version from protection_policies.'),
    ('LP020', 'history is never rewritten', 'Add a new policy version or a new activity type instead.'),
    ('LP021', 'lead is registered for another user', 'A lead is handed over with: update leads set user_id = ... where id = ...'),
    ('LP022', 'limit is not usable', 'Give a whole number from 1 up.'),
    ('LP023', 'no events are named', 'Give ids, a type, a lead or a time range; list_outbox_events shows what there is.'),
    ('LP024', 'unknown event', 'See what there is: select id, event_id, event_type, state from list_outbox_events().'),
    ('LP025', 'event is at a publisher', 'Try again in a minute: by then it is published, or its lease has run out.'),
    ('LP026', 'type of event is not registered', 'See the types: select event_type, version from event_types.'),
    ('LP027', 'event does not match its type',
        'Compare it with: select * from v_event_type_members where event_type = ...'),
    ('LP028', 'refusals do not fit their events', 'Give as many errors as ids, in the same order.'),
    ('LP029', 'unknown state of events', 'What is replayed was PUBLISHED, or is DEAD.'),
    ('LP030', 'unknown mail', 'See what there is: select id, user_id, recipient, state, last_error from mail_messages.'),
    ('LP031', 'mail is not stuck', 'Only what has BOUNCED or is UNKNOWN is taken up by hand; the rest takes its course.')
on conflict (code) do update set message = excluded.message, hint = excluded.hint;
