-- Before an extension is written: it grows the term, and the deadline stays in the years that count.
-- security definer: reads the machinery.
create or replace function internal.check_extension() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_clocks internal.lead_clocks;
    v_uncounted interval;
begin
    if tg_op = 'UPDATE' and new *= old then
        return new; -- an upsert of what is there; to the letter, as 30 days equal a month otherwise
    elsif tg_op = 'UPDATE' then
        perform internal.lock_leads(array[old.lead_id, new.lead_id]);
        perform internal.refuse_final(
            'An extension', old.lead_id, old.user_id, old.granted_at, old.granted_at, null
        );
    end if;
    if internal.is_blank(new.reason) then
        perform internal.raise_error('LP004', format('The reason given is %L.', new.reason));
    end if;
    if new.extension is null
        or not isfinite(new.extension)
        or not internal.is_forward(new.extension)
        or new.extension > interval '50 years'
    then
        perform internal.raise_error('LP010', format('The extension given is %L.', new.extension));
    end if;
    new.granted_at := internal.checked_moment(new.granted_at, 'granted_at', false);
    v_clocks := internal.lock_own_lead(new.lead_id, new.user_id);
    perform internal.refuse_over(v_clocks, new.granted_at);
    perform internal.refuse_final('An extension', new.lead_id, new.user_id, new.granted_at, new.granted_at, null);
    -- What was granted before the start counts as soon as that is corrected.
    select sum(e.extension) into v_uncounted
      from public.lead_extensions as e
      join public.lead_protection_periods as p on p.id = v_clocks.period_id
     where e.lead_id = new.lead_id and e.user_id = new.user_id and e.id <> new.id
       and e.granted_at < p.started_at and p.start_reason = 'REGISTERED';
    if v_clocks.base_expires_at + coalesce(v_uncounted, '0') + new.extension >= '2101-01-01 00:00+00' then
        perform internal.raise_error('LP010', format(
            '%s would prolong lead %s past the year 2100.', new.extension, new.lead_id
        ));
    end if;
    return new;
end
$$;
comment on function internal.check_extension() is
    'Trigger on lead_extensions. Errors: LP001, LP002, LP003 (judged at granted_at), LP004, LP006, LP007, LP010, LP014.';
revoke all on function internal.check_extension() from public;

create or replace trigger lead_extensions_check before insert or update on public.lead_extensions
for each row execute function internal.check_extension();
