-- A hold was entered, released, corrected or deleted: the clocks follow, and the others are told.
-- security definer: writes clocks and events.
create or replace function internal.follow_hold() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_hold constant public.lead_holds := case when tg_op = 'DELETE' then old else new end;
    v_event_type text;
    v_row public.lead_protection;
begin
    if tg_op = 'DELETE' then
        -- A lead that is being deleted takes its holds along: nothing is left to compute.
        if not exists (select from public.leads as l where l.id = old.lead_id) then
            return null;
        end if;
        perform internal.lock_lead(old.lead_id);
        perform internal.refuse_final('A hold', old.lead_id, old.user_id, old.start_at, old.end_at, old.counts_from);
    end if;
    perform internal.refresh_leads(array[v_hold.lead_id, case when tg_op = 'UPDATE' then old.lead_id end]);

    v_event_type := case
        when tg_op = 'INSERT' then 'lead.hold.created'
        when tg_op = 'DELETE' then case when coalesce(old.end_at > now(), true) then 'lead.hold.released' end
        when coalesce(old.end_at > now(), true) and new.end_at <= greatest(now(), new.start_at)
            then 'lead.hold.released'
    end;
    if v_event_type is not null then
        select v.* into strict v_row
          from internal.lead_clocks as c
         cross join lateral internal.protection_row(c, now()) as v
         where c.lead_id = v_hold.lead_id;
        perform internal.write_event(
            v_event_type, now(),
            jsonb_populate_record(v_row, jsonb_build_object(
                'protection_expires_at', coalesce(v_row.protection_expires_at, now())
            )),
            case when tg_op = 'DELETE' then 'deleted' end,
            jsonb_strip_nulls(jsonb_build_object(
                'holdId', v_hold.id,
                'startAt', internal.format_rfc3339(v_hold.start_at),
                'endAt', internal.format_rfc3339(v_hold.end_at)
            ))
        );
    end if;
    return null;
end
$$;
comment on function internal.follow_hold() is
    'Trigger on lead_holds: recomputes the lead, writes lead.hold.created or .released. Errors: LP014.';
revoke all on function internal.follow_hold() from public;

create or replace trigger lead_holds_follow after insert or delete on public.lead_holds
for each row execute function internal.follow_hold();
create or replace trigger lead_holds_follow_update
after update of lead_id, user_id, start_at, end_at on public.lead_holds
for each row
when (
    old.lead_id is distinct from new.lead_id or old.user_id is distinct from new.user_id
    or old.start_at is distinct from new.start_at or old.end_at is distinct from new.end_at
)
execute function internal.follow_hold();
