-- How a period may begin and end, whoever writes it: what the check on lead_protection_periods takes and refuses.
begin;
select plan(4);

create temp view cases as
select s.start_reason, e.ended_at, r.end_reason, c.recorded_at,
       s.start_reason <> 'BOUGHT'
       and case
               when e.ended_at is null then r.end_reason is null and c.recorded_at is null
               when e.ended_at < '2026-01-10' then false
               when r.end_reason in ('INACTIVITY', 'BASE_TERM') then c.recorded_at is not null
               when r.end_reason in ('TRANSFERRED', 'CONVERTED') then c.recorded_at is null
               else false
           end as is_due
  from (values ('REGISTERED'), ('TRANSFERRED'), ('REINSTATED'), ('BOUGHT')) as s (start_reason)
 cross join (values (null::timestamptz), ('2026-01-09'), ('2026-01-10'), ('2026-03-01')) as e (ended_at)
 cross join (values (null), ('INACTIVITY'), ('BASE_TERM'), ('TRANSFERRED'), ('CONVERTED'), ('LOST')) as r (end_reason)
 cross join (values (null::timestamptz), ('2026-03-02')) as c (recorded_at);

select is_empty(
    $$select * from cases where is_due is distinct from internal.is_whole_period(start_reason, '2026-01-10', ended_at, end_reason, recorded_at)$$,
    'of all combinations just those are whole that are due'
);
select results_eq('select count(*)::integer from cases where is_due', 'values (3 * (1 + 2 * 4))', 'nine ends for each of three reasons to begin');

insert into leads (id, user_id, created_at) values (1, 7, '2026-01-10');
select throws_ok(
    $$update lead_protection_periods set end_reason = 'INACTIVITY' where lead_id = 1$$, '23514', null, 'a period that runs has no reason to have ended'
);
select throws_ok(
    $$update lead_protection_periods set start_reason = 'BOUGHT' where lead_id = 1$$, '23514', null, 'a period begins for a reason that is known'
);

select * from finish();
rollback;
