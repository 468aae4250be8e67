"""The dashboards: what is committed is what the code makes, and links lead somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from docker.grafana.build import DASHBOARDS, FOLDER, files
from docker.grafana.panels import RUNBOOKS, WIDTH

ROOT = Path(__file__).resolve().parent.parent
PROVISIONING = FOLDER / "provisioning"
PANEL_TYPES = {"barchart", "bargauge", "row", "stat", "table", "timeseries"}
KNOWN_UNITS = {"none", "short", "s", "percentunit", "currencyEUR", "opm", "suffix:×"}

Board = dict[str, Any]


def board(name: str) -> Board:
    read: Board = json.loads((FOLDER / "dashboards" / f"{name}.json").read_text("utf-8"))
    return read


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in board(name)["panels"] if panel["type"] != "row"]


def queries(kind: str) -> Iterator[tuple[str, str]]:
    """Each query of a kind ("expr" or "rawSql"), and where it stands."""
    for name in DASHBOARDS:
        for panel in panels(name):
            for target in panel["targets"]:
                if kind in target:
                    yield f"{name}: {panel['title']} {target['refId']}", target[kind]


# --- files ------------------------------------------------------------------------------------------------


def test_the_committed_dashboards_are_what_the_code_makes() -> None:
    made = dict(files())
    committed = {path for folder in ("dashboards", "api") for path in (FOLDER / folder).glob("*.json")}
    assert committed == set(made)
    for path, text in made.items():
        assert path.read_text("utf-8") == text, f"{path}: ./run dashboards"


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_api_form_is_what_grafana_takes(name: str) -> None:
    """POST /api/dashboards/db: an object with the model; no id, so that the uid decides; overwrite."""
    body = json.loads((FOLDER / "api" / f"{name}.json").read_text("utf-8"))
    assert set(body) <= {"dashboard", "overwrite", "message", "folderUid", "folderId"}
    assert body["overwrite"] is True
    model = body["dashboard"]
    assert model.pop("id") is None
    assert model == board(name)
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", model["uid"])
    assert model["title"]
    assert model["schemaVersion"] >= 36


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafanas_own_model_knows_every_key(name: str) -> None:
    """Read by the SDK and written again nothing is lost: no key that Grafana does not have."""
    read = models.Dashboard.from_json(board(name))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == board(name)


def test_titles_and_names_are_the_plans() -> None:
    assert {name: board(name)["title"] for name in DASHBOARDS} == {
        "seasonal-ops": "Seasonal Operations",
        "operations-excellence": "Operations Excellence",
        "lead-protection": "Lead Protection",
        "war-room": "War Room",
    }


# --- how they look ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_fill_the_grid_without_overlap_or_hole(name: str) -> None:
    taken: dict[tuple[int, int], int] = {}
    for panel in board(name)["panels"]:
        pos = panel["gridPos"]
        for x in range(pos["x"], pos["x"] + pos["w"]):
            for y in range(pos["y"], pos["y"] + pos["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on panel {taken[x, y]}"
                taken[x, y] = panel["id"]
    height = 1 + max(y for _, y in taken)
    assert set(taken) == {(x, y) for x in range(WIDTH) for y in range(height)}
    ids = [panel["id"] for panel in board(name)["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_says_what_it_shows_in_which_unit_and_what_to_do(name: str) -> None:
    sources = {each["uid"]: each["type"] for each in datasources()}
    titles = [panel["title"] for panel in panels(name)]
    assert len(set(titles)) == len(titles)
    for panel in board(name)["panels"]:
        assert panel["type"] in PANEL_TYPES
    for panel in panels(name):
        assert panel["description"].endswith("."), panel["title"]
        assert sources[panel["datasource"]["uid"]] == panel["datasource"]["type"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"], panel["title"]
        link = panel["links"][0]["url"]
        assert re.fullmatch(rf"{RUNBOOKS}/[a-z-]+\.md", link), panel["title"]
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"] in KNOWN_UNITS, panel["title"]
        if panel["type"] in ("stat", "bargauge"):
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert steps[0]["value"] is None, panel["title"]
            limits = [step["value"] for step in steps[1:]]
            assert limits == sorted(limits), panel["title"]


def test_users_choose_season_team_lead_and_user() -> None:
    chosen = {name: {v["name"] for v in board(name)["templating"]["list"]} for name in DASHBOARDS}
    assert chosen["seasonal-ops"] == {"season", "team"}
    assert chosen["operations-excellence"] == {"team"}
    assert chosen["lead-protection"] == {"lead", "user"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_variable_is_used_and_every_one_used_is_there(name: str) -> None:
    own = {variable["name"] for variable in board(name)["templating"]["list"]}
    text = json.dumps({"panels": board(name)["panels"]})
    used = {found for found in re.findall(r"\$\{(\w+)", text) if not found.startswith("__")}
    assert used == own


# --- links ------------------------------------------------------------------------------------------------


def test_alerts_lead_to_dashboards_that_are_there() -> None:
    rules = yaml.safe_load((ROOT / "docker" / "prometheus" / "rules" / "alerts.yml").read_text("utf-8"))
    uids = {board(name)["uid"] for name in DASHBOARDS}
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["dashboard"].removeprefix("/d/") in uids, rule["alert"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_show_alerts_and_lead_to_each_other_and_to_runbooks(name: str) -> None:
    model = board(name)
    assert any(link["type"] == "dashboards" and link["tags"] == model["tags"] for link in model["links"])
    assert any(link.get("url", "").startswith(RUNBOOKS) for link in model["links"])
    shown = [each["expr"] for each in model["annotations"]["list"] if each.get("expr")]
    assert shown == ['ALERTS{alertstate="firing", alertname!="Watchdog"}']


# --- provisioning -----------------------------------------------------------------------------------------


def datasources() -> list[dict[str, Any]]:
    read = yaml.safe_load((PROVISIONING / "datasources" / "leadguard.yml").read_text("utf-8"))
    found: list[dict[str, Any]] = read["datasources"]
    return found


def test_grafana_finds_the_dashboards_and_its_password_stands_in_a_secret() -> None:
    read = yaml.safe_load((PROVISIONING / "dashboards" / "leadguard.yml").read_text("utf-8"))
    (provider,) = read["providers"]
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))
    grafana = compose["services"]["grafana"]
    mounts = dict(mount.split(":")[:2] for mount in grafana["volumes"])
    places = {target: source for source, target in mounts.items()}
    assert places[provider["options"]["path"]] == "./grafana/dashboards"
    assert places["/etc/grafana/provisioning"] == "./grafana/provisioning"
    assert places["/usr/share/grafana/public/runbooks"] == "../docs/runbooks"
    # Without it POST /api/dashboards/db is refused for what is provisioned.
    assert provider["allowUiUpdates"] is True
    postgres = next(each for each in datasources() if "postgres" in each["type"])
    assert postgres["secureJsonData"] == {"password": "$__file{/run/secrets/grafana_reader_password}"}
    assert "grafana_reader_password" in grafana["secrets"]
    prometheus = next(each for each in datasources() if each["type"] == "prometheus")
    assert prometheus["url"] == "http://prometheus:9090"
    assert {"prometheus", "grafana"} <= set(compose["services"])
