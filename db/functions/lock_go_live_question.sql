-- Before anybody answers for a criterion: it is there, it is for a person to answer, and one answers at a time.
create or replace function internal.lock_go_live_question(p_criterion text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_measured boolean;
begin
    select q.is_measured into v_is_measured
      from public.go_live_questions as q
     where q.criterion = p_criterion
       for update;
    if not found then
        perform internal.raise_error('LP060', format('%L is not in the list.', p_criterion));
    end if;
    if v_is_measured then
        perform internal.raise_error('LP061', format('Criterion %L.', p_criterion));
    end if;
end
$$;
comment on function internal.lock_go_live_question(text) is
    'Locks a criterion of go-live that a person answers. Errors: LP060 unknown criterion, LP061 measured criterion.';
revoke all on function internal.lock_go_live_question(text) from public;
