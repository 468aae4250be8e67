# PostgreSQL as its project ships it, with pgTAP, so that db/tests can run against it.
FROM postgres:15.18-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-15-pgtap \
    && rm -rf /var/lib/apt/lists/*
COPY docker/create-roles /docker-entrypoint-initdb.d/create-roles.sh
USER postgres
