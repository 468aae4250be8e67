-- Group roles without login: what each kind of client may do is granted to these and to nobody else.
-- Roles belong to the cluster, so they are created when missing and never dropped.
do $$
declare
    v_role text;
begin
    foreach v_role in array array[
        'module02_writer', 'module03_writer', 'finops_writer', 'lead_operations',
        'lead_worker', 'lead_exporter', 'grafana_reader'
    ]
    loop
        begin
            execute format('create role %I nologin', v_role);
        exception
            -- Another database of the cluster may have it, or be making it at this moment.
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;
