"""Import: whatever people export comes in, a bad row loses nothing but itself, twice is once."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import importer
from jobs.csvfile import CsvFile
from jobs.database import Database
from jobs.dates import localise, parse_day, parse_moment
from jobs.entities import (
    ACTIVITIES,
    CATERING,
    COSTS,
    ENTITIES,
    HOLDS,
    LEADS,
    REMINDERS,
    SAMPLES,
    USERS,
    Entity,
)
from jobs.errors import UsageProblem
from jobs.import_command import remarks, sentence
from jobs.importer import ImportReport, Options, import_file
from jobs.paths import EXAMPLES
from tests import forked
from tests.shell import CLEAN

Connect = Callable[..., psycopg.Connection[Any]]
BERLIN = ZoneInfo("Europe/Berlin")
ROOT = Path(__file__).resolve().parent.parent
LEADGUARD = f"{sys.executable} -m jobs.cli"


class Target:
    """A migrated database, and a directory for the files that go into it."""

    def __init__(self, url: str, directory: Path, connection: psycopg.Connection[Any]) -> None:
        self.database = Database(url)
        self.directory = directory
        self.connection = connection

    def file(self, text: str | bytes, name: str = "import.csv") -> Path:
        path = self.directory / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def load(self, entity: Entity, text: str | bytes, **options: Any) -> ImportReport:
        return import_file(self.database, entity, self.file(text), Options(**options))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode()).fetchall()

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs it where the files are."""
        return subprocess.run(
            ["bash", "-c", script],
            env={**CLEAN, "PYTHONPATH": str(ROOT), "DATABASE_URL": self.database.url},
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def target(fresh_database: str, tmp_path: Path, connect: Connect) -> Target:
    return Target(fresh_database, tmp_path, connect(fresh_database))


def days_ago(days: int) -> str:
    return f"{datetime.now(BERLIN) - timedelta(days=days):%Y-%m-%d %H:%M}"


LEAD_HEADER = "external_id;user_id;company_name;created_at"


def some_leads(count: int, days: int = 30) -> str:
    rows = [f"L{number};7;Kantine {number};{days_ago(days)}" for number in range(1, count + 1)]
    return "\n".join([LEAD_HEADER, *rows, ""])


# --- what is read -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_dialect_and_encoding_are_found_out(encoding: str, delimiter: str, target: Target) -> None:
    line_end = "\n" if encoding == "utf-8" else "\r\n"
    rows = [
        ["external_id", "user_id", "company_name", "city"],
        ["1", "7", "Löwen & Söhne – Großküche", "Gießen"],
        ["2", "7", f'Haus "Zur{delimiter} Linde"', "Köln"],
        ["3", "7", "zwei\nZeilen", ""],
    ]
    quoted = [delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows[2:]]
    plain = [delimiter.join(row) for row in rows[:2]]
    text = line_end.join([*plain, *quoted, "", delimiter * 3, ""])
    report = target.load(LEADS, text.encode(encoding))
    assert (report.rows, report.imported, report.refused) == (3, 3, 0)
    found = target.rows("select external_id, company_name, coalesce(city, '') from leads order by id")
    assert found == [(row[0], row[2], row[3]) for row in rows[1:]]


@pytest.mark.parametrize("delimiter", ["tab", "\\t", "\t"])
def test_a_delimiter_that_is_given_is_taken(delimiter: str, target: Target) -> None:
    text = "external_id\tcompany_name\n1\tA; B; C\n"
    assert target.load(LEADS, text, user=7, delimiter=delimiter).imported == 1
    assert target.rows("select company_name from leads") == [("A; B; C",)]


@pytest.mark.parametrize("delimiter", ["", ";;", "\n", '"'])
def test_a_delimiter_that_is_none_is_named(delimiter: str, target: Target) -> None:
    with pytest.raises(UsageProblem, match="no delimiter"):
        CsvFile.open(target.file(some_leads(1)), delimiter=delimiter)


def test_utf8_with_a_broken_line_stays_utf8_and_refuses_that_line(target: Target) -> None:
    lines = ["external_id;company_name", "1;Löwe", "2;Kühn", "3;Großmann"]
    text = "\n".join(lines).encode() + b"\n4;M\xfcller\n"
    report = target.load(LEADS, text, user=7)
    assert (report.imported, report.refused) == (3, 1)
    assert target.rows("select company_name from leads order by id") == [("Löwe",), ("Kühn",), ("Großmann",)]
    # What is refused is given back as it was, byte by byte.
    assert report.refused_file
    assert b";4;M\xfcller" in Path(report.refused_file).read_bytes()


def test_a_byte_order_mark_is_passed_over_also_where_the_encoding_is_given(target: Target) -> None:
    text = b"\xef\xbb\xbfexternal_id;user_id;company_name\nL1;7;Caf\xc3\xa9\n"
    assert target.load(LEADS, text, encoding="utf-8").imported == 1


@pytest.mark.parametrize("broken", [b"\x41", b"\x00\xd8x\x00"], ids=["half a letter", "half a pair"])
def test_utf16_that_breaks_off_far_below_the_header_is_named(broken: bytes, target: Target) -> None:
    text = b"\xff\xfe" + some_leads(5000).encode("utf-16-le") + broken
    with pytest.raises(UsageProblem, match="cannot be read as utf-16"):
        target.load(LEADS, text)
    assert target.rows("select count(*) from leads") == [(0,)]


def test_an_unclosed_quote_does_not_swallow_the_rows_behind_it(target: Target) -> None:
    rows = [f"{number};Kantine {number}" for number in range(2, 400)]
    report = target.load(LEADS, "\n".join(["external_id;company_name", '1;"Kantine', *rows]), user=7)
    assert report.imported == len(rows)
    assert report.reasons[0][0] == 2
    assert "not readable as CSV" in report.reasons[0][1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-08-31", "2026-08-30T22:00:00Z"),
        ("2026-08-31 14:30", "2026-08-31T12:30:00Z"),
        ("2026-08-31T14:30:15", "2026-08-31T12:30:15Z"),
        ("2026-08-31T14:30:15.250Z", "2026-08-31T14:30:15.250Z"),
        ("2026-08-31 14:30 +02", "2026-08-31T12:30:00Z"),
        ("2026-08-31T14:30:00-05:30", "2026-08-31T20:00:00Z"),
        ("31.08.2026", "2026-08-30T22:00:00Z"),
        ("31.8.2026 14:30", "2026-08-31T12:30:00Z"),
        ("1. 9. 2026 8:05", "2026-09-01T06:05:00Z"),
        ("31.08.2026, 14:30:15 Uhr", "2026-08-31T12:30:15Z"),
    ],
)
def test_iso_and_german_dates_are_read_in_the_business_zone(text: str, expected: str) -> None:
    assert parse_moment(text, BERLIN) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    "text",
    [
        "31.02.2026",
        "2026-13-01",
        "08/31/2026",
        "infinity",
        "heute",
        "31.08.26",
        "20260831",
        "2026-W35-1",
        "25:00",
    ],
)
def test_what_is_no_date_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        parse_moment(text, BERLIN)


