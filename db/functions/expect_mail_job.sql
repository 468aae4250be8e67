-- Who configures mail has it sent: from then on the worker is missed, and no longer when mail is given up.
-- security definer: who may write settings need have no right on the machinery.
create or replace function internal.expect_mail_job() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform public.expect_job('mail', new.value <> '');
    -- Without mail there is nothing to do for it: it is off as installed, not switched off.
    update public.expected_jobs as j set switched_off_at = null where j.job = 'mail';
    return null;
end
$$;
comment on function internal.expect_mail_job() is 'Trigger on settings: the job mail is expected while mail_from is set.';
revoke all on function internal.expect_mail_job() from public;

create or replace trigger settings_expect_mail after update of value on public.settings
for each row when (new.name = 'mail_from' and (old.value = '') <> (new.value = ''))
execute function internal.expect_mail_job();
