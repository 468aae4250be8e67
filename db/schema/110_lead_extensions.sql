-- Granted prolongations of the base term; summed and added once.
create table if not exists public.lead_extensions (
    id bigint generated always as identity,
    lead_id bigint not null,
    user_id bigint not null,
    extension interval not null,
    reason text not null,
    granted_by bigint,
    granted_at timestamptz not null default now(),
    constraint lead_extensions_pkey primary key (id),
    constraint lead_extensions_lead_id_fkey foreign key (lead_id) references public.leads (id) on delete cascade,
    constraint lead_extensions_reason_not_blank check (not internal.is_blank(reason)),
    constraint lead_extensions_extension_positive check (extension > interval '0')
);
comment on table public.lead_extensions is 'Extensions of 6M; each counts from granted_at for the period running then.';

create index if not exists lead_extensions_by_lead on public.lead_extensions (lead_id, granted_at);
