-- What is measured. A worker counts once a minute into a small snapshot; the views metric_... and the exporter read
-- that and nothing else. Counters never fall: what is counted once is added here, and no purge reaches it.

-- Where something happens that a counter counts, the transaction that does it leaves a row here; the worker adds
-- them up and takes them away. Committed late is counted late, never skipped, and no row is hot.
create table if not exists internal.figure_deltas (
    id bigint generated always as identity,
    figure text not null,
    label_1 text not null default '',
    label_2 text not null default '',
    amount bigint not null default 1,
    seconds double precision,
    constraint figure_deltas_pkey primary key (id),
    constraint figure_deltas_amount_positive check (amount > 0)
);
comment on table internal.figure_deltas is 'What has happened since figures were last counted; refresh_figures() adds it up and deletes it.';
comment on column internal.figure_deltas.seconds is 'Of a histogram: how long it took, each of the amount.';

create table if not exists internal.figure_kinds (
    figure text not null,
    family text,
    bounds double precision [],
    constraint figure_kinds_pkey primary key (figure)
);
comment on table internal.figure_kinds is 'Counters and histograms (with bounds) that are added up from deltas.';
comment on column internal.figure_kinds.family is
    'Figures of one family share the list of label values that have series of their own; null: the values are few by themselves.';
insert into internal.figure_kinds (figure, family, bounds) values
    ('lead_reminder_due_total', null, null),
    ('lead_reminder_sent_total', null, null),
    ('lead_reminder_delay_seconds', null, '{60,300,900,1800,3600,7200,21600,86400}'),
    ('lead_protection_expired_total', null, null),
    ('lead_protection_reactivated_total', null, null),
    ('lead_qualified_activity_total', null, null),
    ('lead_conversion_success_total', null, null),
    ('sample_request_total', 'sample_request', null),
    ('sample_request_success_total', 'sample_request', null),
    ('sample_request_lost_total', 'sample_request', null),
    ('sample_request_failed_total', 'sample_request', null),
    ('event_catering_sla_seconds', 'event_catering', '{300,600,1200,1800,3600,7200}'),
    ('event_catering_sla_breaches_total', 'event_catering_breach', null),
    ('outbox_published_total', 'outbox', null),
    ('job_runs_total', 'job_run', null),
    ('job_duration_seconds', 'job', '{0.05,0.1,0.5,1,5,15,60,300}')
on conflict (figure) do nothing;

create table if not exists internal.figure_series (
    family text not null,
    label_1 text not null,
    label_2 text not null default '',
    constraint figure_series_pkey primary key (family, label_1, label_2)
);
comment on table internal.figure_series is
    'Label values that have series of their own, and keep them; those that come when the list is full count as other.';

create table if not exists internal.figure_counters (
    figure text not null,
    label_1 text not null default '',
    label_2 text not null default '',
    amount bigint not null default 0,
    constraint figure_counters_pkey primary key (figure, label_1, label_2),
    constraint figure_counters_never_negative check (amount >= 0)
);
comment on table internal.figure_counters is 'Counters as of the snapshot; they only grow.';
insert into internal.figure_counters (figure, label_1) values
    ('lead_reminder_due_total', 'INACTIVITY'),
    ('lead_reminder_due_total', 'TERM'),
    ('lead_reminder_sent_total', 'INACTIVITY'),
    ('lead_reminder_sent_total', 'TERM'),
    ('lead_protection_expired_total', 'inactivity'),
    ('lead_protection_expired_total', 'base_term'),
    ('lead_protection_reactivated_total', ''),
    ('lead_qualified_activity_total', ''),
    ('lead_conversion_success_total', '')
on conflict (figure, label_1, label_2) do nothing;

