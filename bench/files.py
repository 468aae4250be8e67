"""CSV files as a predecessor system exports them: any number of leads, byte for byte the same each time.

Clean for measurements and tests; with the mess of real life for examples/oldsystem:

    .venv/bin/python -m bench.files examples/oldsystem
"""

from __future__ import annotations

import csv
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

# The day up to which the files tell; an import moves them to today with --rebase-from.
WRITTEN_ON = date(2026, 11, 20)
EXAMPLE_LEADS = 1_500
_USERS = 200
# As in examples/sales_users.csv.
_OWNERS = (
    "Katrin Ehlers",
    "Mirko Hanisch",
    "Selin Arslan",
    "t.riedl@partner.example",
    "FIONA  CALDWELL",
    "16",
)

_KINDS = ("Hotel", "Kantine", "Gasthof", "Catering", "Großküche", "Café", "Bäckerei", "Mensa", "Klinikküche")
_NAMES = (
    "Löwe",
    "Adler",
    "Am Markt",
    "Süd",
    "Sonne & Söhne",
    "Zur Mühle",
    "„Krone“",
    "Øresund",
    "Wörth",
    "Élysée",
)
_TOWNS = ("Köln", "Ulm", "Gera", "Lübeck", "Görlitz", "Weiden i. d. Opf.", "Bad Säckingen", "Neuß")
_PEOPLE = ("Frau Öztürk", "Hr. Groß", "Dr. Weiß-Böhm", "Küchenchef", "")
_ODD_NAMES = (
    "=Hotel+Bar",
    "+plus Catering",
    "-Zum Anker-",
    "@home Catering",
    '"Zur Post"; Inh. Vogt',
    "Café\tMokka",
)
_TYPES = {
    "QUALIFIED_CALL": "Telefonat",
    "CUSTOMER_REACTION": "Kundenreaktion",
    "SCHEDULED_FOLLOWUP": "Termin",
    "SAMPLE_FEEDBACK": "Muster-Feedback",
    "ROI_PRESENTATION": "Präsentation",
    "EMAIL_SENT": "E-Mail",
    "SYSTEM_NOTE": "Notiz",
}
_NOTES = (
    "Bedarf geklärt, Angebot folgt",
    'Muster kam gut an: "Spätzle top"',
    "Rückruf;\nLiefertag Dienstag;\n\nAnsprechpartner wechselt",
    "zu teuer – nachverhandeln",
    "",
)


@dataclass
class Written:
    """What stands in a file: its rows, and how many of them are to be refused by what is the matter."""

    path: Path
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Lead:
    number: str
    user: int
    name: str
    registered: datetime


def write_clean(
    directory: Path, leads: int, activities: int, oldest: int = 170, first: int = 0
) -> tuple[Path, Path]:
    """Two files without a fault: leads up to `oldest` days old, numbered from `first`, `activities` for each.

    The headers are our own names: no mapping is needed. Activities stand in no order of leads.
    """
    choose = random.Random(leads)
    paths = directory / "leads.csv", directory / "activities.csv"
    everybody = list(_leads(choose, leads, oldest, first))
    with paths[0].open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["external_id", "user_id", "company_name", "city", "contact_phone", "created_at"])
        for lead in everybody:
            town, phone = choose.choice(_TOWNS), f"0221-{lead.user}"
            writer.writerow(
                [lead.number, lead.user, lead.name, town, phone, f"{lead.registered:%Y-%m-%d %H:%M}"]
            )
    with paths[1].open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(["external_id", "lead_external_id", "activity_type", "occurred_at", "summary"])
        types = list(_TYPES)
        for round_number in range(activities):
            choose.shuffle(everybody)
            for lead in everybody:
                at = _later(choose, lead.registered)
                number = f"{lead.number}/{round_number}"
                note = _NOTES[lead.user % 2]
                writer.writerow([number, lead.number, choose.choice(types), f"{at:%d.%m.%Y %H:%M}", note])
    return paths


