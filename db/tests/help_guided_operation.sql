-- Module 07: whoever is called at night asks in words, and gets what to do.
begin;
select plan(75);
set local client_min_messages = warning;

-- The shape.
select is(
    array(select jsonb_object_keys(help_guided_operation(q.query, q.locale)) order by 1),
    array['action_steps', 'business_context', 'confidence', 'escalation', 'kind', 'kpis', 'quick_summary', 'related', 'title', 'troubleshooting'],
    format('the answer to %L in %s has the ten promised members and no others', q.query, q.locale)
)
  from (values ('lead protection', 'de'), ('outbox', 'en'), ('pizza recipe', 'de')) as q (query, locale);
select is(
    array(select jsonb_typeof(h.a -> k) from unnest(array['action_steps', 'troubleshooting', 'kpis', 'related', 'confidence', 'escalation']) with ordinality as x (k, n) order by n),
    array['array', 'object', 'array', 'array', 'number', 'string'],
    format('lists are lists and a confidence is a number: %s', h.query)
)
  from (select q.query, help_guided_operation(q.query) as a from (values ('lead protection'), ('pizza recipe')) as q (query)) as h;

-- Lead protection, as the planning documents have it.
create temp view overview as
select l.locale, help_guided_operation('lead protection', l.locale) as a from (values ('de'), ('en')) as l (locale);
select is(o.a ->> x.member, x.text, format('lead protection has the %s that was agreed, also in %s', x.member, o.locale))
  from overview as o
 cross join (values
     ('kind', 'guided_operation'), ('title', 'User-Lead-Protection Operations'), ('quick_summary', '6M+60T+10T Protection mit Stop-Clock Management'),
     ('escalation', 'If Sample-Loss risk: Immediate escalation to Operations-Lead')
 ) as x (member, text);
select cmp_ok(jsonb_array_length(a -> 'action_steps'), '>=', 5, format('it has steps in %s', locale)) from overview;
select cmp_ok(a -> 'troubleshooting', '<>', '{}', format('and troubleshooting in %s', locale)) from overview;
select isnt(
    help_guided_operation('lead protection', 'de') -> 'business_context', help_guided_operation('lead protection', 'en') -> 'business_context',
    'the rest is in the language that was asked for'
);

