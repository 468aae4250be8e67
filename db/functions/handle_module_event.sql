-- Module 02's events instead of table writes. Each event_id is applied once, from however many sessions
-- it arrives: the second waits for the first and then finds it applied.
-- security definer: the inbox is machinery.
create or replace function public.handle_module_event(event jsonb) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_event constant jsonb := handle_module_event.event;
    v_type constant text := internal.event_member(v_event, 'event_type', 'string', true);
    v_event_id uuid;
    v_lead_id bigint;
    v_user_id bigint;
    v_owner_id bigint;
begin
    if v_type not in ('lead.created', 'lead.activity.created') then
        perform internal.raise_error('LP018', format('event_type is %L.', left(v_type, 100)));
    end if;
    begin
        v_event_id := internal.event_member(v_event, 'event_id', 'string', true)::uuid;
        -- 402.0 is an integer in JSON, 402.5 is none.
        v_lead_id := trim_scale(internal.event_member(v_event, 'lead_id', 'number', true)::numeric)::text::bigint;
        v_user_id := trim_scale(internal.event_member(v_event, 'user_id', 'number', true)::numeric)::text::bigint;
    exception
        when invalid_text_representation or numeric_value_out_of_range then
            perform internal.raise_error('LP017', format(
                'event_id is %s, lead_id is %s, user_id is %s.', left((v_event -> 'event_id')::text, 100),
                left((v_event -> 'lead_id')::text, 100), left((v_event -> 'user_id')::text, 100)
            ));
    end;

    insert into internal.inbox (event_id, event_type) values (v_event_id, v_type) on conflict (event_id) do nothing;
    if not found then
        return 'DUPLICATE';
    end if;

    if v_type = 'lead.activity.created' then
        insert into public.lead_activities (lead_id, user_id, activity_type, occurred_at, summary)
        values (
            v_lead_id, v_user_id, internal.event_member(v_event, 'activity_type', 'string', true),
            internal.event_moment(v_event, 'occurred_at', true),
            internal.event_member(v_event, 'summary', 'string', false)
        );
        return 'APPLIED';
    end if;

    loop
        insert into public.leads (
            id, user_id, created_at, converted_at, company_name, city, contact_name, contact_email, contact_phone
        )
        values (
            v_lead_id, v_user_id, coalesce(internal.event_moment(v_event, 'created_at', false), now()),
            internal.event_moment(v_event, 'converted_at', false),
            internal.event_member(v_event, 'company_name', 'string', false),
            internal.event_member(v_event, 'city', 'string', false),
            internal.event_member(v_event, 'contact_name', 'string', false),
            internal.event_member(v_event, 'contact_email', 'string', false),
            internal.event_member(v_event, 'contact_phone', 'string', false)
        )
        on conflict (id) do nothing;
        exit when found;
        select l.user_id into v_owner_id from public.leads as l where l.id = v_lead_id;
        -- Not found any more: somebody deleted it between the two statements.
        if found and v_owner_id <> v_user_id then
            perform internal.raise_error('LP021', format(
                'Lead %s belongs to user %s, the event says user %s.', v_lead_id, v_owner_id, v_user_id
            ));
        end if;
        exit when found;
    end loop;
    return 'APPLIED';
end
$$;
comment on function public.handle_module_event(jsonb) is
    'Applies lead.created (event_id, lead_id, user_id, optional created_at, converted_at, company_name, city, contact_name, contact_email, contact_phone) or lead.activity.created (event_id, lead_id, user_id, activity_type, occurred_at, optional summary) once per event_id; returns APPLIED or DUPLICATE. Errors: LP017 malformed, LP018 unknown type, LP021 another user''s lead, and those of the tables.';
revoke all on function public.handle_module_event(jsonb) from public;
grant execute on function public.handle_module_event(jsonb) to module02_writer, lead_worker;
