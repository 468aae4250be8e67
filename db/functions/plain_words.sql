-- People type "Stop-Clock", "stop_clock" and "Ablauf läuft ab": compared are words in lower case without accents,
-- a blank on each side of each.
create or replace function internal.plain_words(p_text text) returns text
language sql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select ' ' || btrim(regexp_replace(
        replace(replace(replace(replace(replace(
            lower(translate(coalesce(p_text, ''), 'ÄÖÜẞ', 'äöüß')),
            'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue'), 'ß', 'ss'), chr(776), 'e'),
        '[^a-z0-9]+', ' ', 'g')) || ' '
$$;
comment on function internal.plain_words(text) is
    'A text as words of a-z and 0-9 with a blank before and after each; umlauts as ae, oe, ue, composed or not.';
revoke all on function internal.plain_words(text) from public;
