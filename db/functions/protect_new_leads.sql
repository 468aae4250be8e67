-- A registered lead is protected from its first moment: period, clocks and event in the same transaction.
-- security definer: Module 02 writes leads and nothing else.
create or replace function internal.protect_new_leads() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
begin
    for v_clocks in
        with started as (
            insert into public.lead_protection_periods (lead_id, user_id, policy, policy_version, started_at)
            select l.id, l.user_id, p.policy, p.version, l.created_at
              from entered as l
             cross join lateral internal.policy_in_force(l.user_id, l.created_at) as p
             order by l.id
            returning *
        )
        insert into internal.lead_clocks
        select c.*
          from started as s
          join public.protection_policies as p on p.policy = s.policy and p.version = s.policy_version
         cross join lateral internal.run_clocks(s, p, null, now()) as c
        returning *
    loop
        perform internal.write_event('lead.protection.activated', v_clocks.started_at, v, null)
           from internal.protection_row(v_clocks, now()) as v;
    end loop;
    perform internal.apply_conversion(l.id, l.converted_at)
       from entered as l
      where l.converted_at is not null
      order by l.id;
    return null;
end
$$;
comment on function internal.protect_new_leads() is
    'Trigger on leads: starts the first period of every inserted lead at its created_at.';
revoke all on function internal.protect_new_leads() from public;

create or replace trigger leads_protect after insert on public.leads
referencing new table as entered
for each statement execute function internal.protect_new_leads();
