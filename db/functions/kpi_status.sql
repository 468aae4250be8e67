-- One reading of a target for all the views that show figures. Inlined.
create or replace function public.kpi_status(
    p_value numeric,
    p_comparison text,
    p_threshold numeric,
    p_tolerated numeric
) returns text
language sql
immutable parallel safe
return case
    when p_value is null or p_threshold is null then null
    when case p_comparison
        when '>' then p_value > p_threshold
        when '>=' then p_value >= p_threshold
        when '<' then p_value < p_threshold
        when '<=' then p_value <= p_threshold
    end then 'OK'
    when case when p_comparison in ('>', '>=') then p_value >= p_tolerated else p_value <= p_tolerated end then 'WARN'
    else 'BREACH'
end;
comment on function public.kpi_status(numeric, text, numeric, numeric) is
    'OK while the value meets its threshold, WARN up to tolerated, BREACH beyond; null without a value or a threshold.';
revoke all on function public.kpi_status(numeric, text, numeric, numeric) from public;
grant execute on function public.kpi_status(numeric, text, numeric, numeric) to lead_operations, grafana_reader;
