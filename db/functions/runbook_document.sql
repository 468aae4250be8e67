-- A runbook as whoever renders it takes it: one document, its steps in order.
create or replace function internal.runbook_document(p_runbook text, p_locale text) returns jsonb
language sql
stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
               'title', r.title,
               'quick_summary', r.quick_summary,
               'business_context', r.business_context,
               'action_steps', coalesce((
                   select jsonb_agg(
                              jsonb_build_object(
                                  'position', s.position, 'instruction', s.instruction, 'sql', s.sql,
                                  'command', s.command, 'healthy', s.healthy, 'run_as', s.run_as,
                                  'is_read_only', s.is_read_only, 'parameters', s.parameters)
                              order by s.position)
                     from public.runbook_steps as s
                    where s.runbook = r.runbook and s.locale = r.locale), '[]'),
               'troubleshooting', r.troubleshooting,
               'kpis', r.kpis,
               'escalation', r.escalation,
               'related', coalesce((
                   select jsonb_agg(
                              jsonb_build_object(
                                  'runbook', o.runbook, 'title', o.title, 'quick_summary', o.quick_summary)
                              order by x.n)
                     from unnest(r.related) with ordinality as x (runbook, n)
                     join public.runbooks as o on o.runbook = x.runbook and o.locale = r.locale), '[]'))
      from public.runbooks as r
     where r.runbook = p_runbook and r.locale = p_locale
$$;
comment on function internal.runbook_document(text, text) is
    'One runbook in one locale: the members of help_guided_operation but kind and confidence; null for an unknown one.';
revoke all on function internal.runbook_document(text, text) from public;
