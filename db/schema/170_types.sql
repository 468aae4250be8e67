-- The shapes that functions hand to each other.
do $$
begin
    if to_regtype('public.lead_protection') is null then
        create type public.lead_protection as (
            id bigint,
            lead_id bigint,
            user_id bigint,
            state text,
            protection_expires_at timestamptz,
            days_remaining numeric,
            protection_started_at timestamptz,
            last_qualified_activity_at timestamptz,
            base_expires_at timestamptz,
            reminder_due_at timestamptz,
            reminder_sent_at timestamptz,
            grace_ends_at timestamptz,
            clock_stopped_since timestamptz,
            hold_until timestamptz,
            end_reason text,
            policy text
        );
    end if;
    if to_regtype('public.lead_explanation') is null then
        create type public.lead_explanation as (
            step integer,
            at timestamptz,
            fact text,
            effect text,
            clock text,
            reminder_due_at timestamptz,
            protection_expires_at timestamptz,
            kind text,
            user_id bigint,
            counts boolean
        );
    end if;
    if to_regtype('public.protection_difference') is null then
        create type public.protection_difference as (
            lead_id bigint,
            difference text,
            stored text,
            computed text
        );
    end if;
    if to_regtype('public.readiness_finding') is null then
        create type public.readiness_finding as (
            what text,
            status text,
            evidence text,
            what_to_do text
        );
    end if;
    if to_regtype('internal.go_live_measurement') is null then
        create type internal.go_live_measurement as (
            criterion text,
            target text,
            value numeric,
            unit text,
            is_known boolean,
            is_met boolean,
            evidence text
        );
    end if;
    if to_regtype('internal.clock_fact') is null then
        create type internal.clock_fact as (
            at timestamptz,
            is_activity boolean,
            window_start date
        );
    end if;
    if to_regtype('internal.lead_facts') is null then
        create type internal.lead_facts as (
            extension interval,
            holds tstzmultirange,
            last_release_at timestamptz,
            clock_facts internal.clock_fact []
        );
    end if;
end
$$;
comment on type public.lead_protection is 'A row of v_user_lead_protection, as functions return it.';
comment on type internal.clock_fact is 'A qualified activity, or a sent reminder with its window, at a moment.';
comment on type internal.lead_facts is 'What decides a period: summed extensions, merged holds, clock facts in time order.';
comment on type public.lead_explanation is
    'A step of explain_lead_protection; for programs: kind (START, END, EXTENSION, ACTIVITY, OTHER_ACTIVITY, REMINDER_INACTIVITY, REMINDER_TERM, HOLD, EMPTY_HOLD, RELEASE, ANSWER), whose fact, and whether it counts.';
comment on type public.protection_difference is 'What verify_lead_protection found: where a stored row parts from its facts.';
comment on type public.readiness_finding is
    'A row of production_readiness_check: what was looked at, status OK, WARN or FAIL, the evidence, what to do (null: nothing).';
comment on type internal.go_live_measurement is
    'A criterion of go-live as it was found: against which target, whether there is anything to judge by, whether it is met, and by what.';
