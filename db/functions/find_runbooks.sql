-- Which runbooks fit a question: first those of which a keyword stands in it, the longest keyword before others,
-- then by the share of the question that a runbook's words cover. A word that most runbooks have says little.
-- In a keyword, * stands for any ending, and alone for up to three words: "Wie halte ich die Uhr an?".
create or replace function internal.find_runbooks(p_query text, p_locale text)
returns table (n bigint, runbook text, kind text, has_keyword boolean, confidence numeric)
language sql
stable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    -- Nobody asks in more than a few hundred characters: no more are weighed. A keyword counts behind them, too, as
    -- below a log that somebody pasted; what is pasted by the megabyte costs no more than that.
    with asked as materialized (
        select left(p_query, 500) as query, internal.plain_words(left(p_query, 20000)) as words
    ),

    lexemes as materialized (
        select l.locale, x.lexeme
          from asked as a
         cross join (values ('de'), ('en')) as l (locale)
         cross join lateral unnest(
                   tsvector_to_array(to_tsvector(internal.search_language(l.locale), a.query))) as x (lexeme)
    ),

    -- How well each word of the question stands in each runbook: in its title 1, elsewhere less.
    found as materialized (
        select t.runbook, t.locale, t.lexeme,
               max(case when 'A' = any (t.weights) then 1.0 when 'B' = any (t.weights) then 0.7 else 0.5 end) as fit
          from (
              select r.runbook, r.locale, u.lexeme, u.weights
                from public.runbooks as r
               cross join lateral unnest(r.search) as u
               union all
              select s.runbook, s.locale, u.lexeme, u.weights
                from public.runbook_steps as s
               cross join lateral unnest(s.search) as u
          ) as t
         where (t.locale, t.lexeme) in (select l.locale, l.lexeme from lexemes as l)
         group by t.runbook, t.locale, t.lexeme
    ),

    weighed as (
        select l.locale, l.lexeme,
               ln(1.0 + (select count(distinct r.runbook) from public.runbooks as r)
                   / greatest((select count(*) from found as f where f.locale = l.locale and f.lexeme = l.lexeme), 1)
               ) as weight
          from lexemes as l
    ),

    covered as (
        select c.runbook, max(c.share) as share
          from (
              select f.runbook,
                     sum(f.fit * w.weight) / (select sum(o.weight) from weighed as o where o.locale = f.locale) as share
                from found as f
                join weighed as w on w.locale = f.locale and w.lexeme = f.lexeme
               group by f.runbook, f.locale
          ) as c
         group by c.runbook
    ),

    -- The name of a runbook is its surest keyword.
    named as (
        select r.runbook, r.kind, r.position, coalesce(c.share, 0) as share,
               case when btrim(a.words) = replace(r.runbook, '-', ' ') then 1000 else k.longest end as keyword
          from asked as a
         cross join public.runbooks as r
          left join covered as c on c.runbook = r.runbook
         cross join lateral (
                   select max(length(rtrim(w.word, '*'))) as longest
                     from unnest(r.keywords) as w (word)
                    -- Compiling hundreds of expressions takes longer than all the rest: most are out at a glance.
                    where a.words like '% ' || replace(replace(w.word, ' * ', ' %'), '*', '%') || ' %'
                      and a.words ~ (
                          ' ' || replace(replace(w.word, ' * ', ' ([a-z0-9]+ ){0,3}'), '*', '[a-z0-9]*') || ' ')
               ) as k
         where r.locale = p_locale
    )

    select row_number() over (
               order by n.keyword = 1000 desc nulls last,
                        n.keyword is not null and n.kind = 'guided_operation' desc,
                        n.keyword desc nulls last, n.share desc, n.position),
           n.runbook, n.kind, n.keyword is not null,
           round(case when n.keyword is null then n.share when n.keyword = 1000 then 1 else 0.6 + 0.4 * n.share end, 2)
      from named as n
     where n.keyword is not null or n.share > 0
$$;
comment on function internal.find_runbooks(text, text) is
    'The runbooks that fit a question, numbered from the best, with a confidence from 0 to 1: the share of the question''s words that a runbook covers in either language, 0.6 at least where one of its keywords is in it, 1 for its name.';
revoke all on function internal.find_runbooks(text, text) from public;
