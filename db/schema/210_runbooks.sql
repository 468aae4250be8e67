-- Runbooks: what whoever is called at night does, in German and English. Content lies in db/runbooks, a file each;
-- migrate stores it here. The helpers come first, as generated columns use them.
create or replace function internal.search_language(p_locale text) returns regconfig
language sql
immutable parallel safe
return case p_locale when 'de' then 'pg_catalog.german'::regconfig else 'pg_catalog.english'::regconfig end;
comment on function internal.search_language(text) is 'How words of a locale are stemmed for full-text search.';
revoke all on function internal.search_language(text) from public;

create or replace function internal.joined(p_words text[]) returns text
language sql
immutable parallel safe
return coalesce(array_to_string(p_words, ' '), '');
comment on function internal.joined(text[]) is 'Words as one text; immutable, as array_to_string is for texts.';
revoke all on function internal.joined(text[]) from public;

create table if not exists public.runbooks (
    runbook text not null,
    locale text not null,
    position integer not null,
    kind text not null,
    title text not null,
    quick_summary text not null,
    business_context text not null,
    troubleshooting jsonb not null,
    kpis jsonb not null,
    escalation text not null,
    keywords text[] not null,
    related text[] not null,
    search tsvector generated always as (
        setweight(to_tsvector(internal.search_language(locale), title || ' ' || internal.joined(keywords)), 'A')
        || setweight(to_tsvector(internal.search_language(locale), quick_summary || ' ' || business_context), 'B')
        || setweight(to_tsvector(internal.search_language(locale), troubleshooting::text), 'C')
        || setweight(to_tsvector(internal.search_language(locale), replace(kpis::text, '_', ' ')), 'D')
    ) stored not null,
    constraint runbooks_pkey primary key (runbook, locale),
    constraint runbooks_runbook_is_a_file_name check (runbook ~ '^[a-z][a-z0-9-]*$' and char_length(runbook) <= 60),
    constraint runbooks_locale_known check (locale in ('de', 'en')),
    constraint runbooks_kind_known check (kind in ('guided_operation', 'generic')),
    constraint runbooks_keywords_plain check (internal.joined(keywords) ~ '^[a-z0-9 *]+$'),
    constraint runbooks_troubleshooting_is_object check (jsonb_typeof(troubleshooting) = 'object'),
    constraint runbooks_kpis_is_array check (jsonb_typeof(kpis) = 'array'),
    constraint runbooks_nothing_blank check (
        not internal.is_blank(title) and not internal.is_blank(quick_summary)
        and not internal.is_blank(business_context) and not internal.is_blank(escalation)
    )
);
comment on table public.runbooks is
    'Runbooks of the help system, a row each and locale, from the files of db/runbooks; migrate overwrites what is edited here.';
comment on column public.runbooks.runbook is 'Its id: also the name of its page, docs/runbooks/<runbook>.md, which alerts point at.';
comment on column public.runbooks.position is 'Order in lists; of two that fit equally, the first is shown.';
comment on column public.runbooks.kind is
    'What help_guided_operation answers where a keyword fits: guided_operation for lead protection, generic for what lies around it.';
comment on column public.runbooks.troubleshooting is 'Symptom to what to do.';
comment on column public.runbooks.kpis is 'Names of metrics or of kpi in the monitoring views.';
comment on column public.runbooks.keywords is
    'Words that lead here, in both languages, lower case without accents (ae for ä); * stands for any ending.';
comment on column public.runbooks.related is 'Ids of runbooks to read next.';

create table if not exists public.runbook_steps (
    runbook text not null,
    locale text not null,
    position integer not null,
    instruction text not null,
    sql text,
    command text,
    healthy text,
    run_as text,
    is_read_only boolean not null,
    parameters jsonb not null default '{}',
    search tsvector generated always as (
        setweight(to_tsvector(internal.search_language(locale), instruction || ' ' || coalesce(healthy, '')), 'C')
    ) stored not null,
    constraint runbook_steps_pkey primary key (runbook, locale, position),
    constraint runbook_steps_runbook_fkey foreign key (runbook, locale)
    references public.runbooks (runbook, locale) on delete cascade,
    constraint runbook_steps_position_from_one check (position >= 1),
    constraint runbook_steps_instruction_not_blank check (not internal.is_blank(instruction)),
    constraint runbook_steps_run_as_known check (
        run_as in ('owner', 'lead_operations', 'lead_worker', 'module02_writer', 'module03_writer', 'finops_writer')
    ),
    constraint runbook_steps_sql_names_its_role check ((sql is null) = (run_as is null)),
    constraint runbook_steps_changes_are_rolled_back
    check (sql is null or is_read_only or sql ~* '^begin;.*rollback;\s*$'),
    constraint runbook_steps_parameters_is_object check (jsonb_typeof(parameters) = 'object')
);
comment on table public.runbook_steps is
    'Steps of the runbooks in order: what to do, and the statement or the command that does it.';
comment on column public.runbook_steps.sql is
    'As for psql: :name and :''name'' stand for the parameters. One that changes something ends in rollback: a trial until that is made commit.';
comment on column public.runbook_steps.command is 'For a shell, with the examples of the parameters filled in.';
comment on column public.runbook_steps.healthy is 'What it shows when all is well.';
comment on column public.runbook_steps.run_as is 'The role with the right to run sql; owner: whoever owns the tables.';
comment on column public.runbook_steps.parameters is 'Name to example value.';

grant select on public.runbooks, public.runbook_steps to lead_operations;