-- Words that lead to a guided operation, in any spelling.
select is_empty(
    $$select q, l from unnest(array['lead protection', 'Reminder', 'EXPIRY', 'LEAD_PROTECTION', 'Lead-Protection', 'how does  lead protection work?', 'reminders',
        'why did it expire', 'hold', 'stop clock', 'Stop-Clock',
        'stopclock', 'grace', 'Leadschutz', 'Lead-Schutz', 'Schutz', 'Erinnerung', 'Erinnerungen', 'Ablauf', 'ablaufen', 'Läuft der Lead ab?', 'der Lead LÄUFT AB',
        'Frist', 'Nachfrist', 'Karenz', 'Sperre', 'Pause',
        'Stoppuhr', 'lauft ab', E'la\u0308uft ab', 'laeuft ab', 'verlängern', 'qualifizierte Aktivität']) as q, unnest(array['de', 'en']) as l
       where help_guided_operation(q, l) ->> 'kind' <> 'guided_operation'$$,
    'each of these is a guided operation in either language'
);
select is_empty(
    $$select q, l from unnest(array['lead protections', 'Lead Protections of user 7', 'LEADS PROTECTED?', 'protection of my leads', 'is lead 17 still protected',
        'geschützte Leads', 'Kundenschutz',
        'reminding', 'reminded', 'does it remind', 'Erinnerungsmail', 'wer wird erinnert', 'gemahnt',
        'expires', 'expired', 'expiring', 'expiration date', 'Wann läuft mein Lead ab?', 'Wann laufen die Leads ab', 'auslaufen', 'der Schutz ist ausgelaufen',
        'Wann läuft er aus?', 'läuft der Lead bald ab', 'wann laufen sie aus', 'verfallen',
        'holds', 'held', 'holding', 'on-hold', 'stop the clock', 'stopping the clock', 'stops my clocks', 'clock stopped', 'the clock was not stopped',
        'pausing', 'Uhr stoppen', 'stoppe die Uhr', 'die Uhr wurde gestoppt', 'Uhr anhalten', 'Wie halte ich die Uhr an?', 'halte die Uhr an', 'wer hält die Uhr an',
        'die Uhr anzuhalten', 'pausieren', 'gesperrt', 'wer sperrt',
        'in grace', 'grace period', 'Gnadenfrist', 'Kulanz', 'Schonfrist']) as q, unnest(array['de', 'en']) as l
       where help_guided_operation(q, l) ->> 'kind' <> 'guided_operation'$$,
    'and so is each of them in another form, or with a few words between'
);
select is_empty(
    $$select q from unnest(array['threshold', 'household', 'graceful shutdown', 'data protection law', 'pizza recipe', 'sample', 'outbox backlog', 'cost per lead',
        'shareholder meeting', 'gracious host', 'upheld', 'Datenschutz', 'Sachsen-Anhalt', 'Pauschale', 'clock drift', 'ab wann läuft der Import', 'wie viel Uhr ist es',
        'stop the worker at 5 o''clock', 'a leading vendor', 'Halt dich an den Plan', 'läuft die Datenbank', 'Wie läuft das Backup ab?', 'laufende Kosten aus dem Vormonat',
        'Lieferung ab Lager', 'Besprechung um 10 Uhr halten', 'um 10 Uhr stoppt der Server', 'the server stopped at 5 o''clock', 'lead data protection law',
        'den Drucker reaktivieren', 'Übergabe der Nachtschicht', 'transfer the money', 'hand me the report',
        'transfer leadership to another node', 'Leadership übertragen', 'reactivate the leading server', 'hand over leadership']) as q
       where help_guided_operation(q) ->> 'kind' <> 'generic'$$,
    'a word that only contains one of them, or another subject, is not'
);
select is(help_guided_operation(q.query, 'en') ->> 'title', r.title, format('%L leads to %s', q.query, q.runbook))
  from (values
      ('why did no reminder go out', 'reminder-pipeline'), ('Warum kam keine Erinnerung?', 'reminder-pipeline'), ('what is a hold', 'hold-management'), ('state machine', 'state-machine'),
      ('which activity is qualified', 'qualified-activities'), ('lead protection with hold and reminder', 'protection-overview'), ('Hold, aber die Erinnerung ging hinaus', 'reminder-pipeline'),
      ('reminder-pipeline', 'reminder-pipeline'), ('Wie halte ich die Uhr an?', 'hold-management'), ('Gnadenfrist', 'state-machine'),
      ('Lead übertragen', 'state-machine'), ('Wie übergebe ich den Lead an einen Kollegen?', 'state-machine'), ('den Lead dem Kollegen übertragen', 'state-machine'),
      ('How do I transfer a lead?', 'state-machine'), ('hand the lead over to a colleague', 'state-machine'), ('einen Lead reaktivieren', 'state-machine'),
      -- The one question, as people ask it.
      ('Whose lead is this, until when, and why?', 'protection-overview'), ('Wem gehört der Lead?', 'protection-overview'), ('Wem gehört dieser Lead, bis wann und warum?', 'protection-overview'),
      ('Wessen Lead ist das?', 'protection-overview'), ('Who owns this lead?', 'protection-overview'), ('owner of lead 17', 'protection-overview')
  ) as q (query, runbook)
  join runbooks as r on r.runbook = q.runbook and r.locale = 'en';

-- Anything else: the best matches, and how sure they are.
select is(
    help_guided_operation(q.query, q.locale) #>> '{related,0,runbook}', q.runbook, format('%L finds %s first', q.query, q.runbook)
)
  from (values
      ('events are published late', 'en', 'outbox-backlog'), ('welche Kosten hat ein Lead', 'de', 'cost-per-lead'), ('ein Muster ist verschollen', 'de',
        'sample-loss'), ('database cannot be reached', 'en', 'database-away'),
      ('sample lost in transit', 'de', 'sample-loss')
  ) as q (query, locale, runbook);
