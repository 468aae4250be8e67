"""A lead's timeline as a picture: SVG by hand, for a mail, a contract file or a printer.

Light background, generic fonts, no script and nothing loaded from elsewhere. Widths of texts are
estimated on the safe side: no font is at hand to measure with.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from xml.etree import ElementTree as Xml

from jobs.console import printable
from jobs.dates import Dates
from jobs.timeline import Deadline, Span, Timeline

_WIDTH = 1000
_LEFT, _RIGHT = 116, 28  # what stands beside the chart
_CHART = _WIDTH - _LEFT - _RIGHT
_FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_LANE, _BAR = 34, 18

# Told apart without colour as well: by hatching, dashes, shape and place.
_INK, _QUIET, _GRID = "#1f2933", "#5f6c7b", "#dfe4ea"
_RUN, _HOLD, _GRACE, _NOW = "#2f855a", "#b7791f", "#c53030", "#1a4f9c"
_REMINDER, _EXTENSION = "#6b46c1", "#0f766e"

_MEANINGS = {
    "run": "the clocks run",
    "hold": "on hold: the clocks stand still",
    "grace": "grace after a reminder",
    "ahead": "ahead, if nothing happens",
    "counts": "activity that counts",
    "other": "activity that does not",
    "reminder": "reminder sent",
    "term": "reminder that moves nothing",
    "extension": "extension",
}

# XML has no place for these, escaped or not.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def picture(line: Timeline, title: str, answer: str, dates: Dates) -> str:
    """The picture as an SVG document; `title` and `answer` stand above it, as plain text."""
    return _Picture(line, dates).render(title, answer)


def estimate(text: str, size: float, bold: bool = False) -> float:
    """How wide a text comes out at most, in pixels."""
    width = 0.0
    for glyph in text:
        if unicodedata.east_asian_width(glyph) in "WF":
            width += 1.05
        elif unicodedata.combining(glyph):
            continue
        elif glyph in "ilj.,:;'|!()[] ftrI":
            width += 0.4
        elif glyph in "mwMWQ@%—":
            width += 1.0
        else:
            width += 0.72 if glyph.isupper() else 0.62
    return width * size * (1.08 if bold else 1.0)


def shorten(text: str, size: float, room: float, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it would not fit."""
    if estimate(text, size, bold) <= room:
        return text
    while text and estimate(text + "…", size, bold) > room:
        text = text[:-1]
    return text.rstrip() + "…"


