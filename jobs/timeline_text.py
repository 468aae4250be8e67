"""A lead's timeline for a terminal: readable in 80 columns, without colour, and in plain ASCII."""

from datetime import datetime

from rich.text import Text

from jobs.dates import Dates
from jobs.timeline import Span, Timeline

_LABELS = 12  # columns to the left of the chart
_WIDEST = 160
# Months between two labels, so that these have room.
_STEPS = (1, 2, 3, 6, 12, 24, 60)

_UNICODE = {
    "run": "━",
    "hold": "▒",
    "grace": "!",
    "ahead": "┄",
    "end": "┫",
    "counts": "●",
    "other": "○",
    "reminder": "▲",
    "term": "△",
    "extension": "+",
    "now": "│",
    "axis": "─",
    "tick": "┬",
}
_ASCII = {
    "run": "=",
    "hold": "#",
    "grace": "!",
    "ahead": ".",
    "end": "]",
    "counts": "*",
    "other": "o",
    "reminder": "^",
    "term": "~",
    "extension": "+",
    "now": "|",
    "axis": "-",
    "tick": "+",
}
_STYLES = {
    "run": "green",
    "hold": "yellow",
    "grace": "bold red",
    "ahead": "green",
    "end": "bold red",
    "counts": "bold green",
    "other": "dim",
    "reminder": "bold magenta",
    "term": "magenta",
    "extension": "cyan",
    "now": "bold blue",
}
_MEANINGS = {
    "run": "the clocks run",
    "hold": "on hold, they stand still",
    "grace": "grace after a reminder",
    "ahead": "ahead",
    "end": "protection ends",
    "counts": "activity that counts",
    "other": "activity that does not",
    "reminder": "reminder sent",
    "term": "reminder that moves nothing",
    "extension": "extension",
    "now": "now",
}


class _Chart:
    """Rows of cells; what is drawn later covers what was drawn before."""

    def __init__(self, line: Timeline, columns: int, glyphs: dict[str, str]) -> None:
        self.line = line
        self.columns = columns
        self.glyphs = glyphs
        self.used: set[str] = set()

    def cell(self, at: datetime) -> int:
        return min(self.columns - 1, int(self.line.share(at) * self.columns))

    def row(self) -> list[tuple[str, str]]:
        """An empty row: nothing but the line of now."""
        cells = [(" ", "")] * self.columns
        cells[self.cell(self.line.now)] = (self.glyphs["now"], _STYLES["now"])
        self.used.add("now")
        return cells

    def put(self, cells: list[tuple[str, str]], at: datetime, what: str) -> None:
        cells[self.cell(at)] = (self.glyphs[what], _STYLES[what])
        self.used.add(what)

    def fill(self, cells: list[tuple[str, str]], start: datetime, end: datetime, what: str) -> None:
        for number in range(self.cell(start), self.cell(end) + 1):
            cells[number] = (self.glyphs[what], _STYLES[what])
        self.used.add(what)

    @staticmethod
    def text(label: str, cells: list[tuple[str, str]]) -> Text:
        text = Text(f"{label[: _LABELS - 1]:<{_LABELS}}", no_wrap=True)
        for glyph, style in cells:
            text.append(glyph, style)
        return text


def draw(line: Timeline, dates: Dates, width: int, ascii_only: bool = False) -> list[Text]:
    """The lines to print, none of them longer than `width` (40 at least)."""
    columns = min(max(width, 40), _WIDEST) - _LABELS
    chart = _Chart(line, columns, _ASCII if ascii_only else _UNICODE)
    lines = _axis(chart, dates)
    lines += _bars(chart)
    lines += _marks(chart)
    lines += _deadlines(chart, dates)
    lines += _legend(chart, _LABELS + columns)
    return lines


