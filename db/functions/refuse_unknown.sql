-- The foreign keys of an activity are checked at the end of the transaction; before that, and in words that
-- say what to do, here.
create or replace function internal.refuse_unknown(p_lead_id bigint, p_activity_type text) returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from public.leads as l where l.id = p_lead_id) then
        perform internal.raise_error('LP001', format('No lead has id %s.', coalesce(p_lead_id::text, 'null')));
    end if;
    if not exists (select from public.activity_types as t where t.activity_type = p_activity_type) then
        perform internal.raise_error('LP008', format('activity_type is %L.', p_activity_type));
    end if;
end
$$;
comment on function internal.refuse_unknown(bigint, text) is
    'Errors: LP001 no such lead, LP008 no such activity type.';
revoke all on function internal.refuse_unknown(bigint, text) from public;
