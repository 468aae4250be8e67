-- Who has practised what. The exercises are files (db/drills), done on a scratch database and checked by the program.
create table if not exists public.drill_results (
    id bigint generated always as identity,
    person text not null,
    drill text not null,
    passed boolean not null,
    took interval not null,
    checked_at timestamptz not null default now(),
    constraint drill_results_pkey primary key (id),
    constraint drill_results_person_not_blank check (not internal.is_blank(person)),
    constraint drill_results_drill_not_blank check (not internal.is_blank(drill)),
    constraint drill_results_took_not_negative check (took >= interval '0')
);
comment on table public.drill_results is
    'Every check of a training drill (leadguard drill check), a row each; who has one that passed has done the drill.';
comment on column public.drill_results.person is 'As given with --person: a name, or an address.';
comment on column public.drill_results.drill is 'The name of its file in db/drills.';
comment on column public.drill_results.took is 'From its start to this check.';

create index if not exists drill_results_by_person on public.drill_results (person, drill);

grant select on public.drill_results to lead_operations;