create table if not exists internal.figure_histograms (
    figure text not null,
    label_1 text not null default '',
    label_2 text not null default '',
    counts bigint [] not null,
    count bigint not null default 0,
    sum double precision not null default 0,
    constraint figure_histograms_pkey primary key (figure, label_1, label_2)
);
comment on table internal.figure_histograms is 'Histograms as of the snapshot; counts are cumulative, one for each bound of figure_kinds.';
insert into internal.figure_histograms (figure, label_1, counts)
select k.figure, t.reminder_type, array_fill(0::bigint, array[cardinality(k.bounds)])
  from internal.figure_kinds as k
 cross join (values ('INACTIVITY'), ('TERM')) as t (reminder_type)
 where k.figure = 'lead_reminder_delay_seconds'
on conflict (figure, label_1, label_2) do nothing;

create table if not exists internal.figure_gauges (
    figure text not null,
    label_1 text not null default '',
    label_2 text not null default '',
    value double precision not null,
    constraint figure_gauges_pkey primary key (figure, label_1, label_2)
) with (fillfactor = 50);
comment on table internal.figure_gauges is 'Gauges as of the snapshot; all are replaced each time.';

create table if not exists internal.figure_snapshot (
    is_it boolean not null default true,
    taken_at timestamptz,
    constraint figure_snapshot_pkey primary key (is_it),
    constraint figure_snapshot_is_one check (is_it)
);
comment on table internal.figure_snapshot is 'One row: the moment that the figures are of; null: never counted.';
insert into internal.figure_snapshot (is_it) values (true) on conflict (is_it) do nothing;

-- What the business asks of its figures. Data: a target is changed here and nowhere else; what is asked of workers is
-- in expected_jobs.
create table if not exists public.kpi_thresholds (
    kpi text not null,
    comparison text not null,
    threshold numeric not null,
    tolerated numeric,
    unit text not null,
    description text not null,
    constraint kpi_thresholds_pkey primary key (kpi),
    constraint kpi_thresholds_comparison_known check (comparison in ('>', '>=', '<', '<=')),
    constraint kpi_thresholds_tolerated_beyond_threshold check (
        tolerated is null
        or case when comparison in ('>', '>=') then tolerated <= threshold else tolerated >= threshold end
    )
);
comment on table public.kpi_thresholds is
    'Targets of the figures: OK while value comparison threshold holds, WARN up to tolerated, BREACH beyond.';
insert into public.kpi_thresholds (kpi, comparison, threshold, tolerated, unit, description) values
    ('reminder_oldest_unsent', '<', 3600, null, 'seconds', 'A reminder is sent within an hour of falling due.'),
    ('reminders_in_time_24h', '>=', 100, 95, 'percent', 'Share of the reminders sent in a day that were in time.'),
    ('holds_overrun', '<=', 0, null, 'holds', 'No hold lasts longer than its contract allows.'),
    ('sample_success', '>', 85, 80, 'percent', 'Share of samples that arrive; in a peak season as that season says.'),
    ('samples_lost', '<=', 0, null, 'samples', 'No sample is lost.'),
    ('catering_response', '<', 7200, null, 'seconds', 'A catering request is answered within two hours.'),
    ('catering_breaches', '<=', 0, null, 'requests', 'No catering request waits longer than that.'),
    ('cost_per_lead', '<', 25, null, 'EUR', 'What a new lead may cost; the setting cost_per_lead_budget where it differs.'),
    ('outbox_lag', '<', 3, null, 'seconds', 'An event is published within three seconds.'),
    ('outbox_dead_letters', '<=', 0, null, 'events', 'No event is given up.'),
    ('mail_stuck', '<=', 0, null, 'messages', 'No reminder mail waits for operations.'),
    ('mail_oldest_unsent', '<=', 3600, null, 'seconds', 'A mail is sent within an hour.'),
    ('snapshot_age', '<', 180, 600, 'seconds', 'The figures are counted every minute.'),
    ('milestones_overdue', '<=', 0, null, 'tasks', 'No task of a season is overdue.')
on conflict (kpi) do nothing;

grant select on public.kpi_thresholds to lead_operations;
