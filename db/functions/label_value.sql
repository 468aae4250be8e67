-- What people typed becomes the value of a label: on one line, and not so long that it swells every scrape.
create or replace function internal.label_value(p_text text) returns text
language sql
immutable parallel safe
return left(regexp_replace(p_text, '[[:cntrl:]]+', ' ', 'g'), 64);
comment on function internal.label_value(text) is 'A text as the value of a label: no control characters, 64 characters at most.';
revoke all on function internal.label_value(text) from public;
