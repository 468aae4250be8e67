-- Done is done, unless somebody says why not; what was held to show it stays to be read.
-- security definer: operations may read the calendar, and change it by this.
create or replace function public.reopen_season_milestone(p_id bigint, p_reason text, p_by text default null)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_task public.season_milestones;
begin
    if internal.is_blank(p_reason) then
        perform internal.raise_error('LP004', format('Milestone %s is to be opened again.', p_id));
    end if;
    select * into v_task from public.season_milestones as m where m.id = p_id for update;
    if not found then
        perform internal.raise_error('LP050', format('No milestone has id %s.', coalesce(p_id::text, 'null')));
    end if;
    if v_task.status not in ('DONE', 'SKIPPED') then
        perform internal.raise_error('LP054', format('Milestone %s is %s.', p_id, v_task.status));
    end if;
    update public.season_milestones as m
       set status = 'IN_PROGRESS', done_at = null, done_by = null, entered_at = now(),
           evidence = format(
               E'%s\n%s by %s; opened again by %s: %s', m.evidence, m.status, m.done_by,
               case when internal.is_blank(p_by) then session_user::text else p_by end, p_reason
           )
     where m.id = p_id;
end
$$;
comment on function public.reopen_season_milestone(bigint, text, text) is
    'Opens a task that is DONE or SKIPPED again: IN_PROGRESS, its evidence followed by who opens it and why. Errors: LP004 blank reason, LP050 unknown, LP054 has not ended.';
revoke all on function public.reopen_season_milestone(bigint, text, text) from public;
grant execute on function public.reopen_season_milestone(bigint, text, text) to lead_operations;
