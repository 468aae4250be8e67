-- Which activities restart the 60-day clock. The list is data; a listed type keeps its meaning for ever.
create table if not exists public.activity_types (
    activity_type text not null,
    is_qualified boolean not null,
    constraint activity_types_pkey primary key (activity_type),
    constraint activity_types_activity_type_not_blank check (btrim(activity_type) <> '')
);
comment on table public.activity_types is 'The known activity types; an activity of another type is refused (LP008).';
comment on column public.activity_types.is_qualified is 'Whether such an activity of the protecting user restarts 60T.';

insert into public.activity_types (activity_type, is_qualified) values
    ('QUALIFIED_CALL', true),
    ('CUSTOMER_REACTION', true),
    ('SCHEDULED_FOLLOWUP', true),
    ('SAMPLE_FEEDBACK', true),
    ('ROI_PRESENTATION', true),
    ('EMAIL_SENT', false),
    ('MARKETING_TOUCH', false),
    ('SYSTEM_NOTE', false)
on conflict (activity_type) do nothing;
