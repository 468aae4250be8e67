-- A protection starts: on transfer and on reinstatement (registration writes its own, protect_new_lead).
create or replace function internal.start_period(
    p_lead_id bigint,
    p_user_id bigint,
    p_started_at timestamptz,
    p_start_reason text,
    p_started_by bigint default null,
    p_start_note text default null
) returns internal.lead_clocks
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_period public.lead_protection_periods;
    v_clocks internal.lead_clocks;
begin
    insert into public.lead_protection_periods (
        lead_id, user_id, policy, policy_version, started_at, start_reason, started_by, start_note
    )
    select p_lead_id, p_user_id, p.policy, p.version, p_started_at, p_start_reason, p_started_by, p_start_note
      from internal.policy_in_force(
               (select u.policy from public.sales_users as u where u.user_id = p_user_id), p_started_at
           ) as p
    returning * into strict v_period;
    v_clocks := internal.evaluate_period(v_period, greatest(now(), p_started_at));
    perform internal.store_clocks(v_clocks);
    return v_clocks;
end
$$;
comment on function internal.start_period(bigint, bigint, timestamptz, text, bigint, text) is
    'Starts a new period of a locked lead under the user''s policy in force and stores its clocks.';
revoke all on function internal.start_period(bigint, bigint, timestamptz, text, bigint, text) from public;
