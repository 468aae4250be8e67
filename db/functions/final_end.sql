-- Nothing entered, corrected or deleted after an expiry was recorded changes that period. A fact touches
-- it when it is the protecting user's and its time lies inside; a hold that ends where the period starts does not.
create or replace function internal.final_end(
    p_lead_id bigint,
    p_user_id bigint,
    p_from timestamptz,
    p_until timestamptz
) returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select max(p.ended_at)
          from public.lead_protection_periods as p
         where p.lead_id = p_lead_id and p.user_id = p_user_id and p.recorded_at is not null
           and p_from < p.ended_at
           and (p_from >= p.started_at or coalesce(p_until, 'infinity') > p.started_at)
    );
end
$$;
comment on function internal.final_end(bigint, bigint, timestamptz, timestamptz) is
    'End of the latest finally recorded period of a lead and user that [p_from, p_until] touches, else null.';
revoke all on function internal.final_end(bigint, bigint, timestamptz, timestamptz) from public;
