-- Sales partners as Module 02 knows them. A user without a row still gets events, only no mail.
create table if not exists public.sales_users (
    user_id bigint not null,
    display_name text,
    email text,
    team text,
    locale text not null default 'de',
    policy text not null default 'standard',
    active boolean not null default true,
    constraint sales_users_pkey primary key (user_id),
    constraint sales_users_locale_known check (locale in ('de', 'en'))
);
comment on table public.sales_users is 'Sales partners; policy names the contract that their next periods start under.';
comment on column public.sales_users.policy is 'A policy of protection_policies (LP019 otherwise); running periods keep theirs.';