def write_messy(directory: Path, count: int = EXAMPLE_LEADS) -> tuple[Written, Written, Written]:
    """Leads, activities and holds as people leave them behind, for the mappings beside them."""
    choose = random.Random(count)
    everybody = list(_leads(choose, count, oldest=170))
    return (
        _messy_leads(directory / "leads.csv", choose, everybody),
        _messy_activities(directory / "activities.txt", choose, everybody),
        _messy_holds(directory / "holds.csv", choose, everybody),
    )


def _leads(choose: random.Random, count: int, oldest: int, first: int = 0) -> Iterator[Lead]:
    for index in range(first, first + count):
        name = f"{choose.choice(_KINDS)} {choose.choice(_NAMES)} {index}"
        day = WRITTEN_ON - timedelta(days=choose.randrange(1, oldest))
        at = datetime.combine(day, time(choose.randrange(8, 18), choose.randrange(60)))
        yield Lead(f"K-{index:06d}", choose.randrange(1, _USERS + 1), name, at)


def _later(choose: random.Random, at: datetime) -> datetime:
    days = (WRITTEN_ON - at.date()).days
    return datetime.combine(
        at.date() + timedelta(days=choose.randrange(days)), time(18, choose.randrange(60))
    )


# A bad lead: what is to be said of it, and the cells that are the matter.
_BAD_LEADS: tuple[tuple[str, dict[str, str]], ...] = (
    ("is not a date", {"Angelegt am": "31.02.2026"}),
    ("is not a date", {"Angelegt am": "KW 12"}),
    ("LP007", {"Angelegt am": "01.04.2062"}),
    ("LP006", {"Angelegt am": "30.12.1899"}),
    ("nor the name or mail address", {"Betreuer": "Fr. Niemand"}),
    ("user_id is missing", {"Betreuer": "\u00a0"}),
    ("company_name is missing", {"Firma": " "}),
    ("external_id is missing", {"Kundennr.": ""}),
    ("stands in line", {}),
    ("cells where the header has", {}),
)
_LEAD_COLUMNS = (
    "Kundennr.",
    "Firma",
    "Ort",
    "Ansprechpartner",
    "E-Mail",
    "Telefon",
    "Betreuer",
    "Angelegt am",
    "Notiz",
)


