-- public is the interface (names and columns are a contract), internal is machinery.
-- Nobody may execute a new function until it is granted by name.
create schema if not exists internal;
comment on schema internal is 'Machinery of Leadguard: no interface, no grants, may change with any release.';

do $$
begin
    execute format('revoke create, temporary on database %I from public', current_database());
end
$$;
revoke create on schema public from public;
alter default privileges revoke execute on functions from public;
