-- Who may stop the clock, and when: the same rules for the procedures and for a direct insert.
create or replace function internal.refuse_hold(p_hold public.lead_holds) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
    v_is_warned boolean;
    v_together bigint[];
begin
    select c.* into v_clocks from internal.lead_clocks as c where c.lead_id = p_hold.lead_id;
    if not found then
        perform internal.raise_error('LP001', format('No lead has id %s.', p_hold.lead_id));
    end if;
    perform internal.refuse_foreign(v_clocks, p_hold.user_id);
    -- No hold is a reason for itself, nor are two of a statement that begin together: they move R, and a reminder that
    -- no longer counts thereby may be the one whose grace had ended the protection. So they stand aside meanwhile.
    v_is_warned := exists (
        select from public.lead_reminders as r
         where r.lead_id = p_hold.lead_id and r.user_id = p_hold.user_id
           and r.sent_at between v_clocks.started_at and p_hold.start_at
    );
    if v_is_warned then
        -- Read before any is written: to write a row changes its cmin.
        v_together := array(
            select h.id
              from public.lead_holds as s
              join public.lead_holds as h on h.lead_id = s.lead_id and h.start_at = s.start_at
             where s.id = p_hold.id and h.counts_from is null and h.xmin = s.xmin and h.cmin = s.cmin
        );
        update public.lead_holds as h set counts_from = 'infinity' where h.id = any (v_together);
    end if;
    perform internal.refuse_over(v_clocks, p_hold.start_at);
    if v_is_warned then
        update public.lead_holds as h set counts_from = null where h.id = any (v_together);
    end if;
end
$$;
comment on function internal.refuse_hold(public.lead_holds) is
    'Refuses a hold on a locked lead by a user who does not hold it, or after its end. Errors: LP001, LP002, LP003 (judged at start_at).';
revoke all on function internal.refuse_hold(public.lead_holds) from public;
