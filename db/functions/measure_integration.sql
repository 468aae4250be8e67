-- Whether the modules work together, end to end: whose facts have come in and whose events have gone out, and nothing
-- lies undeliverable on the way.
create or replace function internal.measure_integration() returns setof internal.go_live_measurement
language sql
stable
rows 1
set search_path = pg_catalog, pg_temp
as $$
    with modules as (
        select m.module, m.n,
               case
                   -- Of cost an event tells only when it is too high, so what has come in has to do.
                   when m.events is null then exists (select from public.cost_entries)
                   else exists (
                       select from public.metric_outbox_published_total as p
                        where p.event_type like m.events and p.value > 0)
               end as is_seen
          from (
               values (1, 'leads', 'lead.%'), (2, 'samples', 'sample.%'), (3, 'catering', 'event.catering.%'),
                      (4, 'cost', null)
               ) as m (n, module, events)
    )

    select 'integration', 'leads, samples, catering, cost; no dead letters', m.seen, 'modules',
           m.missing is null or d.outbox_status <> 'OK' or d.inbox > 0,
           m.missing is null and d.outbox_status = 'OK' and d.inbox = 0,
           format(
               'nothing yet of: %s; dead letters: %s in the outbox, %s in the inbox',
               coalesce(m.missing, 'none'), d.outbox, d.inbox
           )
      from (
           select count(*) filter (where x.is_seen) as seen,
                  string_agg(x.module, ', ' order by x.n) filter (where not x.is_seen) as missing
             from modules as x
           ) as m
     cross join (
           select o.value as outbox, o.status as outbox_status,
                  (select count(*) from public.inbox_dead_letters) as inbox
             from public.monitoring_outbox as o
            where o.kpi = 'outbox_dead_letters'
           ) as d
$$;
comment on function internal.measure_integration() is
    'The criterion integration of go-live: met where every module has been seen and there is no dead letter.';
revoke all on function internal.measure_integration() from public;