@pytest.mark.parametrize("text", ["0001-01-01 00:00+14:00", "9999-12-31 23:59-14:00"])
def test_a_moment_outside_the_calendar_of_the_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="outside the calendar"):
        parse_moment(text, BERLIN)


@pytest.mark.parametrize("shift", [-3_000_000, 3_000_000])
def test_a_date_that_is_moved_out_of_the_calendar_is_refused(shift: int) -> None:
    for parse in (partial(parse_moment, "2026-01-10", BERLIN), partial(parse_day, "2026-01-10")):
        with pytest.raises(ValueError, match="outside the calendar"):
            parse(shift_days=shift)


def test_a_rebased_date_keeps_its_wall_clock_across_the_change_of_time() -> None:
    moved = parse_moment("2026-10-20 09:00", BERLIN, shift_days=10)
    assert moved.astimezone(BERLIN).isoformat() == "2026-10-30T09:00:00+01:00"
    assert parse_day("20.10.2026", shift_days=10) == date(2026, 10, 30)


@given(
    st.datetimes(
        min_value=datetime.fromisoformat("2000-01-01"), max_value=datetime.fromisoformat("2100-12-31")
    )
)
def test_the_hours_of_the_change_of_time_resolve_to_the_smaller_offset(wall_clock: datetime) -> None:
    resolved = localise(wall_clock, BERLIN)
    offsets = {wall_clock.replace(tzinfo=BERLIN, fold=fold).utcoffset() for fold in (0, 1)}
    assert resolved.utcoffset() == min(offset for offset in offsets if offset is not None)


def test_wall_clocks_resolve_as_the_database_does(target: Target) -> None:
    nights = ["2026-03-29", "2026-10-25", "2031-03-30", "2031-10-26"]
    starts = [datetime.fromisoformat(night) for night in nights]
    for wall in [start + timedelta(minutes=15 * step) for start in starts for step in range(24)]:
        row = target.connection.execute(
            "select %s::timestamp at time zone 'Europe/Berlin'", [wall]
        ).fetchone()
        assert row == (localise(wall, BERLIN).astimezone(UTC),), wall


# --- mapping ----------------------------------------------------------------------------------------------


def test_the_german_lead_list_comes_in_through_its_mapping_alone(target: Target) -> None:
    text = (EXAMPLES / "sample-leads.csv").read_bytes()
    report = target.load(LEADS, text, mapping=EXAMPLES / "sample-leads.toml", user=14)
    assert report.imported == report.rows == 12
    assert report.ignored_columns == ("Branche", "Webseite", "Notizen")
    row = target.rows("select * from leads where company_name like 'Imbiss%'")
    assert row[0][1:7] == (14, 'Imbiss "Beim Özgür"', None, "Özgür Kaplan", None, "0171-5502100")
    again = target.load(LEADS, text, mapping=EXAMPLES / "sample-leads.toml", user=14)
    assert (again.imported, again.known) == (0, 12)


def test_a_mapping_translates_values_fills_defaults_and_joins_columns(target: Target) -> None:
    target.load(LEADS, some_leads(2))
    mapping = target.file(
        """
        [file]
        delimiter = "|"
        [columns]
        external_id = "crm:{Nr}/{Art}"
        lead_external_id = "L{Kunde}"
        activity_type = "Art"
        occurred_at = "Datum"
        summary = "{Von}: {Text}"
        [values.activity_type]
        "telefonat" = "QUALIFIED_CALL"
        [defaults]
        activity_type = "SYSTEM_NOTE"
        [constants]
        user_id = 7
        """,
        "mapping.toml",
    )
    text = f"Nr|Kunde|Art|Datum|Von|Text\n1|1|Telefonat|{days_ago(3)}|Mia|ok\n2|2||{days_ago(2)}|Ali|\n"
    report = target.load(ACTIVITIES, text, mapping=mapping)
    assert report.reasons == ()
    found = target.rows("select external_id, user_id, activity_type, summary from lead_activities order by 1")
    assert found == [
        ("crm:1/Telefonat", 7, "QUALIFIED_CALL", "Mia: ok"),
        ("crm:2/", 7, "SYSTEM_NOTE", "Ali:"),
    ]


