-- Before a sample request is written: its moments are sane, and what becomes of it only moves forward. A step may
-- be left out (nobody told of PACKED), an end comes from any open state, and an end is final. Moments that stay are
-- not judged again: of a transaction that began before the request they lie in the future.
-- security definer: writers have no right on the machinery.
create or replace function internal.check_sample_request() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ends constant text[] := array['DELIVERED', 'LOST', 'FAILED', 'CANCELLED'];
    v_steps constant text[] := array['REQUESTED', 'PACKED', 'IN_TRANSIT', 'DELIVERED'];
    v_is_end constant boolean := new.status = any (v_ends);
begin
    if tg_op = 'UPDATE' then
        perform internal.share_free_lead(old.lead_id);
        if new.status <> old.status and (
            old.status = any (v_ends)
            or array_position(v_steps, new.status) < array_position(v_steps, old.status)
        ) then
            perform internal.raise_error('LP032', format(
                'Sample request %s is %s and was to become %s.', old.id, old.status, new.status
            ));
        end if;
        if new.lead_id is distinct from old.lead_id and new.lead_id is not null then
            perform internal.lock_lead(new.lead_id);
        end if;
    end if;
    if new.requested_at is distinct from old.requested_at then
        new.requested_at := internal.checked_moment(new.requested_at, 'requested_at', false);
    end if;
    if new.resolved_at is distinct from old.resolved_at then
        new.resolved_at := internal.checked_moment(new.resolved_at, 'resolved_at', false);
    end if;
    if v_is_end and new.resolved_at is null and old.resolved_at is null then
        -- Entered by a transaction that began later: an end is not before its request for that.
        new.resolved_at := greatest(now(), new.requested_at);
    elsif not v_is_end and new.resolved_at is not null then
        perform internal.raise_error('LP035', format('status is %s, resolved_at is %s.', new.status, new.resolved_at));
    end if;
    if new.resolved_at < new.requested_at then
        perform internal.raise_error('LP033', format(
            'requested_at is %s, resolved_at is %s.', new.requested_at, new.resolved_at
        ));
    end if;
    return new;
end
$$;
comment on function internal.check_sample_request() is
    'Trigger on sample_requests; resolved_at not given with an end is now. Errors: LP001, LP006, LP007, LP032, LP033, LP035.';
revoke all on function internal.check_sample_request() from public;

create or replace trigger sample_requests_check before insert or update on public.sample_requests
for each row execute function internal.check_sample_request();
