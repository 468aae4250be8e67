-- Module 07: somebody has a question, maybe at night, and gets what to do. A question with a keyword of lead
-- protection is answered by a guided operation; any other by what fits best, and by what else may.
-- security definer: help is for every client, the tables behind it are not.
create or replace function public.help_guided_operation(query text, locale text default 'de') returns jsonb
language sql
stable parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $$
    with asked as (
        -- de_AT and de-CH read German; who asks in a language that we do not have, English.
        select case
                   when internal.is_blank(help_guided_operation.locale)
                       or lower(btrim(help_guided_operation.locale)) ~ '^de([^a-z]|$)' then 'de'
                   else 'en'
               end as locale
    ),

    fitting as materialized (
        select f.*
          from asked as a
         cross join lateral internal.find_runbooks(help_guided_operation.query, a.locale) as f
    ),

    -- What covers less than half of the question is named, not recommended.
    best as (
        select case when f.has_keyword then f.kind else 'generic' end as kind, f.confidence,
               internal.runbook_document(f.runbook, a.locale) as document
          from asked as a
         cross join fitting as f
         where f.n = 1 and (f.has_keyword or f.confidence >= 0.5)
    ),

    others as (
        select coalesce(
                   jsonb_agg(
                       jsonb_build_object(
                           'runbook', f.runbook, 'title', r.title, 'quick_summary', r.quick_summary,
                           'confidence', f.confidence)
                       order by f.n), '[]') as related,
               coalesce(max(f.confidence), 0) as confidence
          from asked as a
         cross join fitting as f
          join public.runbooks as r on r.runbook = f.runbook and r.locale = a.locale
         where f.n <= 5
    )

    select case b.kind
               when 'guided_operation' then
                   b.document || jsonb_build_object('kind', b.kind, 'confidence', b.confidence)
               when 'generic' then
                   b.document || jsonb_build_object(
                       'kind', b.kind, 'confidence', b.confidence, 'related', o.related)
               else internal.no_runbook(a.locale) || jsonb_build_object(
                   'kind', 'generic', 'confidence', o.confidence, 'related', o.related)
           end
      from asked as a
     cross join others as o
      left join best as b on true
$$;
comment on function public.help_guided_operation(text, text) is
    'The help for a question in de or en (any other locale: en): {kind, title, quick_summary, business_context, action_steps[{position, instruction, sql, command, healthy, run_as, is_read_only, parameters}], troubleshooting{symptom: what to do}, kpis[], escalation, related[{runbook, title, quick_summary}], confidence}. kind is guided_operation where a keyword of lead protection is in the question, else generic: related then holds the best full-text matches with their confidence, and the rest is the best of them, or says that none fits. Never an error.';
revoke all on function public.help_guided_operation(text, text) from public;
grant execute on function public.help_guided_operation(text, text)
to module02_writer, module03_writer, finops_writer, lead_operations, grafana_reader;