def test_a_mapping_reads_reports_with_titles_totals_and_foreign_dates(target: Target) -> None:
    target.load(USERS, "user_id;display_name;email\n7;Mia Öhm;mia@x.example\n8;Ali;ali@x.example\n9;Ali;\n")
    mapping = target.file(
        """
        [file]
        skip_lines = 2
        ignore_rows = "Total|Seite \\\\d"
        time_zone = "America/New_York"
        [columns]
        external_id = "Id"
        user_id = "Owner"
        company_name = ["Company", "Name"]
        created_at = "{Day} {Hour}"
        [formats]
        created_at = ["%m/%d/%y %H.%M", "%d %b %Y"]
        """,
        "mapping.toml",
    )
    text = (
        "My report\n\nId,Owner,Company,Name,Day,Hour\n"
        "1,mia  öhm,,Bar,1/10/26,9.05\n2,MIA@X.EXAMPLE,Hotel,,10 Jan 2026,\n"
        "Total,2\nSeite 1\n3,Ali,Mensa,,2026-01-10,09:05\n4,8,Mensa,,10.01.2026,\u00a09:05\n5,Bo,Mensa,,,\n"
    )
    report = target.load(LEADS, text, mapping=mapping)
    assert [(line, reason) for line, reason in report.reasons] == [
        (8, "user_id: 'Ali' is what several sales users are called"),
        (
            10,
            "user_id: 'Bo' is neither a user's number nor the name or mail address of one in sales_users",
        ),
    ]
    found = target.rows(
        "select external_id, user_id, company_name, created_at at time zone 'America/New_York'"
        "  from leads order by id"
    )
    morning = datetime.fromisoformat("2026-01-10 09:05")
    assert found == [
        ("1", 7, "Bar", morning),
        ("2", 7, "Hotel", datetime.fromisoformat("2026-01-10")),
        ("4", 8, "Mensa", morning),
    ]
    # The refused rows stand without the report's title, and the same mapping reads them.
    assert report.refused_file
    corrected = Path(report.refused_file).read_text().replace("Ali", "9").replace("Bo", "7")
    assert target.load(LEADS, corrected, mapping=mapping).imported == 2


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ("[file]\nskip_lines = -1", "skip_lines = -1 is not usable"),
        ("[file]\nseparator = ';'", "separator = ';' is not usable"),
        ("[file]\nignore_rows = '('", "not a regular expression"),
        ("[file]\ntime_zone = 'Mars'", "unknown time zone: Mars"),
        ("columns = 'Firma'", "columns is no part of its own"),
        ("[values]\nuser_id = 7", "values.user_id is no table"),
        ("[formats]\nfirma = '%d'", "unknown field firma"),
        ("[formats]\ncreated_at = '%d/%d/%Y'", "'%d/%d/%Y' is no format of dates"),
        ("[formats]\ncreated_at = ['%d/%m/%Y', '%Q']", "'%Q' is no format of dates"),
        ('[file]\nencoding = "utf\\u00008"', "cannot be read as utf"),
        ("[columns]\nfirma = 'Firma'", "unknown field firma"),
        ("[columns]\ncompany_name = 'Gibtsnicht'", "does not have: Gibtsnicht"),
        ("[spalten]\ncompany_name = 'Firma'", "unknown part spalten"),
        ("[columns", "not valid TOML"),
        ("[constants]\nuser_id = 7", "no column for external_id"),
    ],
)
def test_a_wrong_mapping_is_named(mapping: str, complaint: str, target: Target) -> None:
    path = target.file(mapping, "mapping.toml")
    with pytest.raises(UsageProblem, match=complaint):
        target.load(LEADS, "Firma;company_name\nA;B\n", mapping=path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no header"),
        ("external_id;external_id\n1;2\n", "names a column twice"),
        ("external_id;name\n1;2\n", "no column for user_id, company_name"),
        ("external_id;User_ID;USER_ID;company_name\n1;7;8;X\n", "more than one column is called user_id"),
        ("PK\x03\x04\x14", "a workbook of a spreadsheet program"),
        ("x" * 100_000, "no column for external_id"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(text: str, complaint: str, target: Target) -> None:
    with pytest.raises(UsageProblem, match=complaint) as refusal:
        target.load(LEADS, text)
    assert len(refusal.value.hint or "") < 1000


def test_of_columns_that_differ_in_capitals_the_one_that_is_named_is_taken(target: Target) -> None:
    text = "external_id;user_id;USER_ID;company_name;Ort;ORT\n1;7;8;X;Köln;Bonn\n"
    path = target.file('[columns]\ncity = "ORT"\n', "mapping.toml")
    report = target.load(LEADS, text, mapping=path)
    assert report.ignored_columns == ("USER_ID", "Ort")
    assert target.rows("select user_id, city from leads") == [(7, "Bonn")]


# --- a bad row loses nothing else -------------------------------------------------------------------------

_BAD_LEADS = {
    "company_name is missing": "B1;7;;2026-01-01 10:00",
    "external_id is missing": ";7;Kantine;2026-01-01 10:00",
    "user_id is missing": "B3;;Kantine;2026-01-01 10:00",
    "user_id: '7.5' is neither a user's number nor": "B4;7.5;Kantine;2026-01-01 10:00",
    "user_id: '-7' is neither a user's number nor": "B5;-7;Kantine;2026-01-01 10:00",
    "user_id: '9223372036854775808' is not a whole number": "B6;9223372036854775808;Kantine;2026-01-01 10:00",
    "created_at: '31.02.2026' is not a date": "B7;7;Kantine;31.02.2026",
    "created_at: 'infinity' is not a date": "B8;7;Kantine;infinity",
    "created_at: '0001-01-01 00:00+14:00' lies outside": "B16;7;Kantine;0001-01-01 00:00+14:00",
    "LP006": "B9;7;Kantine;1999-12-31 10:00",
    "LP007": "B10;7;Kantine;2099-01-01 10:00",
    "has 5 cells where the header has 4": "B11;7;Kantine;2026-01-01 10:00;mehr",
    "has 2 cells where the header has 4": "B12;7",
    "company_name: holds a NUL byte": "B13;7;Kan\0tine;2026-01-01 10:00",
    "stands in line 2 already": "L1;7;Doppelt;2026-01-01 10:00",
    "not readable as CSV": 'B15;7;"Kantine" Nord;2026-01-01 10:00',
}


def test_every_bad_row_is_refused_with_its_reason_and_all_others_come_in(target: Target) -> None:
    good = some_leads(40).splitlines()
    bad = list(_BAD_LEADS.values())
    # Scattered among the good ones; the first good one stays first.
    lines = good[:2]
    for number, row in enumerate(good[2:]):
        lines += [row, bad[number]] if number < len(bad) else [row]
    report = target.load(LEADS, "\n".join(lines))
    assert (report.rows, report.imported, report.refused) == (40 + len(bad), 40, len(bad))
    for (line, reason), expected in zip(report.reasons, _BAD_LEADS, strict=True):
        assert expected in reason
        assert lines[line - 1] == _BAD_LEADS[expected]
    assert target.rows("select count(*) from leads") == [(40,)]
    assert target.rows("select count(*) from v_user_lead_protection where state = 'PROTECTED'") == [(40,)]


def test_the_refused_file_can_be_corrected_and_imported_as_it_is(target: Target) -> None:
    text = "external_id;company_name;created_at\n1;A;31.02.2026\n2;B;01.02.2026\n3;Größe;x\n"
    report = target.load(LEADS, text.encode("cp1252"), user=7)
    assert report.refused_file == str(target.directory / "import.csv.refused.csv")
    refused = Path(report.refused_file)
    rows = list(csv.reader(refused.read_text("cp1252").splitlines(), delimiter=";"))
    assert rows[0] == ["refused_line", "refused_reason", "external_id", "company_name", "created_at"]
    assert [row[0] for row in rows[1:]] == ["2", "4"]
    corrected = refused.read_bytes().replace(b";31.02.2026", b";28.02.2026").replace(b";x\r\n", b";\r\n")
    report = target.load(LEADS, corrected, user=7)
    assert (report.imported, report.refused) == (2, 0)
    assert target.rows("select company_name from leads order by external_id") == [("A",), ("B",), ("Größe",)]


FORMULAS = (
    '=HYPERLINK("http://x")',
    "@SUM(1)",
    "+49 30 1234",
    "-5,00",
    "\t=1",
    "\r=1",
    "\n@a",
    " =1",
    "\u00a0=1",
    "\uff1d1",
)


def test_what_is_refused_is_no_formula_in_a_spreadsheet_and_comes_in_as_it_was(target: Target) -> None:
    header = ["external_id", "user_id", "company_name", "contact_phone", "=notes"]
    rows = [[f"L{n}", "x", cell, "+49 30 1234", cell] for n, cell in enumerate(FORMULAS)]
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([header, *rows])
    refused_file = target.load(LEADS, text.getvalue()).refused_file
    assert refused_file
    refused = Path(refused_file).read_bytes()
    cells = [
        cell for row in csv.reader(io.StringIO(refused.decode(), newline=""), delimiter=";") for cell in row
    ]
    assert len(cells) == 7 * (1 + len(rows))
    assert [cell for cell in cells if re.match(r"[\t\r\n]|\s*[=@+\-\uff1d]", cell)] == []
    # Refused once more: still no column twice, no line of another file, no second apostrophe.
    again = target.load(LEADS, refused)
    assert (again.imported, again.refused) == (0, len(rows))
    assert again.ignored_columns == ("=notes",)
    assert Path(refused_file).read_bytes() == refused
    report = target.load(LEADS, refused.replace(b";x;", b";7;"))
    assert (report.imported, report.refused) == (len(rows), 0)
    found = target.rows("select company_name, contact_phone from leads order by id")
    assert found == [(cell.strip(), "+49 30 1234") for cell in FORMULAS]


@given(
    cells=st.lists(
        st.text(alphabet="'=+-@\t\r\n \u00a0\uff1d;\"aß1", min_size=1).filter(str.strip),
        min_size=2,
        max_size=6,
    )
)
def test_refused_rows_are_read_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "given.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows([[f"c{n}" for n in range(len(cells))], cells])
    file = CsvFile.open(path)
    (row,) = file.rows()
    assert row.cells == cells
    for _ in range(2):
        refused = path.with_name("refused.csv")
        file.write_refused(refused, {row.line: "= refused"})
        file = CsvFile.open(refused)
        (row,) = file.rows()
        assert row.cells == [str(row.line), "= refused", *cells]


def test_imports_of_one_file_at_once_write_one_whole_file_of_refused_rows(target: Target) -> None:
    lines = ["external_id;name", *(f"L{number};Kantine" for number in range(500))]
    file = CsvFile.open(target.file("\n".join(lines)))
    refused = target.directory / "refused.csv"
    reasons = {row.line: "refused" for row in file.rows()}
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(file.write_refused, refused, reasons) for _ in range(40)]:
            done.result()
    assert len(refused.read_text().splitlines()) == 501
    assert {path.name for path in target.directory.iterdir()} == {"import.csv", "refused.csv"}


def test_a_device_or_a_pipe_is_written_to_and_never_replaced(target: Target) -> None:
    pipe = target.directory / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert target.load(LEADS, "external_id;user_id;company_name\nL1;7;\n", refused=pipe).refused == 1
    assert b"company_name is missing;L1;7;" in os.read(reader, 10_000)
    os.close(reader)
    assert pipe.is_fifo()


def test_refused_rows_never_replace_what_is_read(target: Target) -> None:
    text = "external_id;user_id;company_name\nL1;7;\nL2;7;Kantine\n"
    mapping = target.file("[constants]\nuser_id = 7\n", "mapping.toml")
    (target.directory / "link.csv").symlink_to(target.directory / "import.csv")
    for name in ("import.csv", "link.csv", "mapping.toml"):
        with pytest.raises(UsageProblem, match="would replace"):
            target.load(LEADS, text, mapping=mapping, refused=target.directory / name)
    assert (target.directory / "import.csv").read_text() == text
    assert target.rows("select count(*) from leads") == [(0,)]


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_of_a_pipe_what_is_refused_goes_to_the_current_folder(
    entity: Entity, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{';'.join(entity.field_names)}\n1;2\n"
    pipe = target.directory / "pipe"
    os.mkfifo(pipe)
    here = target.directory / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for dry_run in (True, False):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(pipe.write_text, text)
            report = import_file(target.database, entity, pipe, Options(user=7, dry_run=dry_run))
        assert (report.file, report.rows, report.refused) == (str(pipe), 1, 1)
        assert report.refused_file == "pipe.refused.csv"
        assert "the header has" in (here / "pipe.refused.csv").read_text()
        (here / "pipe.refused.csv").unlink()
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "<(cat given.csv)", "- <given.csv"])
def test_what_is_piped_in_is_imported(name: str, target: Target) -> None:
    target.file(f"{some_leads(3)}L4;7;\n", "given.csv")
    for more, known in (("--dry-run", 0), ("", 0), ("", 3)):
        done = target.shell(f"cat given.csv | {LEADGUARD} import leads --json {more} {name}")
        assert (done.returncode, done.stderr) == (5, "")
        told = json.loads(done.stdout)
        assert (told["imported"], told["known"], told["refused"]) == (3 - known, known, 1)
        assert re.fullmatch(r"(stdin|\d+)\.refused\.csv", told["refused_file"])
        assert "L4;7;" in (target.directory / told["refused_file"]).read_text()


