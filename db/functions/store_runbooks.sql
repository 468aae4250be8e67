-- Runbooks are written as files and read as rows: what the files say replaces what the tables have, so that an
-- edit reaches every database with its next migrate, and a runbook that is no longer there goes.
create or replace function internal.store_runbooks(p_runbooks jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Steps are few: they are written anew, whatever their number was.
    delete from public.runbook_steps;
    delete from public.runbooks as r
     where not exists (
           select from jsonb_array_elements(p_runbooks) as d where d ->> 'runbook' = r.runbook);

    insert into public.runbooks (
        runbook, locale, position, kind, title, quick_summary, business_context, troubleshooting, kpis, escalation,
        keywords, related
    )
    select d ->> 'runbook', l.locale, (d ->> 'position')::integer, d ->> 'kind', t.said ->> 'title',
           t.said ->> 'quick_summary', t.said ->> 'business_context', t.said -> 'troubleshooting', d -> 'kpis',
           t.said ->> 'escalation', array(select jsonb_array_elements_text(d -> 'keywords')),
           array(select jsonb_array_elements_text(d -> 'related'))
      from jsonb_array_elements(p_runbooks) as d
     cross join (values ('de'), ('en')) as l (locale)
     cross join lateral (values (d -> l.locale)) as t (said)
        on conflict (runbook, locale) do update
       set position = excluded.position, kind = excluded.kind, title = excluded.title,
           quick_summary = excluded.quick_summary, business_context = excluded.business_context,
           troubleshooting = excluded.troubleshooting, kpis = excluded.kpis, escalation = excluded.escalation,
           keywords = excluded.keywords, related = excluded.related;

    -- Statements and commands are the same in both languages; a step that only reads is the rule.
    insert into public.runbook_steps (
        runbook, locale, position, instruction, sql, command, healthy, run_as, is_read_only, parameters
    )
    select d ->> 'runbook', l.locale, s.n, s.step ->> l.locale, s.step ->> 'sql', s.step ->> 'command',
           s.step ->> ('healthy_' || l.locale),
           case when s.step ? 'sql' then coalesce(s.step ->> 'run_as', 'lead_operations') end,
           not coalesce((s.step ->> 'changes')::boolean, false), coalesce(s.step -> 'parameters', '{}')
      from jsonb_array_elements(p_runbooks) as d
     cross join lateral jsonb_array_elements(d -> 'steps') with ordinality as s (step, n)
     cross join (values ('de'), ('en')) as l (locale);
end
$$;
comment on function internal.store_runbooks(jsonb) is
    'Makes the runbooks those of the documents (jobs/runbook_files.py reads them from db/runbooks), all or none.';
revoke all on function internal.store_runbooks(jsonb) from public;
