-- Held time is elapsed seconds: subtracting timestamps gives an interval with days, which would be
-- added as calendar days of the session's zone. In UTC both are the same.
create or replace function internal.add_elapsed(p_at timestamptz, p_from timestamptz, p_until timestamptz)
returns timestamptz
language sql
immutable parallel safe
return timezone('UTC', timezone('UTC', p_at) + (timezone('UTC', p_until) - timezone('UTC', p_from)));
comment on function internal.add_elapsed(timestamptz, timestamptz, timestamptz) is
    'p_at plus the seconds that elapsed from p_from until p_until (docs/rules.md, Clock arithmetic).';
revoke all on function internal.add_elapsed(timestamptz, timestamptz, timestamptz) from public;
