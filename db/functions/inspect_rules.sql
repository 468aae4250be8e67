-- The worked example of the rules, a year earlier, entered as Module 02 and the workers would, and judged.
-- It ends in a refusal that must come: with it all of it is taken back. Nobody else ever sees it.
create or replace function internal.inspect_rules() returns setof public.readiness_finding
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'Europe/Berlin'
as $$
declare
    -- Far from any id that is given to anything.
    v_id constant bigint := -9223372036854775807;
    v_said text [];
    v_due constant text [] := array[
        'GRACE until 2025-05-15 15:04', 'PROTECTED until 2025-07-21 10:00', 'EXPIRED until 2025-07-24 09:00',
        '0 differences', 'an event', 'refused'
    ];
    v_fault text;
    v_is_right boolean;
begin
    begin
        insert into public.protection_policies (policy, version) values ('readiness check', 1);
        insert into public.sales_users (user_id, policy) values (v_id, 'readiness check');
        insert into public.leads (id, user_id, created_at) values (v_id, v_id, '2025-01-10 09:00');
        insert into public.lead_activities (id, lead_id, user_id, activity_type, occurred_at) values
            (v_id, v_id, v_id, 'CUSTOMER_REACTION', '2025-05-12 10:00'),
            (v_id + 1, v_id, v_id, 'QUALIFIED_CALL', '2025-02-20 15:00');
        insert into public.lead_reminders (id, lead_id, user_id, window_start, due_at, sent_at)
        values (v_id, v_id, v_id, '2025-05-05', '2025-05-05 15:00', '2025-05-05 15:04');
        insert into public.lead_holds (id, lead_id, user_id, reason, start_at, end_at)
        values (v_id, v_id, v_id, 'price list', '2025-03-02 08:00', '2025-03-16 08:00');
        select array_agg(
                   p.state || ' until ' || to_char(p.protection_expires_at, 'YYYY-MM-DD HH24:MI') order by m.at
               )
          into v_said
          from unnest(array[timestamptz '2025-05-06', timestamptz '2025-05-13', now()]) as m (at)
         cross join lateral public.lead_protection_at(v_id, m.at) as p;
        v_said := v_said
            || (select count(*) || ' differences' from public.verify_lead_protection(v_id))
            || (select case when count(*) > 0 then 'an event' else 'no event' end
                  from public.outbox as o where o.lead_id = v_id)
            || 'refused'::text;
        call public.create_lead_hold(v_id, v_id, ' ', null, '2025-07-01 08:00', '2025-07-02 08:00');
        v_said[6] := 'not refused';
        perform internal.raise_error('LP004', 'The sample is taken back.');
    exception
        when sqlstate 'LP004' then null;
        when read_only_sql_transaction then
            return query select 'protection rules', 'WARN', 'not tried: the transaction is read only',
                                'Run the check on the primary, in a transaction that may write.';
            return;
        -- What a database that was altered by hand answers with.
        when integrity_constraint_violation or data_exception or syntax_error_or_access_rule_violation or plpgsql_error
            or feature_not_supported or object_not_in_prerequisite_state or external_routine_invocation_exception
            or sqlstate 'LP001' or sqlstate 'LP002' or sqlstate 'LP003' or sqlstate 'LP005' or sqlstate 'LP006'
            or sqlstate 'LP007' or sqlstate 'LP008' or sqlstate 'LP014' or sqlstate 'LP019' or sqlstate 'LP020'
            or sqlstate 'LP026' or sqlstate 'LP027' then
            v_fault := sqlstate || ': ' || sqlerrm;
    end;
    v_is_right := v_said is not distinct from v_due and v_fault is null;
    return query
        select 'protection rules', case when v_is_right then 'OK' else 'FAIL' end,
               coalesce(v_fault, array_to_string(v_said, ', ', 'nothing'))
               || case when v_is_right then '' else '; due were: ' || array_to_string(v_due, ', ') end,
               case when not v_is_right then 'Run leadguard migrate, then check again.' end;
end
$$;
comment on function internal.inspect_rules() is
    'Finding on the protection rules: sample data through the tables, judged, taken back. Needs a transaction that may write.';
revoke all on function internal.inspect_rules() from public;
