-- Holds released, corrected or moved to another lead: judged like new ones where it matters; then the clocks follow,
-- and the others are told of a release. Full joins, which no condition makes others, also because a plan that is kept
-- from one row to many must not be a nested loop.
-- security definer: writes clocks and events.
create or replace function internal.follow_corrected_hold() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads bigint[];
    v_change record;
    v_old public.lead_holds;
    v_new public.lead_holds;
    v_counts_from timestamptz;
begin
    select array_agg(distinct x.lead_id) into v_leads
      from before as o
      full join after as n on n.id = o.id
     cross join lateral (values (o.lead_id), (n.lead_id)) as x (lead_id)
     where x.lead_id is not null
       and (o.lead_id, o.user_id, o.reason, o.start_at, o.end_at, o.created_at)
           is distinct from (n.lead_id, n.user_id, n.reason, n.start_at, n.end_at, n.created_at);
    if v_leads is null then
        return null;
    end if;
    perform internal.lock_leads_of_facts(v_leads);
    for v_change in
        select row(o.*)::public.lead_holds as was, row(n.*)::public.lead_holds as becomes
          from before as o
          full join after as n on n.id = o.id
         where (o.lead_id, o.user_id, o.reason, o.start_at, o.end_at, o.created_at)
               is distinct from (n.lead_id, n.user_id, n.reason, n.start_at, n.end_at, n.created_at)
         order by coalesce(n.lead_id, o.lead_id), coalesce(n.id, o.id)
    loop
        v_old := v_change.was;
        v_new := v_change.becomes;
        if v_old.id is not null then
            perform internal.refuse_final(
                'A hold', v_old.lead_id, v_old.user_id, v_old.start_at, v_old.end_at, v_old.counts_from
            );
        end if;
        continue when v_new.id is null;
        if (v_new.lead_id, v_new.user_id, v_new.start_at)
            is distinct from (v_old.lead_id, v_old.user_id, v_old.start_at)
        then
            perform internal.refuse_hold(v_new);
        end if;
        v_counts_from := internal.final_end(v_new.lead_id, v_new.user_id, v_new.start_at, v_new.end_at);
        if v_counts_from is distinct from v_new.counts_from then
            update public.lead_holds as h set counts_from = v_counts_from where h.id = v_new.id;
        end if;
    end loop;
    perform internal.refresh_leads(v_leads);
    for v_new in
        -- A release, or a hand-over, ends holds when the newest fact of their lead was entered: perhaps after now(), by
        -- a transaction that began later. A lead that the same statement has deleted takes its holds along.
        select n.*
          from before as o
          full join after as n on n.id = o.id
          left join internal.lead_clocks as c on c.lead_id = n.lead_id
         cross join lateral (values (greatest(now(), n.start_at, c.facts_entered_at))) as x (moment)
         where coalesce(
                   o.id = n.id and c.lead_id is not null
                   and coalesce(o.end_at > x.moment, true) and n.end_at <= x.moment,
                   false
               )
         order by n.lead_id, n.id
    loop
        perform internal.tell_hold('lead.hold.released', v_new, null);
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
