"""From a view's rows to a metric: the convention of columns, and what would make an answer unreadable.

Label columns come first, then `value` (a gauge, or a counter where the name ends in `_total`), or
`bounds`, `counts`, `count` and `sum` (a histogram; counts are cumulative, one for each bound).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

PREFIX = "metric_"
# Far more than any view of ours has: one that grows without end must not take the answer with it.
MOST_SERIES = 5000
LONGEST_LABEL = 128

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_HISTOGRAM = ("bounds", "counts", "count", "sum")
_RESERVED = {"le", "quantile"}


class BrokenView(Exception):
    """A view whose rows make no metric; the text says why."""


@dataclass(frozen=True)
class View:
    """A `metric_*` view as the catalogue has it."""

    view: str
    help: str
    columns: tuple[str, ...]

    @property
    def metric(self) -> str:
        return self.view.removeprefix(PREFIX)

    @property
    def kind(self) -> Literal["gauge", "counter", "histogram"]:
        if self.columns[-len(_HISTOGRAM) :] == _HISTOGRAM:
            return "histogram"
        return "counter" if self.metric.endswith("_total") else "gauge"

    @property
    def labels(self) -> tuple[str, ...]:
        return self.columns[: -len(_HISTOGRAM)] if self.kind == "histogram" else self.columns[:-1]

    def check(self) -> None:
        """Refuses a view that does not follow the convention."""
        if self.kind != "histogram" and self.columns[-1:] != ("value",):
            raise BrokenView("its last column is neither value nor sum after bounds, counts and count")
        for name in (self.metric, *self.labels):
            if not _NAME.fullmatch(name) or name in _RESERVED or name.startswith("__"):
                raise BrokenView(f"{name!r} is no name of a metric or a label")

    def family(self, rows: Sequence[Mapping[str, Any]]) -> Metric:
        """The rows as a metric; null values are left out."""
        self.check()
        if len(rows) > MOST_SERIES:
            raise BrokenView(f"it has {len(rows)} rows, at most {MOST_SERIES} are series")
        labelled = [(_labels(self.labels, row), row) for row in rows]
        if len({labels for labels, _ in labelled}) < len(labelled):
            raise BrokenView("two of its rows have the same labels")
        try:
            if self.kind == "histogram":
                return self._histogram(labelled)
            return self._plain(labelled)
        except (TypeError, ValueError, KeyError) as error:
            raise BrokenView(f"its rows cannot be read: {error}") from error

    def _plain(self, labelled: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]]) -> Metric:
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = kind(self.metric, self.help, labels=self.labels)
        for labels, row in labelled:
            if row["value"] is not None:
                family.add_metric(labels, float(row["value"]))
        return family

    def _histogram(self, labelled: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]]) -> Metric:
        family = HistogramMetricFamily(self.metric, self.help, labels=self.labels)
        for labels, row in labelled:
            below = zip(row["bounds"], row["counts"], strict=True)
            buckets = [(str(float(bound)), float(count)) for bound, count in below]
            family.add_metric(labels, [*buckets, ("+Inf", float(row["count"]))], sum_value=float(row["sum"]))
        return family


def _labels(names: Sequence[str], row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple("" if row[name] is None else str(row[name])[:LONGEST_LABEL] for name in names)
