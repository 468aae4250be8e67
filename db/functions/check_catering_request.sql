-- Before a catering request is written: its moments are sane, an answer stays an answer, and one that comes too
-- late is a breach, whether or not the worker has looked in between. A breach on record stays. Moments that stay are
-- not judged again: neither by the clock of a transaction that began before the request, nor by another catering_sla.
-- security definer: writers have no right on the machinery.
create or replace function internal.check_catering_request() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_due_at timestamptz;
begin
    if tg_op = 'INSERT' then
        new.breached_at := null; -- for the system to set
    else
        perform internal.share_free_lead(old.lead_id);
        new.breached_at := coalesce(old.breached_at, new.breached_at);
        if old.responded_at is not null and new.responded_at is null then
            perform internal.raise_error('LP034', format(
                'Catering request %s was answered at %s.', old.id, old.responded_at
            ));
        end if;
        if new.lead_id is distinct from old.lead_id and new.lead_id is not null then
            perform internal.lock_lead(new.lead_id);
        end if;
    end if;
    if (new.requested_at, new.responded_at) is not distinct from (old.requested_at, old.responded_at) then
        return new;
    end if;
    if new.requested_at is distinct from old.requested_at then
        new.requested_at := internal.checked_moment(new.requested_at, 'requested_at', false);
    end if;
    if new.responded_at is distinct from old.responded_at then
        new.responded_at := internal.checked_moment(new.responded_at, 'responded_at', false);
    end if;
    if new.responded_at < new.requested_at then
        perform internal.raise_error('LP033', format(
            'requested_at is %s, responded_at is %s.', new.requested_at, new.responded_at
        ));
    end if;
    if new.breached_at is null and new.responded_at is not null then
        v_due_at := new.requested_at + internal.catering_sla();
        if new.responded_at >= v_due_at then
            new.breached_at := v_due_at;
        end if;
    end if;
    return new;
end
$$;
comment on function internal.check_catering_request() is
    'Trigger on event_catering_requests; sets breached_at where the answer came too late. Errors: LP001, LP006, LP007, LP033, LP034.';
revoke all on function internal.check_catering_request() from public;

create or replace trigger event_catering_requests_check before insert or update on public.event_catering_requests
for each row execute function internal.check_catering_request();
