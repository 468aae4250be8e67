-- What could not be applied may be applicable now: the lead has come, the other user's lead was handed over.
-- security definer: operations may read dead letters, and apply them by this.
create or replace function public.replay_inbox_dead_letter(p_id bigint) returns text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_payload bytea;
    v_event jsonb;
    v_outcome text;
begin
    delete from public.inbox_dead_letters as d where d.id = p_id returning d.payload into v_payload;
    if not found then
        perform internal.raise_error('LP042', format('No dead letter has id %s.', coalesce(p_id::text, 'null')));
    end if;
    begin
        v_event := convert_from(v_payload, 'UTF8')::jsonb;
    exception
        -- No UTF-8, no JSON, a character that cannot be stored, or nested too deeply.
        when data_exception or statement_too_complex then
            perform internal.raise_error('LP017', format('Dead letter %s is no JSON: %s.', p_id, sqlerrm));
    end;
    -- The envelope of CloudEvents in structured mode holds the event.
    if v_event ? 'specversion' and jsonb_typeof(v_event -> 'data') = 'object' then
        v_event := v_event -> 'data';
    end if;
    v_outcome := public.handle_module_event(v_event);
    return v_outcome;
end
$$;
comment on function public.replay_inbox_dead_letter(bigint) is
    'Applies a dead letter of the inbox and deletes it; returns APPLIED or DUPLICATE, as handle_module_event. What is refused again stays. Errors: LP042 unknown, LP017 no JSON, and those of handle_module_event.';
revoke all on function public.replay_inbox_dead_letter(bigint) from public;
grant execute on function public.replay_inbox_dead_letter(bigint) to lead_operations;
