-- An end is counted under the labels that the sample bears by then; a label corrected later moves no count. A full
-- join, which no condition makes another: the plan is kept from one row to many, and must not be a nested loop. A row
-- is there twice where the statement deletes its lead as well.
-- security definer: Module 03 writes samples and nothing else.
create or replace function internal.count_sample_ends() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into internal.figure_deltas (figure, label_1, label_2, amount)
    select internal.sample_figure(n.status), n.product_type, n.urgency, count(distinct n.id)
      from after as n
      full join before as o on o.id = n.id
     where coalesce(o.id = n.id and o.status <> n.status and internal.sample_figure(n.status) is not null, false)
     group by 1, n.product_type, n.urgency;
    return null;
end
$$;
comment on function internal.count_sample_ends() is 'Trigger on sample_requests: counts the delivered, the lost and the failed.';
revoke all on function internal.count_sample_ends() from public;

create or replace trigger sample_requests_count_ends after update on public.sample_requests
referencing old table as before new table as after
for each statement execute function internal.count_sample_ends();
