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
        -- Another database of the cluster may have it: then nobody needs the right to make it.
        if to_regrole(v_role) is null then
            begin
                execute format('create role %I nologin', v_role);
            exception
                -- Or be making it at this moment.
                when duplicate_object or unique_violation then null;
            end;
        end if;
        -- Everybody may look into public, unless somebody has taken that away.
        execute format('grant usage on schema public to %I', v_role);
    end loop;
end
$$;
