-- A supposed fact without a user is the protecting user's.
create or replace function internal.is_of_user(p_fact jsonb, p_user_id bigint) returns boolean
language sql
immutable parallel safe
return coalesce(p_fact -> 'user_id', 'null') in ('null'::jsonb, to_jsonb(p_user_id));
comment on function internal.is_of_user(jsonb, bigint) is 'Whether a supposed fact names p_user_id or nobody.';
revoke all on function internal.is_of_user(jsonb, bigint) from public;
