-- Holds released, corrected or moved to another lead: judged like new ones where it matters; then the clocks follow,
-- and the others are told of a release.
-- security definer: writes clocks and events.
create or replace function internal.follow_corrected_hold() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[];
    v_leads bigint[];
    v_hold public.lead_holds;
begin
    select array_agg(distinct coalesce(o.id, n.id)), array_agg(distinct x.lead_id)
      into v_ids, v_leads
      from before as o
      full join after as n on n.id = o.id
     cross join lateral (values (o.lead_id), (n.lead_id)) as x (lead_id)
     where x.lead_id is not null
       and (o.lead_id, o.user_id, o.reason, o.start_at, o.end_at, o.created_at)
           is distinct from (n.lead_id, n.user_id, n.reason, n.start_at, n.end_at, n.created_at);
    if v_ids is null then
        return null;
    end if;
    perform internal.lock_leads_of_facts(v_leads);
    perform internal.refuse_final('A hold', o.lead_id, o.user_id, o.start_at, o.end_at, o.counts_from)
       from before as o
      where o.id = any (v_ids);
    update public.lead_holds as h
       set counts_from = f.final_end
      from after as n
     cross join lateral internal.final_end(n.lead_id, n.user_id, n.start_at, n.end_at) as f (final_end)
     where n.id = any (v_ids) and h.id = n.id and h.counts_from is distinct from f.final_end;
    for v_hold in
        select n.*
          from after as n
          left join before as o on o.id = n.id
         where n.id = any (v_ids)
           and (n.lead_id, n.user_id, n.start_at) is distinct from (o.lead_id, o.user_id, o.start_at)
         order by n.lead_id, n.id
    loop
        perform internal.refuse_hold(v_hold);
    end loop;
    perform internal.refresh_leads(v_leads);
    for v_hold in
        select n.*
          from after as n
          join before as o on o.id = n.id
         where n.id = any (v_ids)
           and coalesce(o.end_at > now(), true) and n.end_at <= greatest(now(), n.start_at)
         order by n.lead_id, n.id
    loop
        perform internal.tell_hold('lead.hold.released', v_hold, null);
    end loop;
    return null;
end
$$;
comment on function internal.follow_corrected_hold() is
    'Trigger on lead_holds: recomputes the touched leads, writes lead.hold.released. Errors: LP001, LP002, LP003 (judged at start_at), LP014.';
revoke all on function internal.follow_corrected_hold() from public;

create or replace trigger lead_holds_follow_update after update on public.lead_holds
referencing old table as before new table as after
for each statement execute function internal.follow_corrected_hold();
