-- A reminder sent after an activity may count although it did not before: the activity moves the window, where
-- there was a hold even back by a DST hour. Rare, and looked up only for leads that were held since their clock's last
-- start, or warned.
create or replace function internal.has_reminder_since(p_lead_id bigint, p_at timestamptz) returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from public.lead_reminders as r where r.lead_id = p_lead_id and r.sent_at >= p_at);
end
$$;
comment on function internal.has_reminder_since(bigint, timestamptz) is
    'Whether any reminder of the lead was sent at p_at or later, whatever it came to.';
revoke all on function internal.has_reminder_since(bigint, timestamptz) from public;
