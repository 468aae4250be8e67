"""Exports of usual CRMs come in through the mappings of examples/crm alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.database import Database
from jobs.entities import ACTIVITIES, LEADS, USERS, Entity
from jobs.importer import ImportReport, Options, import_file
from jobs.paths import EXAMPLES

Connect = Callable[..., psycopg.Connection[Any]]

MAPPINGS = EXAMPLES / "crm"


@dataclass(frozen=True)
class Export:
    """A file as the system writes it; the leads or activities it comes to; the lines refused, and why."""

    mapping: str
    entity: Entity
    content: bytes
    rows: list[tuple[Any, ...]]
    refused: dict[int, str]
    leads: tuple[str, ...] = ()  # that must be there before


EXPORTS = (
    Export(
        "salesforce-leads",
        LEADS,
        (
            '"Lead-ID";"Anrede";"Vorname";"Nachname";"Firma / Account";"Ort";"E-Mail";"Telefon";"Mobil";'
            '"Lead-Inhaber";"Erstelldatum";"Konvertierungsdatum"\r\n'
            '"00Q5g00000AbCdE";"Frau";"Änne";"Müller";"Großküche Süd";"Köln";"a@x.example";"";"0171-1";'
            '"Katrin Ehlers";"01.03.2026 14:05";""\r\n'
            '"00Q5g00000AbCde";"";"";"Vogt";"Kantine ""Am Ring""";"";"";"0221-2";"0171-2";'
            '"k.ehlers@partner.example";"02.03.2026";"05.03.2026"\r\n'
            '"00Q5g00000AbCdF";"";"";"Vogt";"Hotel X";"";"";"";"";"Nicht Bekannt";"02.03.2026";""\r\n'
            "\r\n\r\n"
            '"Leads nach Inhaber - salesforce.com"\r\n'
            '"Copyright (c) 2000-2026 salesforce.com, inc. Alle Rechte vorbehalten."\r\n'
            '"Vertrauliche Informationen - Nicht weitergeben"\r\n'
            '"Generiert von:  Katrin Ehlers  06.03.2026 09:00"\r\n'
        ).encode("cp1252"),
        [
            (
                "salesforce:00Q5g00000AbCdE",
                11,
                "Großküche Süd",
                "Frau Änne Müller",
                "0171-1",
                "2026-03-01 13:05",
            ),
            ("salesforce:00Q5g00000AbCde", 11, 'Kantine "Am Ring"', "Vogt", "0221-2", "2026-03-01 23:00"),
        ],
        {4: "user_id: 'Nicht Bekannt' is neither"},
    ),
    Export(
        "salesforce-tasks",
        ACTIVITIES,
        (
            '"Activity ID","Lead ID","Assigned","Subject","Date","Completed Date/Time","Type",'
            '"Full Comments"\n'
            '"00T1","L1","Mirko Hanisch","Call","3/1/2026","3/1/2026, 2:05 PM","Call",'
            '"Bedarf geklärt,\nMenü A"\n'
            '"00T2","L1","Mirko Hanisch","Mailing","3/2/2026","","",""\n'
            '"00T3","L1","Mirko Hanisch","Call","13/2/2026","","Call",""\n'
            '"Grand Totals (3 records)"\n'
            '"Confidential Information - Do Not Distribute"\n'
        ).encode(),
        [
            ("salesforce:00T1", 12, "QUALIFIED_CALL", "Call: Bedarf geklärt,\nMenü A", "2026-03-01 13:05"),
            ("salesforce:00T2", 12, "SYSTEM_NOTE", "Mailing:", "2026-03-01 23:00"),
        ],
        {5: "occurred_at: '13/2/2026' is not a date (use %m/%d/%Y"},
        ("salesforce:L1",),
    ),
    Export(
        "hubspot-companies",
        LEADS,
        (
            "Record ID,Company name,Company owner,Create Date,Phone Number,City,Company Domain Name,"
            "Became a Customer Date,Number of times contacted\n"
            '9000001,Löwenbräu-Kantine,"Arslan, Selin",2026-03-01 14:05,+49 221 1,Köln,loewen.example,,3\n'
            "9000002,,Selin Arslan,2026-03-02 08:00,,,nordwind.example,2026-04-01 10:00,\n"
            "9000003,Mensa West,No owner,2026-03-02 08:00,,,,,\n"
        ).encode("utf-8-sig"),
        [
            ("hubspot:9000002", 13, "nordwind.example", None, None, "2026-03-02 07:00"),
        ],
        {2: "user_id: 'Arslan, Selin' is neither", 4: "user_id is missing"},
    ),
    Export(
        "hubspot-calls",
        ACTIVITIES,
        (
            b"Record ID,Call Title,Call notes,Activity date,Activity assigned to,Call outcome,"
            b"Associated Company IDs\n"
            b"71,Angebot,<p>OK</p>,2026-03-01 14:05,Selin Arslan,Connected,9000001\n"
            b"72,Versuch,,2026-03-01 14:06,Selin Arslan,,9000001\n"
            b"73,Beide,,2026-03-01 14:07,Selin Arslan,Connected,9000001;9000002\n"
        ),
        [
            ("hubspot-call:71", 13, "QUALIFIED_CALL", "Angebot: <p>OK</p>", "2026-03-01 13:05"),
            ("hubspot-call:72", 13, "SYSTEM_NOTE", "Versuch:", "2026-03-01 13:06"),
        ],
        {4: "unknown lead hubspot:9000001;9000002"},
        ("hubspot:9000001", "hubspot:9000002"),
    ),
    Export(
        "pipedrive-organizations",
        LEADS,
        (
            b"Organization - ID,Organization - Name,Organization - Owner,"
            b"Organization - City/town/village/locality of Address,Organization - Organization created\n"
            b"17,Gasthof Krone,Mirko Hanisch,Ulm,2026-03-29 01:30:00\n"
        ),
        # The hour that does not exist in Berlin: the mapping says that times are UTC.
        [("pipedrive:17", 12, "Gasthof Krone", None, None, "2026-03-29 01:30")],
        {},
    ),
    Export(
        "pipedrive-activities",
        ACTIVITIES,
        (
            "Activity - ID,Activity - Type,Activity - Subject,Activity - Note,Activity - Due date,"
            "Activity - Due time,Activity - Marked as done time,Activity - Assigned to user,"
            "Organization - ID\n"
            "5,Call,Rückruf,,2026-03-01,14:00,2026-03-01 13:05:00,Mirko Hanisch,17\n"
            "6,Lunch,Essen,gut,2026-03-02,11:30,,Mirko Hanisch,17\n"
            "7,Webinar,Schulung,,2026-03-02,11:30,,Mirko Hanisch,17\n"
        ).encode(),
        [
            ("pipedrive:5", 12, "QUALIFIED_CALL", "Rückruf", "2026-03-01 13:05"),
            ("pipedrive:6", 12, "SCHEDULED_FOLLOWUP", "Essen gut", "2026-03-02 11:30"),
        ],
        {4: "unknown activity type Webinar"},
        ("pipedrive:17",),
    ),
    Export(
        "zoho-leads",
        LEADS,
        (
            "Record Id,Lead Owner,Company,Salutation,First Name,Last Name,Email,Secondary Email,Phone,Mobile,"
            "City,Created Time,Converted Date Time\n"
            "zcrm_100,Selin Arslan,Café Zimt,Fr.,Ida,Böhm,,i@x.example,,0151-3,Jena,"
            '"Mar 1, 2026 02:05\u202fPM",\n'
            "zcrm_101,Selin Arslan,Café Mohn,,,Böhm,,,,,Jena,13/03/2026 12:00 AM,\n"
        ).encode(),
        [
            ("zoho:zcrm_100", 13, "Café Zimt", "Fr. Ida Böhm", "0151-3", "2026-03-01 13:05"),
            ("zoho:zcrm_101", 13, "Café Mohn", "Böhm", None, "2026-03-12 23:00"),
        ],
        {},
    ),
    Export(
        "dynamics-leads",
        LEADS,
        (
            "(Do Not Modify) Lead,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On,Name,Topic,"
            "Company Name,Email,Business Phone,Mobile Phone,City,Owner,Created On,Status Reason\r\n"
            "6f1d-01,q2==,3/5/2026 8:00 AM,Till Kühn,Mensa,Mensa Süd,t@x.example,,0160-4,Ulm,Katrin Ehlers,"
            "3/1/2026 2:05 PM,New\r\n"
            "6f1d-02,q3==,3/5/2026 8:00 AM,,Neubau Klinik,,,,,,Katrin Ehlers,12/31/2025 12:00 AM,New\r\n"
        ).encode("utf-16"),
        [
            ("dynamics:6f1d-01", 11, "Mensa Süd", "Till Kühn", "0160-4", "2026-03-01 13:05"),
            ("dynamics:6f1d-02", 11, "Neubau Klinik", None, None, "2025-12-30 23:00"),
        ],
        {},
    ),
    Export(
        "centralstation-firmen",
        LEADS,
        (
            "sep=;\r\nID;Name;Ort;E-Mail;Telefon;Mobil;Verantwortlich;Erstellt am;Tags;\r\n"
            "801;Bäckerei Korn;Gera;b@x.example;0365-1;;Mirko;01.03.2026;Messe, Süd;\r\n"
        ).encode("cp1252"),
        [("cscrm:801", 12, "Bäckerei Korn", None, "0365-1", "2026-02-28 23:00")],
        {},
    ),
    Export(
        "weclapp-leads",
        LEADS,
        (
            "Leadnummer;Firma;Vorname;Nachname;E-Mail;Telefon;Mobiltelefon;Ort;Verantwortlicher;"
            "Erstellungsdatum;Umwandlungsdatum\n"
            "L1001;;Jörg;Öhm;;;0170-9;Trier;Katrin  Ehlers;01.03.2026 14:05;\n"
            "L1002;Hofgut Au;;;;;;;Katrin Ehlers;31.02.2026 14:05;\n"
        ).encode(),
        [("weclapp:L1001", 11, "Jörg Öhm", "Jörg Öhm", "0170-9", "2026-03-01 13:05")],
        {3: "created_at: '31.02.2026 14:05' is not a date"},
    ),
)

