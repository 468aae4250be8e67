-- How a task stands is what its owner says; that it is done, only with what shows it.
-- security definer: operations may read the calendar, and change it by this.
create or replace function public.record_season_milestone(
    p_id bigint,
    p_status text default null,
    p_evidence text default null,
    p_owner text default null,
    p_by text default null
) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_task public.season_milestones;
    v_has_ended boolean;
begin
    select * into v_task from public.season_milestones as m where m.id = p_id for update;
    if not found then
        perform internal.raise_error('LP050', format('No milestone has id %s.', coalesce(p_id::text, 'null')));
    end if;
    if v_task.status in ('DONE', 'SKIPPED') then
        perform internal.raise_error('LP051', format(
            'Milestone %s is %s since %s, by %s.', p_id, v_task.status, v_task.done_at, v_task.done_by));
    end if;
    if p_status not in ('PLANNED', 'IN_PROGRESS', 'DONE', 'SKIPPED') then
        perform internal.raise_error('LP053', format('The status given is %L.', left(p_status, 100)));
    end if;
    v_has_ended := coalesce(p_status, v_task.status) in ('DONE', 'SKIPPED');
    -- A blank is no word, wherever one is given or needed.
    if p_owner is not null and internal.is_blank(p_owner)
       or (p_evidence is not null or v_has_ended) and internal.is_blank(coalesce(p_evidence, v_task.evidence)) then
        perform internal.raise_error('LP052', format('Milestone %s: %s, %s.', p_id, v_task.milestone, v_task.task));
    end if;
    update public.season_milestones as m
       set status = coalesce(p_status, m.status),
           evidence = coalesce(p_evidence, m.evidence),
           owner = coalesce(p_owner, m.owner),
           done_at = case when v_has_ended then now() end,
           done_by = case
               when v_has_ended then case when internal.is_blank(p_by) then session_user::text else p_by end
           end,
           entered_at = now()
     where m.id = p_id;
end
$$;
comment on function public.record_season_milestone(bigint, text, text, text, text) is
    'Enters status, evidence and owner of a season''s task, null leaving each as it is; p_by is who did it, by default who is logged in. Errors: LP050 unknown, LP051 has ended, LP052 blank owner, or ended without evidence, LP053 unknown status.';
revoke all on function public.record_season_milestone(bigint, text, text, text, text) from public;
grant execute on function public.record_season_milestone(bigint, text, text, text, text) to lead_operations;
