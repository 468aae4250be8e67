"""The exporter: the `metric_*` views of the database, as Prometheus and OpenMetrics read them.

It knows no figure: a view is a metric, its comment the help, its columns the labels and the value.
"""
