-- Corrected activities: the leads they belonged to and those they now belong to are computed anew. A plan is kept from
-- one row to a hundred thousand: full joins are never nested loops, and stay what they are where a null is no refusal.
-- security definer: Module 02 writes activities and nothing else.
create or replace function internal.recount_corrected_activities() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[];
    v_leads bigint[];
begin
    select array_agg(distinct coalesce(o.id, n.id)), array_agg(distinct x.lead_id)
      into v_ids, v_leads
      from before as o
      full join after as n on n.id = o.id
     cross join lateral (values (o.lead_id), (n.lead_id)) as x (lead_id)
     where x.lead_id is not null
       and (o.lead_id, o.user_id, o.activity_type, o.occurred_at)
           is distinct from (n.lead_id, n.user_id, n.activity_type, n.occurred_at);
    if v_ids is null then
        return null;
    end if;
    perform internal.lock_leads_of_facts(v_leads);
    perform internal.refuse_final('An activity', o.lead_id, o.user_id, o.occurred_at, o.occurred_at, o.counts_from)
       from before as o
      where o.id = any (v_ids);
    update public.lead_activities as a
       set counts_from = f.final_end
      from after as n
     cross join lateral internal.final_end(n.lead_id, n.user_id, n.occurred_at, n.occurred_at) as f (final_end)
     where n.id = any (v_ids) and a.id = n.id
       -- One condition: is_judged is asked of what would change only, whatever the plan.
       and case when a.counts_from is distinct from f.final_end then not internal.is_judged(a.id) end;
    perform internal.count_figure('lead_qualified_activity_total', p_amount => q.activities)
       from (
           select count(*) as activities
             from before as o
             full join after as n on n.id = o.id
             left join public.activity_types as was on was.activity_type = o.activity_type
             left join public.activity_types as becomes on becomes.activity_type = n.activity_type
            where coalesce(becomes.is_qualified and not was.is_qualified, false)
       ) as q
      where q.activities > 0;
    perform internal.refresh_leads(v_leads, now());
    return null;
end
$$;
comment on function internal.recount_corrected_activities() is
    'Trigger on lead_activities: recomputes the touched leads. Errors: LP014 the activity belongs to a recorded expiry.';
revoke all on function internal.recount_corrected_activities() from public;

create or replace trigger lead_activities_recount_corrected after update on public.lead_activities
referencing old table as before new table as after
for each statement execute function internal.recount_corrected_activities();
