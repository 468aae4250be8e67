-- How long a season is paid for. Clock changes do not matter to an estimate.
create or replace function internal.season_hours(p_first_month integer, p_last_month integer) returns numeric
language sql
immutable parallel safe
return coalesce(
    24 * (
        internal.season_end(p_first_month, p_last_month, 2025) - make_date(2025, p_first_month, 1)
    ),
    730
);
comment on function internal.season_hours(integer, integer) is 'Hours of whole months in a common year; of an average month for null.';
revoke all on function internal.season_hours(integer, integer) from public;