_LEADS = """
    select external_id, user_id, company_name, contact_name, contact_phone,
           to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
      from leads order by id
"""
_ACTIVITIES = """
    select external_id, user_id, activity_type, summary,
           to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
      from lead_activities order by external_id
"""


def load(database: Database, path: Path, export: Export) -> ImportReport:
    return import_file(database, export.entity, path, Options(mapping=MAPPINGS / f"{export.mapping}.toml"))


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.mapping)
def test_an_export_comes_in_through_its_mapping(
    export: Export, fresh_database: str, tmp_path: Path, connect: Connect
) -> None:
    database, connection = Database(fresh_database), connect(fresh_database)
    import_file(database, USERS, EXAMPLES / "sales_users.csv", Options())
    for external_id in export.leads:
        connection.execute(
            "insert into leads (external_id, user_id, created_at) values (%s, 12, '2026-01-01')",
            [external_id],
        )
    path = tmp_path / "export.csv"
    path.write_bytes(export.content)
    report = load(database, path, export)
    query = _LEADS if export.entity is LEADS else _ACTIVITIES
    assert connection.execute(query.encode()).fetchall() == export.rows
    reasons = dict(report.reasons)
    assert reasons.keys() == export.refused.keys()
    for line, reason in export.refused.items():
        assert reasons[line].startswith(reason)
    # The refused rows go through the same mapping again, and nothing comes in twice.
    again = load(database, path, export)
    assert (again.imported, again.known, again.differ) == (0, len(export.rows), 0)
    if report.refused_file:
        retried = load(database, Path(report.refused_file), export)
        assert [reason for _, reason in retried.reasons] == [reason for _, reason in report.reasons]


def test_every_mapping_is_shown_to_work() -> None:
    assert {path.stem for path in MAPPINGS.glob("*.toml")} == {export.mapping for export in EXPORTS}