class _Picture:
    def __init__(self, line: Timeline, dates: Dates) -> None:
        self.line = line
        self.dates = dates
        self.used: set[str] = set()
        self.root = Xml.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
        self.root.set("font-family", _FONT)

    def render(self, title: str, answer: str) -> str:
        title, answer = _clean(title), _clean(answer)
        Xml.SubElement(self.root, "title").text = title
        Xml.SubElement(self.root, "desc").text = answer
        self._patterns()
        background = self._shape("rect", x=0, y=0, width=_WIDTH, fill="#ffffff")
        room = _WIDTH - 2 * _RIGHT
        self._text(_RIGHT, 40, shorten(title, 21, room, bold=True), 21, weight="bold")
        self._text(_RIGHT, 66, shorten(answer, 14, room), 14, fill=_QUIET)
        top = 112
        lanes = self._lanes()
        bottom = top + _LANE * lanes
        self._grid(top, bottom)
        self._shades(top, bottom)
        self._draw_lanes(top)
        self._now(top, bottom)
        self._numbers(top)
        y = self._deadlines(top, bottom + 56)
        self._months(bottom)
        y = self._notes(y)
        y = self._legend(y + 8)
        foot = f"As of {self.dates.moment(self.line.now)}, times of {self.dates.where.key}."
        self._text(_RIGHT, y + 30, foot, 11, fill=_QUIET)
        height = round(y + 48)
        background.set("height", str(height))
        self.root.set("viewBox", f"0 0 {_WIDTH} {height}")
        self.root.set("width", str(_WIDTH))
        self.root.set("height", str(height))
        Xml.indent(self.root)
        return Xml.tostring(self.root, encoding="unicode", xml_declaration=False) + "\n"

    # --- building blocks ----------------------------------------------------------------------------------

    def _x(self, at: datetime) -> float:
        return _LEFT + self.line.share(at) * _CHART

    def _shape(self, kind: str, **attributes: object) -> Xml.Element:
        names = {name.replace("_", "-"): _number(value) for name, value in attributes.items()}
        return Xml.SubElement(self.root, kind, names)

    def _text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 12,
        *,
        fill: str = _INK,
        anchor: str = "start",
        weight: str = "normal",
    ) -> None:
        element = self._shape("text", x=x, y=y, fill=fill, font_size=size, text_anchor=anchor)
        if weight != "normal":
            element.set("font-weight", weight)
        element.text = _clean(text)

    def _tip(self, element: Xml.Element, text: str) -> None:
        """What a browser shows when the pointer rests there."""
        Xml.SubElement(element, "title").text = _clean(text)

    def _patterns(self) -> None:
        defs = Xml.SubElement(self.root, "defs")
        for name, colour, angle in (("hold", _HOLD, 45), ("grace", _GRACE, -45)):
            pattern = Xml.SubElement(
                defs,
                "pattern",
                {
                    "id": name,
                    "width": "7",
                    "height": "7",
                    "patternUnits": "userSpaceOnUse",
                    "patternTransform": f"rotate({angle})",
                },
            )
            Xml.SubElement(pattern, "rect", {"width": "7", "height": "7", "fill": "#ffffff"})
            Xml.SubElement(pattern, "rect", {"width": "2.6", "height": "7", "fill": colour})

    # --- the chart ----------------------------------------------------------------------------------------

    def _lanes(self) -> int:
        marks = (self.line.activities, self.line.reminders, self.line.extensions)
        return len(self.line.periods) + sum(1 for lane in marks if lane)

    def _labelled(self) -> set[datetime]:
        """The months that have a label: all, or every third, …, as there is room."""
        months = self.line.months(self.dates.where)
        step = next((s for s in (1, 2, 3, 6, 12, 24, 60) if len(months) / s * 44 <= _CHART), 60)
        return {month for month in months if (month.year * 12 + month.month - 1) % step == 0}

    def _grid(self, top: float, bottom: float) -> None:
        labelled = self._labelled()
        for month in self.line.months(self.dates.where):
            x, end = self._x(month), bottom + (8 if month in labelled else 4)
            stroke = "#b8c2cc" if month.month == 1 else _GRID
            self._shape("line", x1=x, y1=top, x2=x, y2=end, stroke=stroke, stroke_width=1)
        right = _LEFT + _CHART
        self._shape("line", x1=_LEFT, y1=bottom, x2=right, y2=bottom, stroke=_QUIET, stroke_width=1)

    def _months(self, bottom: float) -> None:
        """The names of the months; drawn late, with a white edge, so that no line runs through them."""
        year = None
        for month in sorted(self._labelled()):
            x = self._x(month)
            if x > _WIDTH - _RIGHT - 14:
                continue
            self._halo(x, bottom + 21, self.dates.month(month.month), _QUIET, "normal")
            if month.year != year:
                self._halo(x, bottom + 36, str(month.year), _INK, "bold")
                year = month.year

    def _halo(self, x: float, y: float, text: str, fill: str, weight: str, anchor: str = "middle") -> None:
        # The edge first and as a text of its own: not every renderer knows paint-order.
        for stroke in ("#ffffff", None):
            element = self._shape("text", x=x, y=y, fill=fill, font_size=12, text_anchor=anchor)
            element.set("font-weight", weight)
            if stroke:
                element.set("stroke", stroke)
                element.set("stroke-width", "5")
                element.set("aria-hidden", "true")
            element.text = text

    def _shades(self, top: float, bottom: float) -> None:
        """Holds tint all lanes, so that one sees what fell into them; they are numbered for the notes."""
        for hold in self.line.holds:
            start, end = self._x(hold.start), self._x(hold.end)
            band = self._shape(
                "rect",
                x=start,
                y=top,
                width=max(end - start, 1.5),
                height=bottom - top,
                fill=_HOLD,
                fill_opacity=0.1,
            )
            self._tip(band, self._said(hold))

    def _numbers(self, top: float) -> None:
        free_from = float(_LEFT)
        for number, hold in enumerate(self.line.holds, 1):
            middle = (self._x(hold.start) + self._x(hold.end)) / 2
            # Where holds crowd together a number may be missing above; the notes have them all.
            if middle - 9 >= free_from:
                self._shape("circle", cx=middle, cy=top - 11, r=8, fill="#ffffff", stroke=_HOLD)
                self._text(middle, top - 7, str(number), 10.5, fill=_HOLD, anchor="middle", weight="bold")
                free_from = middle + 10

    def _draw_lanes(self, top: float) -> None:
        y = top + _LANE / 2
        for period in self.line.periods:
            self._text(_LEFT - 12, y + 4, shorten(f"user {period.user}", 12, 96), 12, anchor="end")
            self._bar(y, period.start, period.end)
            y += _LANE
        if self.line.activities:
            self._text(_LEFT - 12, y + 4, "activities", 12, anchor="end")
            for mark in sorted(self.line.activities, key=lambda mark: mark.counts):
                self._tick(y, mark.at, mark.counts, mark.label)
            y += _LANE
        if self.line.reminders:
            self._text(_LEFT - 12, y + 4, "reminders", 12, anchor="end")
            for mark in self.line.reminders:
                self._triangle(y, self._x(mark.at), mark.counts, f"{self._at(mark.at)} {mark.label}")
            y += _LANE
        if self.line.extensions:
            self._text(_LEFT - 12, y + 4, "extensions", 12, anchor="end")
            for mark in self.line.extensions:
                self._plus(y, self._x(mark.at), f"{self._at(mark.at)} {mark.label}")

    def _bar(self, y: float, start: datetime, end: datetime | None) -> None:
        line = self.line
        upper = y - _BAR / 2
        if end is None and line.until and line.until > line.now:
            self.used.add("ahead")
            self._box(upper, line.now, line.until, fill="#ffffff", stroke=_RUN, stroke_width=1.2, dashed=True)
        self.used.add("run")
        self._box(upper, start, end or line.now, fill=_RUN)
        for spans, what, colour in ((line.graces, "grace", _GRACE), (line.holds, "hold", _HOLD)):
            for span in spans:
                first, last = max(span.start, start), min(span.end, end) if end else span.end
                if first < last:
                    self.used.add(what)
                    box = self._box(upper, first, last, fill=f"url(#{what})", stroke=colour, stroke_width=1)
                    self._tip(box, self._said(span))
        over = end or (line.until if line.until and line.until > line.now else None)
        if over:
            x = self._x(over)
            self._shape("line", x1=x, y1=upper - 5, x2=x, y2=upper + _BAR + 5, stroke=_INK, stroke_width=3)

    def _box(
        self, upper: float, start: datetime, end: datetime, *, dashed: bool = False, **paint: object
    ) -> Xml.Element:
        x, width = self._x(start), max(self._x(end) - self._x(start), 1.5)
        box = self._shape("rect", x=x, y=upper, width=width, height=_BAR, **paint)
        if dashed:
            box.set("stroke-dasharray", "4 3")
        return box

    def _tick(self, y: float, at: datetime, counts: bool, label: str) -> None:
        self.used.add("counts" if counts else "other")
        x = self._x(at)
        self._shape(
            "line",
            x1=x,
            y1=y - 9,
            x2=x,
            y2=y + 9,
            stroke=_RUN if counts else "#9aa5b1",
            stroke_width=1.6 if counts else 1,
        )
        paint = {"fill": _RUN} if counts else {"fill": "#ffffff", "stroke": "#9aa5b1"}
        dot = self._shape("circle", cx=x, cy=y, r=3.4 if counts else 2.6, **paint)
        self._tip(dot, f"{self._at(at)} {label}")

    def _triangle(self, y: float, x: float, counts: bool, label: str) -> None:
        self.used.add("reminder" if counts else "term")
        points = f"{x:.1f},{y - 7:.1f} {x + 7:.1f},{y + 6:.1f} {x - 7:.1f},{y + 6:.1f}"
        fill = _REMINDER if counts else "#ffffff"
        shape = self._shape("polygon", points=points, fill=fill, stroke=_REMINDER, stroke_width=1.4)
        self._tip(shape, label)

    def _plus(self, y: float, x: float, label: str) -> None:
        self.used.add("extension")
        path = f"M{x - 6:.1f},{y:.1f}h12M{x:.1f},{y - 6:.1f}v12"
        self._tip(self._shape("path", d=path, stroke=_EXTENSION, stroke_width=2.6), label)

    def _now(self, top: float, bottom: float) -> None:
        x = self._x(self.line.now)
        self._shape("line", x1=x, y1=top - 22, x2=x, y2=bottom, stroke=_NOW, stroke_width=2)
        # Above the numbers of the holds.
        anchor = "end" if x > _WIDTH - _RIGHT - 30 else "middle"
        self._text(x, top - 26, "now", 12, fill=_NOW, anchor=anchor, weight="bold")

    # --- what stands below --------------------------------------------------------------------------------

    def _deadlines(self, top: float, y: float) -> float:
        """Each deadline's line through the lanes, and its sentence in a row of its own."""
        rows = sorted(self.line.deadlines, key=lambda deadline: deadline.at)
        for number, deadline in enumerate(rows):
            x, below = self._x(deadline.at), y + 18 * number - 9
            colour = _GRACE if self._is_end(deadline) else _QUIET
            line = self._shape("line", x1=x, y1=top, x2=x, y2=below, stroke=colour, stroke_width=1.2)
            line.set("stroke-dasharray", "2 3")
        for number, deadline in enumerate(rows):
            x, row = self._x(deadline.at), y + 18 * number
            colour = _GRACE if self._is_end(deadline) else _QUIET
            self._shape("circle", cx=x, cy=row - 4, r=8, fill="#ffffff", stroke=colour, stroke_width=1.2)
            self._text(x, row, deadline.letter, 11, fill=colour, anchor="middle", weight="bold")
            text = f"{self._at(deadline.at)} {deadline.label}"
            if self._is_end(deadline):
                text += ": protection ends"
            weight = "bold" if self._is_end(deadline) else "normal"
            width = estimate(text, 12, bold=self._is_end(deadline))
            # Later lines run past on the right; where one would cut the sentence, it stands on the left.
            free_to = min((self._x(later.at) for later in rows[number + 1 :]), default=_WIDTH - 10.0)
            if x + 14 + width <= free_to or x - 14 - width < 10:
                self._halo(x + 14, row, text, _INK, weight, anchor="start")
            else:
                self._halo(x - 14, row, text, _INK, weight, anchor="end")
        return y + 18 * len(rows)

    def _is_end(self, deadline: Deadline) -> bool:
        return deadline.at == self.line.until and deadline.letter != "X"

    def _notes(self, y: float) -> float:
        for number, hold in enumerate(self.line.holds, 1):
            y += 18
            self._shape("circle", cx=_RIGHT + 8, cy=y - 4, r=8, fill="#ffffff", stroke=_HOLD)
            self._text(_RIGHT + 8, y, str(number), 10.5, fill=_HOLD, anchor="middle", weight="bold")
            self._text(_RIGHT + 24, y, shorten(self._said(hold), 12, _WIDTH - 2 * _RIGHT - 24), 12)
        return y

    def _legend(self, y: float) -> float:
        x, y = float(_RIGHT), y + 22
        for what, meaning in _MEANINGS.items():
            if what not in self.used:
                continue
            width = 34 + estimate(meaning, 12) + 18
            if x + width > _WIDTH - _RIGHT:
                x, y = float(_RIGHT), y + 22
            self._sample(what, x, y - 4)
            self._text(x + 34, y, meaning, 12, fill=_QUIET)
            x += width
        return y

    def _sample(self, what: str, x: float, y: float) -> None:
        if what in ("run", "hold", "grace", "ahead"):
            fill = {"run": _RUN, "ahead": "#ffffff"}.get(what, f"url(#{what})")
            stroke = {"run": _RUN, "hold": _HOLD, "grace": _GRACE, "ahead": _RUN}[what]
            box = self._shape("rect", x=x, y=y - 6, width=26, height=12, fill=fill, stroke=stroke)
            if what == "ahead":
                box.set("stroke-dasharray", "4 3")
        elif what in ("counts", "other"):
            counts = what == "counts"
            colour = _RUN if counts else "#9aa5b1"
            self._shape("line", x1=x + 13, y1=y - 8, x2=x + 13, y2=y + 8, stroke=colour, stroke_width=1.4)
            self._shape("circle", cx=x + 13, cy=y, r=3.2, fill=colour if counts else "#ffffff", stroke=colour)
        elif what in ("reminder", "term"):
            points = f"{x + 13:.1f},{y - 7:.1f} {x + 20:.1f},{y + 6:.1f} {x + 6:.1f},{y + 6:.1f}"
            fill = _REMINDER if what == "reminder" else "#ffffff"
            self._shape("polygon", points=points, fill=fill, stroke=_REMINDER, stroke_width=1.4)
        else:
            path = f"M{x + 7:.1f},{y:.1f}h12M{x + 13:.1f},{y - 6:.1f}v12"
            self._shape("path", d=path, stroke=_EXTENSION, stroke_width=2.6)

    # --- words --------------------------------------------------------------------------------------------

    def _at(self, at: datetime) -> str:
        return self.dates.moment(at)

    def _said(self, span: Span) -> str:
        end = "now, still open" if span.is_open else self._at(span.end)
        days = (span.end - span.start).total_seconds() / 86400
        return f"{self._at(span.start)} to {end} ({days:.1f} days)" + _listed(span.labels)


def _listed(labels: Iterable[str]) -> str:
    text = "; ".join(labels)
    return f": {text}" if text else ""


def _clean(text: str) -> str:
    return _NO_XML.sub("�", printable(text))


def _number(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