def _messy_leads(path: Path, choose: random.Random, everybody: list[Lead]) -> Written:
    """Windows-1252, semicolons, dates in three forms, notes of several lines, empty lines at the end."""
    written = Written(path)
    with path.open("w", encoding="cp1252", errors="replace", newline="") as stream:
        writer = csv.writer(stream, delimiter=";")
        writer.writerow(_LEAD_COLUMNS)
        for index, lead in enumerate(everybody):
            form = choose.choice(("%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y, %H:%M Uhr", "%d.%m.%Y"))
            row = {
                "Kundennr.": lead.number + choose.choice(("", "", "\u00a0", " ")),
                "Firma": _ODD_NAMES[index // 25 % len(_ODD_NAMES)] if index % 25 == 0 else lead.name,
                "Ort": choose.choice(_TOWNS),
                "Ansprechpartner": choose.choice(_PEOPLE),
                "E-Mail": f"info@kunde-{index}.example" if index % 7 else "",
                "Telefon": choose.choice(("0221-12345", "+49 (0)221 / 12345", "")),
                "Betreuer": _OWNERS[lead.user % len(_OWNERS)],
                "Angelegt am": lead.registered.strftime(form),
                "Notiz": choose.choice(_NOTES),
            }
            writer.writerow(row.values())
            written.rows += 1
            if index % 40 == 17:
                reason, cells = _BAD_LEADS[index // 40 % len(_BAD_LEADS)]
                bad = list({**row, "Kundennr.": f"X-{index}", **cells}.values())
                if reason == "stands in line":
                    bad[0] = row["Kundennr."]
                writer.writerow(bad[:4] if reason == "cells where the header has" else bad)
                written.rows += 1
                written.refused[reason] += 1
        stream.write(";" * (len(_LEAD_COLUMNS) - 1) + "\r\n\r\n \r\n")
    return written


_BAD_ACTIVITIES: tuple[tuple[str, dict[str, str]], ...] = (
    ("unknown lead", {"Kunde": "K-999999"}),
    ("unknown activity type", {"Art": "Fax"}),
    ("is not a date", {"Datum": "30.02.2026"}),
    ("is not a date", {"Uhrzeit": "25:10"}),
    ("LP007", {"Datum": "24.12.2062"}),
    ("occurred_at is missing", {"Datum": "", "Uhrzeit": ""}),
    ("lead_external_id is missing", {"Kunde": ""}),
    ("nor the name or mail address", {"Mitarbeiter": "Praktikant"}),
    ("not readable as CSV", {}),
)
_ACTIVITY_COLUMNS = ("Lfd. Nr.", "Kunde", "Art", "Datum", "Uhrzeit", "Mitarbeiter", "Bemerkung")


def _messy_activities(path: Path, choose: random.Random, everybody: list[Lead]) -> Written:
    """Tabs, UTF-8 with a byte order mark, a line of the program that wrote it, date and time apart."""
    written = Written(path)
    facts = [
        (_later(choose, lead.registered), lead)
        for lead in everybody
        for _ in range(choose.choice((0, 1, 2, 2, 3, 5)))
    ]
    facts.sort(key=lambda fact: fact[0])
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        stream.write("sep=\t\r\n")
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow(_ACTIVITY_COLUMNS)
        for index, (at, lead) in enumerate(facts):
            row = {
                "Lfd. Nr.": str(index + 1),
                "Kunde": lead.number,
                "Art": choose.choice((*_TYPES.values(), "TELEFONAT")),
                "Datum": f"{at:%d.%m.%Y}" if index % 3 else f"{at.day}. {at.month}. {at.year}",
                "Uhrzeit": f"{at:%H:%M}",
                "Mitarbeiter": _OWNERS[lead.user % len(_OWNERS)] if index % 5 else "",
                "Bemerkung": choose.choice(_NOTES),
            }
            writer.writerow(row.values())
            written.rows += 1
            if index % 90 == 40:
                reason, cells = _BAD_ACTIVITIES[index // 90 % len(_BAD_ACTIVITIES)]
                bad = {**row, "Lfd. Nr.": f"X-{index}", **cells}
                if reason == "not readable as CSV":
                    stream.write("\t".join([*list(bad.values())[:-1], '"nie geschlossen']) + "\r\n")
                else:
                    writer.writerow(bad.values())
                written.rows += 1
                written.refused[reason] += 1
    return written


def _messy_holds(path: Path, choose: random.Random, everybody: list[Lead]) -> Written:
    """Commas, UTF-8 without a mark; some planned, some open, some impossible."""
    written = Written(path)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["Kunde", "Grund", "von", "bis"])
        for lead in choose.sample(everybody, len(everybody) // 40):
            start = _later(choose, lead.registered)
            end = choose.choice(("", f"{start + timedelta(days=14):%Y-%m-%d}"))
            writer.writerow(
                [lead.number, choose.choice(("Preisliste fehlt", "Küche wird umgebaut")), f"{start}", end]
            )
            written.rows += 1
        last = everybody[-1]
        for reason, cells in (
            ("LP005", [last.number, "rückwärts", "2026-11-02", "2026-11-01"]),
            ("reason is missing", [last.number, "", "2026-11-02", ""]),
            ("unknown lead", ["K-999999", "kein Kunde", "2026-11-02", ""]),
        ):
            writer.writerow(cells)
            written.rows += 1
            written.refused[reason] += 1
    return written


if __name__ == "__main__":
    write_messy(Path(sys.argv[1]))
