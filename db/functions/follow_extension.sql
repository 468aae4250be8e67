-- A granted, corrected or withdrawn extension moves the base term.
-- security definer: writes clocks.
create or replace function internal.follow_extension() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        if not exists (select from public.leads as l where l.id = old.lead_id) then
            return null;
        end if;
        perform internal.lock_lead(old.lead_id);
        perform internal.refuse_final(
            'An extension', old.lead_id, old.user_id, old.granted_at, old.granted_at, null
        );
        perform internal.refresh_lead(old.lead_id);
        return null;
    end if;
    if tg_op = 'UPDATE' and new *= old then
        return null;
    end if;
    if tg_op = 'UPDATE' and (new.lead_id, new.granted_at) is distinct from (old.lead_id, old.granted_at) then
        -- An extension is no reason for itself, and it was still there, as it was, when it was checked: judged by what
        -- is dated before.
        perform internal.refuse_ended(
            internal.lock_lead(new.lead_id), new.granted_at - interval '1 microsecond', new.granted_at
        );
    end if;
    perform internal.refresh_leads(array[new.lead_id, case when tg_op = 'UPDATE' then old.lead_id end]);
    return null;
end
$$;
comment on function internal.follow_extension() is 'Trigger on lead_extensions: recomputes the lead. Errors: LP003 (judged at granted_at), LP014.';
revoke all on function internal.follow_extension() from public;

create or replace trigger lead_extensions_follow after insert or update or delete on public.lead_extensions
for each row execute function internal.follow_extension();
