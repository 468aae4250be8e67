-- The figures of a report, for whichever stretch is asked: which they are, and what each is called and measured by. Not
-- rounded, for they are judged.
-- Inlined, so that the readings are planned once for all stretches of a report.
create or replace function internal.summarise_performance(p_after timestamptz, p_until timestamptz, p_time_window text)
returns table (
    n integer,
    kpi text,
    target text,
    title text,
    unit text,
    value numeric,
    detail text
)
language sql
stable
rows 7
begin atomic
    select f.n, f.kpi, f.target, f.title, f.unit, f.value, case when f.value is not null then f.detail end
      from internal.reminders_between(p_after, p_until) as r
     cross join lateral (
           select r.sent + internal.count_overdue_reminders(p_after, p_until) as due
           ) as d
     cross join internal.samples_between(p_after, p_until) as s
     cross join internal.catering_between(p_after, p_until) as e
     cross join (
           select x.cost_eur, x.new_leads, x.cost_per_lead_eur
             from public.cost_per_lead(p_until) as x
            where x.team is null and x.time_window = p_time_window
           ) as c
     cross join lateral (
           values
           (
               1, 'reminders_in_time', 'reminders_in_time_24h', 'Reminders sent in time', 'percent',
               100.0 * r.in_time / nullif(d.due, 0),
               concat_ws(
                   ', ', format('%s of %s in time', r.in_time, d.due),
                   '99 % within ' || ceil(r.p99_seconds / 60) || ' min'
               )
           ),
           (
               2, 'sample_success', 'sample_success', 'Samples that arrived', 'percent', s.success_percent,
               format('%s delivered, %s lost, %s failed', s.delivered, s.lost, s.failed)
           ),
           (
               3, 'samples_lost', 'samples_lost', 'Samples lost', 'samples',
               case when s.delivered + s.lost + s.failed > 0 then s.lost end,
               format('of %s', s.delivered + s.lost + s.failed)
           ),
           (
               4, 'catering_response', 'catering_response', 'Catering: slowest answer', 'seconds', e.slowest_seconds,
               format('%s answered, 95 %% within %s min', e.answered, ceil(e.p95_seconds / 60))
           ),
           (
               5, 'catering_breaches', 'catering_breaches', 'Catering: not answered in time', 'requests',
               case when e.answered + e.breaches > 0 then e.breaches end,
               format('%s late or not at all', e.breaches)
           ),
           (
               6, 'cost_per_lead', 'cost_per_lead', 'Cost per new lead', 'EUR',
               case when c.cost_eur > 0 then c.cost_per_lead_eur end,
               format('%s EUR, new leads: %s', round(c.cost_eur, 2), c.new_leads)
           ),
           (7, 'new_leads', null, 'New leads', 'leads', c.new_leads, null)
           ) as f (n, kpi, target, title, unit, value, detail);
end;
comment on function internal.summarise_performance(timestamptz, timestamptz, text) is
    'The figures of (p_after, p_until], in their order n: value, null where there were no cases to judge by, what it is made of, and the KPI whose target it has (null: none). p_time_window: the length of that stretch, as cost_per_lead names it. Errors: LP006.';
revoke all on function internal.summarise_performance(timestamptz, timestamptz, text) from public;
