-- Whom the reminder mail can reach: an active user with an address, where mail is configured. All others
-- are reminded by events.
create or replace function internal.mail_address(p_user_id bigint) returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select btrim(u.email, E' \t\r\n')
      from public.sales_users as u
     where u.user_id = p_user_id and u.active and not internal.is_blank(u.email)
       -- As mail_sender() says; but this is asked for each reminder that waits: a call would take longer than the rest.
       and exists (select from public.settings as s where s.name = 'mail_from' and s.value <> '')
$$;
comment on function internal.mail_address(bigint) is 'Where a user''s reminder mail goes; null: by events only.';
revoke all on function internal.mail_address(bigint) from public;
