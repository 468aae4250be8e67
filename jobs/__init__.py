"""Leadguard's command line and worker jobs: they move bytes in and out of the database and hold no rules."""

__version__ = "0.1.0"
