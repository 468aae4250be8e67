-- Which counter an end of a sample belongs to, for the two triggers that count them.
create or replace function internal.sample_figure(p_status text) returns text
language sql
immutable parallel safe
return case p_status
    when 'DELIVERED' then 'sample_request_success_total'
    when 'LOST' then 'sample_request_lost_total'
    when 'FAILED' then 'sample_request_failed_total'
end;
comment on function internal.sample_figure(text) is 'The counter of samples with this status; null: none.';
revoke all on function internal.sample_figure(text) from public;
