-- A qualified activity by one call, for event handlers.
-- security definer: returns what the table's triggers made of it.
create or replace function public.record_qualified_activity(
    lead_id bigint,
    user_id bigint,
    activity_type text default 'QUALIFIED_CALL',
    occurred_at timestamptz default null
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_id bigint;
begin
    if exists (
        select from public.activity_types as t
         where t.activity_type = record_qualified_activity.activity_type and not t.is_qualified
    ) then
        perform internal.raise_error('LP009', format('activity_type is %L.', record_qualified_activity.activity_type));
    end if;
    insert into public.lead_activities (lead_id, user_id, activity_type, occurred_at)
    values (
        record_qualified_activity.lead_id, record_qualified_activity.user_id,
        record_qualified_activity.activity_type, coalesce(record_qualified_activity.occurred_at, now())
    )
    returning id into v_id;
    return v_id;
end
$$;
comment on function public.record_qualified_activity(bigint, bigint, text, timestamptz) is
    'Inserts an activity of a qualified type and returns its id. Errors: LP001 unknown lead, LP006 and LP007 moment, LP008 unknown type, LP009 type not qualified.';
revoke all on function public.record_qualified_activity(bigint, bigint, text, timestamptz) from public;
grant execute on function public.record_qualified_activity(bigint, bigint, text, timestamptz) to module02_writer;