def test_refused_rows_never_replace_what_is_read_from_stdin(target: Target) -> None:
    given = target.file("external_id;user_id;company_name\nL1;7;\nL2;7;Kantine\n", "stdin.refused.csv")
    done = target.shell(f"{LEADGUARD} import leads --dry-run - <stdin.refused.csv")
    assert done.returncode == 2
    assert "would replace" in done.stderr
    assert "Kantine" in given.read_text()


def test_no_file_of_refused_rows_is_written_when_there_are_none(target: Target) -> None:
    report = target.load(LEADS, some_leads(1))
    assert report.refused_file is None
    assert sorted(path.name for path in target.directory.iterdir()) == ["import.csv"]


def test_what_the_database_refuses_is_found_wherever_it_stands(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks are halved around the refused rows: at their edges, side by side, and a whole chunk of them."""
    monkeypatch.setattr(importer, "_CHUNK", 16)
    bad = {1, 16, 17, 30, 31, 32, 50, *range(65, 81), 100}
    rows = [f"{n};7;Firma;{'2099-01-01' if n in bad else days_ago(9)}" for n in range(1, 101)]
    report = target.load(LEADS, "\n".join([LEAD_HEADER, *rows]))
    assert [line - 1 for line, _ in report.reasons] == sorted(bad)
    assert all(reason.startswith("LP007") for _, reason in report.reasons)
    assert report.imported == 100 - len(bad)
    assert target.rows("select count(*) from leads") == [(report.imported,)]


def test_a_missing_right_ends_the_import_instead_of_refusing_every_row(
    target: Target, fresh_database: str
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(fresh_database)["dbname"]
    target.connection.execute(f'grant temporary on database "{name}" to lead_exporter'.encode())
    as_exporter = Database(fresh_database + "&options=-c%20role%3Dlead_exporter")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        import_file(as_exporter, LEADS, target.file(some_leads(3)), Options())


# --- twice is once ----------------------------------------------------------------------------------------


def test_a_second_import_of_each_kind_imports_nothing_twice(target: Target) -> None:
    facts = "external_id;lead_external_id"
    activities = [f"a1;L1;QUALIFIED_CALL;{days_ago(70)}", f"a2;L2;EMAIL_SENT;{days_ago(20)}"]
    sent = f"L1;{days_ago(9)[:10]};{days_ago(8)}"
    files: list[tuple[Entity, str, str]] = [
        (USERS, "sales_users", "user_id,display_name,active\n7,Mia,ja\n8,Ali,nein\n"),
        (LEADS, "leads", some_leads(3, days=100)),
        (ACTIVITIES, "lead_activities", "\n".join([f"{facts};activity_type;occurred_at", *activities])),
        (HOLDS, "lead_holds", f"{facts};reason;start_at\nh1;L3;Umbau;{days_ago(90)}\n"),
        (REMINDERS, "lead_reminders", f"lead_external_id;window_start;sent_at\n{sent}\n"),
    ]
    for entity, table, text in files:
        first = target.load(entity, text)
        assert (first.imported, first.refused) == (first.rows, 0), entity.name
        before = target.rows(f"select * from {table} order by 1")  # noqa: S608  # a constant of this test
        events = target.rows("select count(*) from outbox")
        second = target.load(entity, text)
        assert (second.imported, second.known, second.refused) == (0, first.rows, 0), entity.name
        assert target.rows(f"select * from {table} order by 1") == before  # noqa: S608
        assert target.rows("select count(*) from outbox") == events
    # The facts have arrived at the clocks.
    assert target.rows(
        "select l.external_id, v.state, v.clock_stopped_since is not null"
        "  from v_user_lead_protection as v join leads as l on l.id = v.lead_id order by 1"
    ) == [("L1", "GRACE", False), ("L2", "REMINDER_DUE", False), ("L3", "PROTECTED", True)]
    assert target.rows("select * from verify_lead_protection()") == []


def test_a_longer_file_imports_only_what_is_new(target: Target) -> None:
    target.load(LEADS, some_leads(3))
    report = target.load(LEADS, some_leads(5))
    assert (report.imported, report.known) == (2, 3)


def test_ids_that_others_have_used_refuse_no_row(target: Target) -> None:
    """Rows written with ids of their own lie ahead of the sequence; one that is known stays so."""
    day, fact = days_ago(20)[:10], "external_id;lead_external_id"
    files: list[tuple[Entity, str, str]] = [
        (LEADS, "external_id;user_id;company_name;created_at", f"L{{n}};7;Kantine;{days_ago(90)}"),
        (ACTIVITIES, f"{fact};activity_type;occurred_at", f"A{{n}};L1;QUALIFIED_CALL;{day}"),
        (HOLDS, f"{fact};reason;start_at;end_at", f"H{{n}};L1;Umbau;{day};{day}"),
        (REMINDERS, "lead_external_id;window_start;sent_at", f"L{{n}};{day};{day}"),
        (SAMPLES, f"{fact};product_type", "S{n};L1;Soup"),
        (CATERING, f"{fact};event_type", "C{n};L1;Wedding"),
        (COSTS, "external_id;cost_type;amount_eur", "K{n};INFRASTRUCTURE;1"),
    ]
    for entity, header, row in files:
        lines = [header, *(row.format(n=n) for n in range(1, 8))]
        assert target.load(entity, "\n".join(lines[:4])).imported == 3
        for more, dry_run, imported in ((5, False, 1), (8, True, 3), (8, False, 3)):
            target.connection.execute(
                "select setval(pg_get_serial_sequence(%s, 'id'), 1, false)", [f"public.{entity.table}"]
            )
            report = target.load(entity, "\n".join(lines[:more]), dry_run=dry_run)
            assert (report.imported, report.reasons) == (imported, ()), entity.name
            assert report.known == more - 1 - imported
    assert target.rows("select external_id from leads order by 1") == [(f"L{n}",) for n in range(1, 8)]


def test_rows_that_come_in_meanwhile_are_known_not_doubled(
    target: Target, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    """Another import commits a row after ours has looked: the unique key decides, and nothing is refused."""
    judge = importer._judge

    def judge_and_be_overtaken(*arguments: Any) -> None:
        judge(*arguments)
        target.connection.execute("insert into leads (external_id, user_id) values ('L2', 8)")

    monkeypatch.setattr(importer, "_judge", judge_and_be_overtaken)
    report = target.load(LEADS, some_leads(3))
    assert (report.imported, report.known, report.refused) == (2, 1, 0)


def test_a_dry_run_tells_the_same_and_changes_nothing(target: Target) -> None:
    text = some_leads(5) + "B1;7;Zukunft;2099-01-01\nB2;7;;\n"
    dry = target.load(LEADS, text, dry_run=True)
    assert target.rows("select (select count(*) from leads), (select count(*) from outbox)") == [(0, 0)]
    wet = target.load(LEADS, text)
    assert (dry.rows, dry.imported, dry.refused, len(dry.reasons)) == (7, 5, 2, 2)
    assert (wet.rows, wet.imported, wet.refused, len(wet.reasons)) == (7, 5, 2, 2)


# --- what is known and says something else ----------------------------------------------------------------


def test_known_rows_that_differ_are_told_and_stay_as_they_are(target: Target) -> None:
    header = "external_id;user_id;company_name;city\n"
    target.load(LEADS, header + "1;7;Kantine A;Ulm\n2;7;Kantine B;\n3;7;Kantine C;Gera\n4;7;Kantine D;Jena\n")
    before = target.rows("select * from leads order by id")
    # 1 differs in two fields, 2 has a city where there was none, 3 says nothing new, a blank says nothing.
    report = target.load(
        LEADS, header + "1;7;Kantine Z;Köln\n2;7;Kantine B;Trier\n3;7;Kantine C;\n4;7;Kantine D;Jena\n"
    )
    assert (report.imported, report.known, report.differ) == (0, 4, 2)
    assert report.differing == {"city": 2, "company_name": 1}
    assert target.rows("select * from leads order by id") == before
    assert "4 known already, of them 2 differ: city 2, company_name 1" in sentence(report)
    assert any("--update city,company_name" in text for text in remarks(report))


def test_an_update_takes_over_the_named_fields_and_no_others(target: Target) -> None:
    header = "external_id;user_id;company_name;city\n"
    target.load(LEADS, header + "1;7;Kantine A;Ulm\n2;7;Kantine B;Ulm\n")
    changed = header + "1;7;Kantine Z;Köln\n2;7;Kantine B;\n3;7;Kantine C;Gera\n"
    dry = target.load(LEADS, changed, update=("city",), dry_run=True)
    assert (dry.imported, dry.updated, dry.known, dry.differ) == (1, 1, 1, 1)
    wet = target.load(LEADS, changed, update=("city",))
    assert (wet.imported, wet.updated, wet.known) == (1, 1, 1)
    assert wet.differing == {"company_name": 1}
    found = target.rows("select external_id, company_name, city from leads order by external_id")
    assert found == [("1", "Kantine A", "Köln"), ("2", "Kantine B", "Ulm"), ("3", "Kantine C", "Gera")]
    again = target.load(LEADS, changed, update=("all",))
    assert (again.updated, again.known, again.differ) == (1, 2, 0)
    assert target.rows("select company_name from leads where external_id = '1'") == [("Kantine Z",)]


def test_updated_facts_move_the_clocks_as_any_correction_does(target: Target) -> None:
    target.load(LEADS, some_leads(2, days=100))
    facts = "external_id;lead_external_id;activity_type;occurred_at\n"
    target.load(ACTIVITIES, f"{facts}a1;L1;QUALIFIED_CALL;{days_ago(70)}\n")
    holds = "external_id;lead_external_id;reason;start_at;end_at\n"
    target.load(HOLDS, f"{holds}h1;L2;Umbau;{days_ago(30)};\n")
    report = target.load(ACTIVITIES, f"{facts}a1;L1;QUALIFIED_CALL;{days_ago(2)}\n", update=("all",))
    assert (report.updated, report.known) == (1, 0)
    report = target.load(HOLDS, f"{holds}h1;L2;Umbau;{days_ago(30)};{days_ago(29)}\n", update=("end_at",))
    assert report.updated == 1
    states = "select state, clock_stopped_since is null from v_user_lead_protection order by id"
    assert target.rows(states) == [("PROTECTED", True), ("REMINDER_DUE", True)]
    assert target.rows("select * from verify_lead_protection()") == []


def test_an_owner_is_only_compared_where_the_file_itself_names_one(target: Target) -> None:
    """A handed-over lead is not handed back because an old list was imported with --user."""
    text = f"external_id;company_name;created_at\nL1;Kantine;{days_ago(30)}\n"
    target.load(LEADS, text, user=7)
    facts = f"external_id;lead_external_id;activity_type;occurred_at\na1;L1;QUALIFIED_CALL;{days_ago(9)}\n"
    target.load(ACTIVITIES, facts)
    target.connection.execute("update leads set user_id = 8")
    assert target.load(LEADS, text, user=7, update=("all",)).updated == 0
    assert target.load(ACTIVITIES, facts, update=("all",)).updated == 0
    named = f"external_id;user_id;company_name;created_at\nL1;9;Kantine;{days_ago(30)}\n"
    report = target.load(LEADS, named)
    assert report.differing == {"user_id": 1}
    assert any("hands the lead over" in text for text in remarks(report))
    assert target.load(LEADS, named, update=("user_id",)).updated == 1
    assert target.rows("select user_id, state from v_user_lead_protection") == [(9, "PROTECTED")]


def test_an_update_that_the_database_refuses_is_refused_alone(target: Target) -> None:
    target.load(LEADS, some_leads(40))
    rows = [f"L{n};7;Neu {n};{'2099-01-01' if n in (5, 23) else days_ago(29)}" for n in range(1, 41)]
    report = target.load(LEADS, "\n".join([LEAD_HEADER, *rows]), update=("all",))
    assert (report.updated, report.refused) == (38, 2)
    assert [(line - 1, reason[:5]) for line, reason in report.reasons] == [(5, "LP007"), (23, "LP007")]
    assert target.rows("select count(*) from leads where company_name like 'Neu%'") == [(38,)]


def test_a_field_that_cannot_be_updated_is_named(target: Target) -> None:
    with pytest.raises(UsageProblem, match="external_id, nonsense cannot be updated in leads"):
        target.load(LEADS, some_leads(1), update=("external_id", "city", "nonsense"))
    with pytest.raises(UsageProblem, match="sent_at cannot be updated"):
        target.load(REMINDERS, "lead_external_id;window_start;sent_at\n", update=("sent_at",))


# --- several at once, and one that dies -------------------------------------------------------------------


def test_two_imports_of_one_file_at_once_bring_each_row_in_once(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer, "_CHUNK", 50)
    leads = target.file(some_leads(600), "leads.csv")
    facts = [f"a{n};L{n % 600 + 1};QUALIFIED_CALL;{days_ago(n % 20 + 1)}" for n in range(1500)]
    header = "external_id;lead_external_id;activity_type;occurred_at"
    activities = target.file("\n".join([header, *facts]), "activities.csv")
    for entity, path, rows in ((LEADS, leads, 600), (ACTIVITIES, activities, 1500)):
        with ThreadPoolExecutor(3) as pool:
            reports = list(
                pool.map(lambda _, e=entity, p=path: import_file(target.database, e, p, Options()), range(3))
            )
        assert sum(report.imported for report in reports) == rows
        assert all(report.imported + report.known == rows and not report.refused for report in reports)
    assert target.rows("select (select count(*) from leads), (select count(*) from lead_activities)") == [
        (600, 1500)
    ]
    assert target.rows("select count(*) from outbox where event_type like '%activated'") == [(600,)]
    assert target.rows("select * from verify_lead_protection()") == []


def test_an_import_that_is_killed_is_finished_by_the_next(target: Target) -> None:
    rows = 20_000  # two transactions
    path = target.file(some_leads(rows), "leads.csv")
    process = forked.start(
        ["import", "leads", str(path)], {**os.environ, "DATABASE_URL": target.database.url}
    )
    try:
        deadline = time.monotonic() + 60
        while not target.rows("select from leads limit 1"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    report = import_file(target.database, LEADS, path, Options())
    assert 0 < report.known < rows
    assert report.imported + report.known == rows
    assert target.rows("select count(*), count(distinct external_id) from leads") == [(rows, rows)]
    assert target.rows("select count(*) from internal.lead_clocks") == [(rows,)]


def test_what_the_workers_will_find_is_told(target: Target) -> None:
    """Old leads come in without their activities: whoever imports is warned before partners are."""
    ages = (("L1", 7, 70), ("L2", 8, 80), ("L3", 8, 300), ("L4", 7, 1))
    rows = [f"{lead};{user};Kantine;{days_ago(days)}" for lead, user, days in ages]
    report = target.load(LEADS, "\n".join([LEAD_HEADER, *rows]))
    assert (report.reminders_due, report.reminded_users, report.expiries_due) == (2, 2, 1)
    assert "2 (of 2 users) are due for a reminder now, and 1 have run out" in remarks(report)[0]
    report = target.load(
        ACTIVITIES,
        f"external_id;lead_external_id;activity_type;occurred_at\na1;L1;QUALIFIED_CALL;{days_ago(3)}\n",
    )
    assert (report.reminders_due, report.expiries_due, remarks(report)) == (0, 0, [])
    queued = target.rows("select lead_id, reminder_type from dispatch_due_reminders()")
    assert len(queued) == 1
    assert len(target.rows("select id from expire_due_protections()")) == 1


# --- facts find their leads -------------------------------------------------------------------------------


def test_facts_name_their_lead_by_either_id_and_default_to_its_user(target: Target) -> None:
    target.load(LEADS, some_leads(2))
    ids = dict(target.rows("select external_id, id from leads"))
    text = (
        "external_id;lead_id;lead_external_id;user_id;activity_type;occurred_at\n"
        f"a1;;L1;;QUALIFIED_CALL;{days_ago(2)}\n"
        f"a2;{ids['L2']};;9;QUALIFIED_CALL;{days_ago(2)}\n"
        f"a3;;L9;;QUALIFIED_CALL;{days_ago(2)}\n"
        f"a4;99999;;;QUALIFIED_CALL;{days_ago(2)}\n"
        f"a5;;;;QUALIFIED_CALL;{days_ago(2)}\n"
        f"a6;;L1;;FAXED;{days_ago(2)}\n"
    )
    report = target.load(ACTIVITIES, text)
    assert target.rows("select external_id, lead_id, user_id from lead_activities order by 1") == [
        ("a1", ids["L1"], 7),
        ("a2", ids["L2"], 9),
    ]
    assert [reason for _, reason in report.reasons] == [
        "unknown lead L9",
        "unknown lead 99999",
        "lead_external_id is missing",
        "unknown activity type FAXED",
    ]


def test_a_hold_follows_the_rules_of_the_table(target: Target) -> None:
    target.load(LEADS, some_leads(2))
    text = (
        "external_id;lead_external_id;user_id;reason;start_at;end_at\n"
        f"h1;L1;;Umbau;{days_ago(5)};{days_ago(4)}\n"
        f"h2;L1;;Umbau;{days_ago(4)};{days_ago(5)}\n"
        f"h3;L2;8;fremder Nutzer;{days_ago(5)};\n"
        f"h4;L2;; ;{days_ago(5)};\n"
    )
    report = target.load(HOLDS, text)
    assert target.rows("select external_id from lead_holds") == [("h1",)]
    reasons = [reason[:5] for _, reason in report.reasons]
    assert reasons == ["LP005", "LP002", "reaso"]


def test_dates_follow_the_rebasing_and_the_zone(target: Target) -> None:
    today = datetime.now(BERLIN).date()
    text = f"{LEAD_HEADER}\nL1;7;A;20.11.2026 09:30\nL2;7;B;2026-11-10\n"
    target.load(LEADS, text, rebase_from=date(2026, 11, 21))
    assert target.rows("select created_at at time zone 'Europe/Berlin' from leads order by external_id") == [
        (datetime.combine(today - timedelta(days=1), datetime.min.time()) + timedelta(hours=9, minutes=30),),
        (datetime.combine(today - timedelta(days=11), datetime.min.time()),),
    ]
    target.load(LEADS, f"{LEAD_HEADER}\nL3;7;A;2026-01-10 09:00\n", zone=ZoneInfo("America/New_York"))
    found = target.rows("select created_at from leads where external_id = 'L3'")
    assert found == [(datetime(2026, 1, 10, 14, tzinfo=UTC),)]


def test_hostile_text_stays_text(target: Target) -> None:
    nasty = "'); drop table leads; -- \\N %s %(x)s {x} =cmd|' /C calc'!A0 <script>"
    target.load(LEADS, f'external_id,user_id,company_name\n"{nasty}",7,"{nasty}"\n\\.,7,\\.\n')
    found = target.rows("select external_id, company_name from leads order by id")
    assert found == [(nasty, nasty), ("\\.", "\\.")]


# --- files as such ----------------------------------------------------------------------------------------

_cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(_cells, _cells), min_size=1, max_size=8), st.sampled_from(";,\t|"))
def test_whatever_was_written_as_csv_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
        writer.writerows([("first", "second"), *rows])
    found = [tuple(row.cells) for row in CsvFile.open(path).rows()]
    assert found == [row for row in rows if any(cell.strip() for cell in row)]
