-- A reminder can go out once the facts that made it due are entered, and not before a planned release has passed: that
-- moment is known in advance, and nobody enters it.
-- The former one is dropped here and not by a migration: the functions of before call it until they are replaced.
drop function if exists internal.could_be_sent_since(internal.lead_clocks, timestamptz);
create or replace function internal.could_be_sent_since(
    p_clocks internal.lead_clocks,
    p_reminder_type text,
    p_at timestamptz
) returns timestamptz
language sql
immutable parallel safe
return greatest(
    coalesce(
        case p_reminder_type when 'TERM' then (p_clocks).base_known_at else (p_clocks).reminder_known_at end,
        (p_clocks).facts_entered_at
    ),
    case when (p_clocks).last_held_until <= p_at then (p_clocks).last_held_until end
);
comment on function internal.could_be_sent_since(internal.lead_clocks, text, timestamptz) is
    'From when on a reminder of a type that is due at p_at by these clocks could have been queued, had it been due: the facts were entered and the last hold over.';
revoke all on function internal.could_be_sent_since(internal.lead_clocks, text, timestamptz) from public;
