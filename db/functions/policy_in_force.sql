-- The contract version a period starts under; it stays pinned to it. Inlined into the statement that
-- registers a lead. A text, read whenever it is planned: a standard body would go on with the columns that the table
-- had, and no lead could be registered between a release's new column and its functions.
create or replace function internal.policy_in_force(p_policy text, p_started_at timestamptz)
returns setof public.protection_policies
language sql
stable
rows 1
as $$
    select p.*
      from public.protection_policies as p
     where p.policy = coalesce(p_policy, 'standard')
       and (
           p.valid_from <= p_started_at
           or not exists (
               select from public.protection_policies as e where e.policy = p.policy and e.version < p.version
           )
       )
     order by p.version desc
     limit 1
$$;
comment on function internal.policy_in_force(text, timestamptz) is
    'Latest version of a policy (null: standard) valid at p_started_at, else its first.';
revoke all on function internal.policy_in_force(text, timestamptz) from public;
