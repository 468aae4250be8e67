-- Activities of many leads. A WITH query may write a lead, too, and its activities first: then its protection has not
-- started yet, and protect_new_lead, which starts it, is told to count them.
create or replace function internal.lock_started_clocks(p_lead_ids bigint[]) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_started bigint;
    v_has_final boolean;
begin
    select count(*), bool_or(c.final_until is not null)
      into v_started, v_has_final
      from (
          select x.final_until
            from internal.lead_clocks as x
           where x.lead_id = any (p_lead_ids)
           order by x.lead_id
             for update
      ) as c;
    if v_started < (select count(distinct k.lead_id) from unnest(p_lead_ids) as k (lead_id)) then
        perform set_config('leadguard.activities_before_lead', 'on', true);
    end if;
    return coalesce(v_has_final, false);
end
$$;
comment on function internal.lock_started_clocks(bigint[]) is
    'Locks the clocks of locked leads, by ascending id; whether an expiry of any of them is recorded.';
revoke all on function internal.lock_started_clocks(bigint[]) from public;