def _axis(chart: _Chart, dates: Dates) -> list[Text]:
    months = chart.line.months(dates.where)
    step = next((s for s in _STEPS if len(months) / s * 5 <= chart.columns), _STEPS[-1])
    ticks: list[tuple[str, str]] = [(chart.glyphs["axis"], "dim")] * chart.columns
    names, years = [" "] * chart.columns, [" "] * chart.columns
    year = None
    for month in months:
        at = chart.cell(month)
        ticks[at] = (chart.glyphs["tick"], "dim")
        if (month.year * 12 + month.month - 1) % step:
            continue
        _write(names, at, dates.month(month.month))
        if month.year != year and _write(years, at, str(month.year)):
            year = month.year
    now = [" "] * chart.columns
    _write(now, chart.cell(chart.line.now), "now") or _write(now, chart.columns - 3, "now")
    return [
        chart.text("", [(glyph, "") for glyph in years]),
        chart.text("", [(glyph, "") for glyph in names]),
        chart.text("", ticks),
        chart.text("", [(glyph, _STYLES["now"]) for glyph in now]),
    ]


def _write(cells: list[str], at: int, text: str) -> bool:
    """Writes a label where it has room, with a blank on either side."""
    room = cells[max(0, at - 1) : at + len(text) + 1]
    if at + len(text) > len(cells) or any(glyph != " " for glyph in room):
        return False
    cells[at : at + len(text)] = text
    return True


def _bars(chart: _Chart) -> list[Text]:
    line = chart.line
    lines = []
    for period in line.periods:
        cells = chart.row()
        running = period.end is None
        if running and line.until and line.until > line.now:
            chart.fill(cells, line.now, line.until, "ahead")
            chart.put(cells, line.until, "end")
        chart.fill(cells, period.start, period.end or line.now, "run")
        for spans, what in ((line.holds, "hold"), (line.graces, "grace")):
            for span in spans:
                _overlay(chart, cells, span, period.start, period.end, what)
        if period.end:
            chart.put(cells, period.end, "end")
        elif line.now < (line.until or line.now):
            chart.put(cells, line.now, "now")
        lines.append(chart.text(f"user {period.user}", cells))
    return lines


def _overlay(
    chart: _Chart, cells: list[tuple[str, str]], span: Span, start: datetime, end: datetime | None, what: str
) -> None:
    first, last = max(span.start, start), min(span.end, end) if end else span.end
    if first < last:
        chart.fill(cells, first, last, what)


def _marks(chart: _Chart) -> list[Text]:
    line = chart.line
    lines = []
    for label, marks, counting, other in (
        ("activities", line.activities, "counts", "other"),
        ("reminders", line.reminders, "reminder", "term"),
        ("extensions", line.extensions, "extension", "extension"),
    ):
        if marks:
            cells = chart.row()
            # Those that count are drawn last: none of them hides behind one that does not.
            for mark in sorted(marks, key=lambda mark: mark.counts):
                chart.put(cells, mark.at, counting if mark.counts else other)
            lines.append(chart.text(label, cells))
    return lines


def _deadlines(chart: _Chart, dates: Dates) -> list[Text]:
    cells = chart.row()
    for deadline in chart.line.deadlines:
        at = chart.cell(deadline.at)
        # Two of one day stand side by side.
        places = sorted(range(chart.columns), key=lambda place: (abs(place - at), -place))
        place = next(place for place in places if not cells[place][0].isalpha())
        cells[place] = (deadline.letter, "bold")
    lines = [chart.text("deadlines", cells), Text()]
    for deadline in sorted(chart.line.deadlines, key=lambda deadline: deadline.at):
        text = Text(f"{'':<{_LABELS - 2}}")
        text.append(deadline.letter, "bold")
        text.append(f" {dates.moment(deadline.at)}  {deadline.label}")
        if deadline.at == chart.line.until and chart.line.state not in ("EXPIRED", "CONVERTED"):
            text.append(": protection ends", "bold")
        lines.append(text)
    return lines


def _legend(chart: _Chart, width: int) -> list[Text]:
    lines = [Text(" " * _LABELS)]
    for what, meaning in _MEANINGS.items():
        if what not in chart.used:
            continue
        entry = Text(chart.glyphs[what], _STYLES[what])
        entry.append(f" {meaning}   ", "dim")
        if len(lines[-1]) + len(entry) - 3 > width:
            lines.append(Text(" " * _LABELS))
        lines[-1].append_text(entry)
    return [Text(), *lines]
