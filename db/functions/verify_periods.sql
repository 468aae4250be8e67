-- A lead's protection periods beside what they follow from: the lead's own row, and for a recorded expiry the facts
-- that counted for it. Inlined, so that the self-check keeps one plan for all of a lead.
create or replace function internal.verify_periods(
    p_lead public.leads,
    p_stored internal.lead_clocks,
    p_computed internal.lead_clocks
) returns table (difference text, stored text, computed text)
language sql
stable
begin atomic
    select 'final_until' as difference, (p_stored).final_until::text, f.final_until::text
      from (
          select max(p.ended_at) as final_until
            from public.lead_protection_periods as p
           where p.lead_id = (p_lead).id and p.recorded_at is not null
      ) as f
     where (p_stored).final_until is distinct from f.final_until and (p_stored).lead_id is not null
     union all
    select 'ended_at' as difference, p.ended_at || ' ' || p.end_reason, x.protection_expires_at || ' ' || x.end_reason
      from public.lead_protection_periods as p
     cross join lateral internal.expiry_of(p) as x
     where p.lead_id = (p_lead).id and p.recorded_at is not null
       and (p.ended_at, p.end_reason) is distinct from (x.protection_expires_at, x.end_reason)
     union all
    select 'created_at' as difference, p.started_at::text, (p_lead).created_at::text
      from public.lead_protection_periods as p
     where p.id = (p_stored).period_id and p.start_reason = 'REGISTERED' and p.ended_at is null
       and p.started_at <> (p_lead).created_at
     union all
    select 'converted_at' as difference, p.ended_at::text, (p_lead).converted_at::text
      from public.lead_protection_periods as p
     where p.id = (p_stored).period_id
       and (
           p.end_reason = 'CONVERTED' and (p_lead).converted_at is distinct from p.ended_at
           or p.ended_at is null and (p_lead).converted_at >= p.started_at and (p_computed).state <> 'EXPIRED'
       );
end;
comment on function internal.verify_periods(public.leads, internal.lead_clocks, internal.lead_clocks) is
    'Where the starts and the ends of a lead''s periods part from created_at, converted_at and its facts.';
revoke all on function internal.verify_periods(public.leads, internal.lead_clocks, internal.lead_clocks) from public;
