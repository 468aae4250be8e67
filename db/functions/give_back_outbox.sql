-- A publisher gives parts back that it no longer needs. One that another publisher has locked is being taken
-- over, its lease having run out: to wait for it could close a ring of two that take each other's.
create or replace function internal.give_back_outbox(p_holder text, p_kept integer[] default '{}') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    with given as materialized (
        select x.shard
          from internal.outbox_leases as x
         where x.holder = p_holder and x.shard <> all (p_kept)
           for update skip locked
    )
    update internal.outbox_leases as x
       set holder = null, leased_until = '-infinity'
     where x.shard in (select g.shard from given as g);
end
$$;
comment on function internal.give_back_outbox(text, integer[]) is
    'Ends the leases of p_holder on all parts but p_kept, without waiting.';
revoke all on function internal.give_back_outbox(text, integer[]) from public;
