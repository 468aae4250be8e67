-- The plan's list as it stands now. What has no data yet has not passed; a sign-off counts until it expires or is
-- withdrawn, whichever was last.
create or replace view public.go_live_criteria as
with signed as (
    select distinct on (s.criterion) s.*
    from public.go_live_sign_offs as s
    where
        s.decision = 'SIGNED_OFF'
        and not exists (
            select from public.go_live_sign_offs as w
            where w.criterion = s.criterion and w.decision = 'WITHDRAWN' and w.id > s.id
        )
    -- The latest that has not expired, else the latest.
    order by s.criterion, s.expires_at > now() desc, s.id desc
),

withdrawn as (
    select distinct on (s.criterion) s.*
    from public.go_live_sign_offs as s
    order by s.criterion, s.id desc
),

answers as (
    select
        q.*,
        m.target,
        m.value,
        m.unit,
        m.evidence,
        s.signed_off_by,
        s.signed_off_at,
        s.reference,
        s.expires_at,
        case when w.decision = 'WITHDRAWN' then w.reference end as withdrawn_for,
        w.signed_off_by as withdrawn_by,
        case
            when not q.is_measured and s.expires_at > now() then 'PASS'
            when not q.is_measured and s.expires_at is not null then 'EXPIRED'
            when not q.is_measured then 'OPEN'
            when m.is_known is not true then 'NO_DATA'
            when m.is_met then 'PASS'
            else 'FAIL'
        end as status
    from public.go_live_questions as q
    left join internal.measure_go_live() as m on q.criterion = m.criterion and q.is_measured
    left join signed as s on q.criterion = s.criterion and not q.is_measured
    left join withdrawn as w on q.criterion = w.criterion and not q.is_measured
)

select
    a.criterion,
    a.title,
    a.category,
    case when a.is_measured then 'MEASURED' else 'SIGNED_OFF' end as kind,
    coalesce(a.target, case when a.is_measured then 'none' else 'signed off' end) as target,
    a.value,
    a.unit,
    a.status,
    case
        when a.is_measured then coalesce(a.evidence, 'nothing measures this')
        when a.reference is not null then
            format(
                '%s %s UTC: %s', case a.status when 'PASS' then 'signed off until' else 'expired on' end,
                to_char(timezone('UTC', a.expires_at), 'YYYY-MM-DD HH24:MI'), a.reference
            )
        when a.withdrawn_for is not null then format('withdrawn by user %s: %s', a.withdrawn_by, a.withdrawn_for)
        else 'not signed off'
    end as evidence,
    a.signed_off_by,
    a.signed_off_at,
    a.reference,
    a.expires_at,
    case
        when a.status = 'PASS' then null
        when a.is_measured then a.what_to_do
        else format('%s Then: leadguard go-live sign-off %s', a.what_to_do, a.criterion)
    end as action
from answers as a
order by a.position, a.criterion;
comment on view public.go_live_criteria is
    'May we go live? The plan''s list as of now(): status PASS, FAIL, NO_DATA (measured), or PASS, OPEN, EXPIRED (signed off), with evidence and what to do. Live may go what has PASS throughout.';
grant select on public.go_live_criteria to lead_operations, grafana_reader;
