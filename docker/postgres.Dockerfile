# PostgreSQL as its project ships it, with pgTAP, so that db/tests can run against it.
FROM postgres:15.18-bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-15-pgtap \
    && rm -rf /var/lib/apt/lists/*
COPY docker/create-roles /usr/local/bin/create-roles
# For a new data directory; for one in use: docker compose exec postgres create-roles.
RUN ln -s /usr/local/bin/create-roles /docker-entrypoint-initdb.d/create-roles.sh
USER postgres
