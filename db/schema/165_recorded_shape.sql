-- What the database looked like when it was last migrated: whatever has been altered by hand since shows.
create table if not exists internal.recorded_shape (
    kind text not null,
    name text not null,
    fingerprint text not null,
    constraint recorded_shape_pkey primary key (kind, name)
);
comment on table internal.recorded_shape is
    'A fingerprint of each object as migrate left it, and one (kind RELEASE) of the SQL files that it came from.';
