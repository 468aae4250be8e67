-- Are the stored rows what the facts come to? A sample; leadguard verify looks at all. What a hand has dropped
-- or broken makes this a finding, and must not keep the others from being told.
create or replace function internal.inspect_stored_rows() returns setof public.readiness_finding
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leads bigint;
    v_differing bigint;
    v_fault text;
begin
    begin
        select count(*), count(*) filter (where x.differs)
          into strict v_leads, v_differing
          from (select l.id from public.leads as l order by l.id desc limit 100) as n
         cross join lateral (select exists (select from public.verify_lead_protection(n.id)) as differs) as x;
    exception
        when data_exception or syntax_error_or_access_rule_violation or plpgsql_error then
            v_fault := sqlstate || ': ' || sqlerrm;
    end;
    return query
        select 'stored rows', case when v_differing = 0 then 'OK' else 'FAIL' end,
               coalesce(v_fault, format('%s of the %s newest leads differ from their facts', v_differing, v_leads)),
               case
                   when v_fault is not null then 'Run leadguard migrate, then check again.'
                   when v_differing > 0 then 'Run leadguard verify and report what it prints.'
               end;
end
$$;
comment on function internal.inspect_stored_rows() is
    'Finding on the stored rows of the newest 100 leads against their recomputation.';
revoke all on function internal.inspect_stored_rows() from public;
