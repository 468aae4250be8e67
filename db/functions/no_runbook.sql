-- An answer to a question that no runbook fits: no guess, but where to look next.
create or replace function internal.no_runbook(p_locale text) returns jsonb
language sql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
               'title', t.title, 'quick_summary', t.summary, 'business_context', t.context,
               'action_steps', jsonb_build_array(
                   jsonb_build_object(
                       'position', 1, 'instruction', t.instruction, 'sql', null,
                       'command', 'leadguard runbook --list', 'healthy', null, 'run_as', null,
                       'is_read_only', true, 'parameters', jsonb_build_object())),
               'troubleshooting', jsonb_build_object(), 'kpis', jsonb_build_array(), 'escalation', t.escalation)
      from (values
          ('de', 'Kein Runbook passt sicher', 'Zu dieser Frage gibt es keine geführte Bedienung.',
              'Am nächsten kommen die Runbooks unter „related“, wenn dort welche stehen.',
              'Runbooks ansehen und eines beim Namen aufrufen.',
              'Wenn Kunden oder Leads betroffen sind und kein Runbook hilft: Operations-Lead anrufen.'),
          ('en', 'No runbook fits for certain', 'There is no guided operation for this question.',
              'The runbooks under "related", if there are any, come closest.',
              'Look through the runbooks and ask for one by its name.',
              'If customers or leads are affected and no runbook helps: call the Operations-Lead.')
      ) as t (locale, title, summary, context, instruction, escalation)
     where t.locale = p_locale
$$;
comment on function internal.no_runbook(text) is
    'What help_guided_operation says where nothing fits, in de or en: its members but kind, related and confidence.';
revoke all on function internal.no_runbook(text) from public;
