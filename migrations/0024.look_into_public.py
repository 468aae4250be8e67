"""The group roles may look into schema public, also where somebody has taken that from everybody."""

from yoyo import step

step(
    """
    grant usage on schema public to module02_writer, module03_writer, finops_writer, lead_operations,
        lead_worker, lead_exporter, grafana_reader
    """,
    """
    revoke usage on schema public from module02_writer, module03_writer, finops_writer, lead_operations,
        lead_worker, lead_exporter, grafana_reader
    """,
)
