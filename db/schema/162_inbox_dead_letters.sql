-- Events of other modules that could not be applied, as they came: bytes, for they may be no text at all.
create table if not exists public.inbox_dead_letters (
    id bigint generated always as identity,
    source text not null,
    payload bytea not null,
    payload_hash bytea not null generated always as (sha256(payload)) stored,
    error_code text,
    reason text not null,
    deliveries bigint not null default 1,
    first_at timestamptz not null default clock_timestamp(),
    last_at timestamptz not null default clock_timestamp(),
    constraint inbox_dead_letters_pkey primary key (id),
    constraint inbox_dead_letters_once_per_payload unique (payload_hash, source),
    constraint inbox_dead_letters_reason_not_blank check (not internal.is_blank(reason))
);
comment on table public.inbox_dead_letters is
    'Incoming events that were refused, until they are replayed or discarded, or the setting inbox_dead_letters_retention has passed. The same bytes from the same source again are the same row.';
comment on column public.inbox_dead_letters.payload is
    'The message as it came; where it is text: select convert_from(payload, ''UTF8'').';
comment on column public.inbox_dead_letters.error_code is 'SQLSTATE of the refusal, such as LP017; null: no database said it.';
comment on column public.inbox_dead_letters.deliveries is 'How often it came and was refused.';

create index if not exists inbox_dead_letters_by_last_at on public.inbox_dead_letters (last_at);

grant select on public.inbox_dead_letters to lead_operations;
