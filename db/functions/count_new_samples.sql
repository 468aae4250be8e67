-- New samples, one or a hundred thousand in a statement; an import brings some that have ended.
-- security definer: Module 03 writes samples and nothing else.
create or replace function internal.count_new_samples() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into internal.figure_deltas (figure, label_1, label_2, amount)
    select f.figure, e.product_type, e.urgency, count(*)
      from entered as e
     cross join lateral (
           select 'sample_request_total'
            union all
           select internal.sample_figure(e.status)
           ) as f (figure)
     where f.figure is not null
     group by f.figure, e.product_type, e.urgency;
    return null;
end
$$;
comment on function internal.count_new_samples() is 'Trigger on sample_requests: counts the samples entered, and those of them that have ended.';
revoke all on function internal.count_new_samples() from public;

create or replace trigger sample_requests_count after insert on public.sample_requests
referencing new table as entered
for each statement execute function internal.count_new_samples();