select is(help_guided_operation('pizza recipe') -> 'related', '[]', 'where nothing fits, nothing is named');
select is(help_guided_operation('pizza recipe') -> 'confidence', '0', 'with no confidence');
select is_empty(
    $$select q from unnest(array['lead protection', 'why did no reminder go out', 'outbox', 'pizza outbox recipe', 'lead', 'zzz', 'hold hold hold']) as q
       where (help_guided_operation(q) ->> 'confidence')::numeric not between 0 and 1$$,
    'a confidence lies between 0 and 1'
);
select cmp_ok(
    (help_guided_operation('events') ->> 'confidence')::numeric, '>', (help_guided_operation('events about pizza recipes and other dishes') ->> 'confidence')::numeric,
    'the more of a question is understood, the surer the answer'
);

-- Whatever is typed, no error.
select is(help_guided_operation(q.query) ->> 'kind', 'generic', format('no error, no guess: %s', q.what))
  from (values (null, 'null'), ('', 'empty'), (E' \t\n', 'blank'), (repeat('x', 1000000), 'huge'), ($q$'; drop table leads; -- & | ! ( ) : * \ %_$q$, 'hostile')) as q (query, what);
select is(help_guided_operation('hold', q.locale) ->> 'title', r.title, format('locale %s reads %s', coalesce(quote_literal(q.locale), 'null'), q.reads))
  from (values ('de-AT', 'de'), ('fr', 'en'), (null, 'de')) as q (locale, reads)
  join runbooks as r on r.runbook = 'hold-management' and r.locale = q.reads;

select is(help_guided_operation(q.query) ->> 'kind', 'guided_operation', format('a keyword counts %s', q.place))
  from (values (repeat('outbox season ', 700) || 'reminder', 'behind ten thousand other characters'),
               (repeat('x', 10000) || ' LEAD PROTECTION', 'behind one word that has no end'),
               ('Erinnerung ' || repeat('pizza ', 2000), 'before them')) as q (query, place);

-- Every client may ask; what stands behind the answer is for operations only.
create function pg_temp.asks(p_role text) returns text language plpgsql as $_$
declare
    v_kind text;
begin
    execute format('set local role %I', p_role);
    execute $$select public.help_guided_operation('reminder', 'en') ->> 'kind'$$ into v_kind; -- anew: rights are checked when planned
    reset role;
    return v_kind;
end
$_$;
select is(pg_temp.asks(r.role), 'guided_operation', format('%s gets an answer', r.role))
  from unnest(array['module02_writer', 'module03_writer', 'finops_writer', 'lead_operations', 'grafana_reader']) as r (role);
select throws_ok(format('select pg_temp.asks(%L)', r.role), '42501', null, format('%s has no use for one', r.role)) from unnest(array['lead_worker', 'lead_exporter']) as r (role);
set local role grafana_reader;
select throws_ok('select * from public.runbooks', '42501', null, 'the rows are not for everybody');
reset role;
set local role lead_operations;
select throws_ok('update public.runbooks set title = title', '42501', null, 'and nobody edits them but migrate');
reset role;

-- The rows.
select is_empty($$select runbook from runbooks group by runbook having count(*) <> 2$$, 'every runbook is there in both languages');
select is_empty(
    $$select r.runbook, x from runbooks as r cross join unnest(r.related) as x where not exists (select from runbooks as o where o.runbook = x) or x = r.runbook$$,
    'related runbooks exist'
);
select is_empty(
    $$select runbook, locale from runbooks as r where not exists (select from runbook_steps as s where s.runbook = r.runbook and s.locale = r.locale and s.sql is not null and s.is_read_only)$$,
    'every runbook has a statement that looks'
);

select * from finish();
rollback;
