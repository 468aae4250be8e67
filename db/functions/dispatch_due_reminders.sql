-- First step of a reminder: its row (sent_at null) and its event, in one transaction. Looks only at leads
-- whose check is due, passes over the busy ones, and moves the check of those that are not due after all; at
-- most twenty times "limit" of these: after a large import there may be a million, and others wait for their locks.
-- security definer: the worker calls functions, it does not write tables.
create or replace function public.dispatch_due_reminders("limit" integer default 1000, at timestamptz default null)
returns setof public.lead_reminders
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '500ms'
set enable_sort = off -- with a million due it would sort them all for each batch; the index has them in order
set jit = off -- and compile for as many, to fetch a few
as $$
#variable_conflict use_column
declare
    v_limit constant integer := internal.checked_limit(dispatch_due_reminders."limit");
    v_at constant timestamptz := internal.checked_past(dispatch_due_reminders.at);
    v_queued integer := 0;
    v_queued_before integer;
    v_in_vain integer := 0;
    v_vain_limit constant bigint := greatest(1000, 20::bigint * v_limit);
    v_due record;
    v_clocks internal.lead_clocks;
    v_reminder public.lead_reminders;
begin
    -- Without a way to be mailed, what is queued as mail would wait for ever.
    perform internal.fall_back_to_events(v_limit);
    for v_clocks in
        select c.*
          from internal.lead_clocks as c
          join public.leads as l on l.id = c.lead_id
         where c.next_reminder_check_at <= v_at
         order by c.next_reminder_check_at
           for key share of l skip locked
           for update of c skip locked
    loop
        v_queued_before := v_queued;
        for v_due in select * from internal.due_reminders(v_clocks, v_at) as d
        loop
            if v_queued >= v_limit then
                return;
            end if;
            -- A drill in the past queues what was due then and is not known to be undone since.
            continue when v_at < now() and not exists (
                select from internal.clocks_at(v_clocks.lead_id, v_at) as c
                 cross join lateral internal.due_reminders(c, v_at) as d
                 where d.reminder_type = v_due.reminder_type and d.window_start = v_due.window_start
            );
            v_reminder := internal.queue_reminder(
                v_clocks, v_due.reminder_type, v_due.due_at, v_due.window_start, v_at
            );
            if v_reminder.id is not null then
                v_queued := v_queued + 1;
                return next v_reminder;
            end if;
        end loop;
        update internal.lead_clocks as c
           set next_reminder_check_at = case
               -- A drill in the past postpones nothing: the lead may be due by now.
               when v_at < now() then c.next_reminder_check_at
               when v_clocks.ended_at is not null or v_clocks.held_until = 'infinity' then null
               when v_clocks.held_until > v_at then v_clocks.held_until
               else (
                   select internal.next_reminder_at(v_clocks, p, v_at)
                     from public.protection_policies as p
                    where p.policy = v_clocks.policy and p.version = v_clocks.policy_version
               )
           end
         where c.lead_id = v_clocks.lead_id;
        v_in_vain := v_in_vain + (v_queued = v_queued_before)::integer;
        -- A drill in the past moves no check: it must see them all.
        exit when v_queued >= v_limit or (v_at = now() and v_in_vain >= v_vain_limit);
    end loop;
end
$$;
comment on function public.dispatch_due_reminders(integer, timestamptz) is
    'Queues up to "limit" (1000) reminders due at a past moment (null: now): rows with sent_at null and their events; returns the rows. None returned: nothing is left, or count_due_leads() is lower than before. Errors: LP006, LP007 at in the future, LP022 limit below 1.';
revoke all on function public.dispatch_due_reminders(integer, timestamptz) from public;
grant execute on function public.dispatch_due_reminders(integer, timestamptz) to lead_worker;
