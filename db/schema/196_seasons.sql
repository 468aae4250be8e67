-- When how much more is asked of the system than on an ordinary day. Data: a new season is a row.
create table if not exists public.seasons (
    season text not null,
    first_month integer not null,
    last_month integer not null,
    load_multiplier numeric(6, 2) not null,
    app_utilisation numeric(4, 2) not null,
    worker_utilisation numeric(4, 2) not null,
    database_utilisation numeric(4, 2) not null,
    sample_success_target numeric(4, 2) not null default 0.80,
    constraint seasons_pkey primary key (season),
    constraint seasons_season_usable check (not internal.is_blank(season) and char_length(season) <= 50),
    -- Without `between`, which a dump writes otherwise than it was made.
    constraint seasons_months_in_year
    check (first_month >= 1 and first_month <= 12 and last_month >= 1 and last_month <= 12),
    constraint seasons_load_multiplier_usable check (load_multiplier >= 1 and load_multiplier < 1000),
    constraint seasons_app_utilisation_is_share check (app_utilisation > 0 and app_utilisation <= 1),
    constraint seasons_worker_utilisation_is_share check (worker_utilisation > 0 and worker_utilisation <= 1),
    constraint seasons_database_utilisation_is_share check (database_utilisation > 0 and database_utilisation <= 1),
    constraint seasons_sample_success_target_is_share check (sample_success_target > 0 and sample_success_target <= 1)
);
comment on table public.seasons is
    'Peak seasons: whole months in the business zone, load against an ordinary day, how full each part may then be run.';
comment on column public.seasons.last_month is 'Included; before first_month where the season runs over New Year.';
comment on column public.seasons.load_multiplier is 'Load against the baseline that is measured out of season.';
comment on column public.seasons.app_utilisation is 'Share of the application''s capacity that is to be used at the peak.';
comment on column public.seasons.sample_success_target is 'Share of samples that must arrive in it.';

insert into public.seasons (
    season, first_month, last_month, load_multiplier, app_utilisation, worker_utilisation, database_utilisation
) values
    ('Spargel', 4, 6, 3, 0.60, 0.75, 0.70),
    ('Oktoberfest', 9, 9, 4, 0.55, 0.70, 0.65),
    ('Weihnachten', 11, 12, 5, 0.50, 0.65, 0.60)
on conflict (season) do nothing;

grant select on public.seasons to lead_operations;
