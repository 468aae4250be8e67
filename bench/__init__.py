"""Measurements of the database, each against a bare table in the same run: `./run bench core`."""
