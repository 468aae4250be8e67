-- The contract version a period starts under; it stays pinned to it. Inlined into the statement that
-- registers leads.
create or replace function internal.policy_in_force(p_user_id bigint, p_started_at timestamptz)
returns setof public.protection_policies
language sql
stable
rows 1
begin atomic
    select p.*
      from public.protection_policies as p
     where p.policy = coalesce(
               (select u.policy from public.sales_users as u where u.user_id = p_user_id), 'standard'
           )
       and (p.valid_from <= p_started_at or p.version = 1)
     order by p.version desc
     limit 1;
end;
comment on function internal.policy_in_force(bigint, timestamptz) is
    'Latest version of the user''s policy valid at p_started_at, else version 1; without a sales_users row: standard.';
revoke all on function internal.policy_in_force(bigint, timestamptz) from public;
