-- Days as people read them, two digits. Whole hundredths first: dividing numerics would cost more than
-- reading the row.
create or replace function internal.days_between(p_from timestamptz, p_until timestamptz) returns numeric
language sql
immutable parallel safe
return floor(date_part('epoch', p_until - p_from) / 864 + 0.5)::bigint * 0.01;
comment on function internal.days_between(timestamptz, timestamptz) is
    'Elapsed seconds / 86400, rounded to two digits, half up.';
revoke all on function internal.days_between(timestamptz, timestamptz) from public;
grant execute on function internal.days_between(timestamptz, timestamptz)
to module02_writer, lead_operations, grafana_reader;
