"""What docker/ ships works without an engine: files parsed and checked, scripts run natively."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psycopg
import pytest
import yaml
from psycopg.conninfo import make_conninfo

from jobs import __version__
from jobs.cli import cli
from jobs.cluster import Cluster
from tests import forked
from tests.brokers import free_port
from tests.daemon import PATIENCE, Daemon, eventually
from tests.tools import compose_command, debian_packages

ROOT = Path(__file__).resolve().parent.parent
DOCKER = ROOT / "docker"
UNITS = sorted((DOCKER / "systemd").iterdir())
PROGRAM = "/opt/leadguard/bin/leadguard"

Compose = dict[str, Any]


@pytest.fixture(scope="module")
def compose() -> Compose:
    with (DOCKER / "compose.yaml").open() as file:
        parsed: Compose = yaml.safe_load(file)
    return parsed


def leadguard_arguments(arguments: list[str]) -> None:
    """Fails unless the command line takes these arguments; nothing is run."""
    name, *rest = arguments
    with click.Context(cli, info_name="leadguard") as context:
        command = cli.get_command(context, name)
        assert command, f"leadguard has no command {name}"
        command.make_context(name, rest, parent=context)


# --- compose ----------------------------------------------------------------------------------------------


def test_compose_accepts_the_file() -> None:
    command = compose_command()
    assert command, "docker compose is missing (Debian, Ubuntu: apt-get install docker-compose)"
    arguments = ["-f", str(DOCKER / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_service_is_pinned_hardened_and_built_from_what_is_there(compose: Compose) -> None:
    ours = {"postgres", "migrate", "workers", "exporter", "test"}
    watching = {"prometheus", "alertmanager", "grafana"}
    brokers = {"nats", "rabbitmq"}
    assert set(compose["services"]) == ours | watching | brokers
    for name, service in compose["services"].items():
        image, _, tag = service["image"].partition(":")
        assert re.match(r"v?\d+\.\d+", tag), f"{name}: {image} is not pinned to a release"
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("profiles") == ([name] if name in brokers | {"test"} else None)
        if name in watching | brokers:
            assert service["read_only"] is True, name
            assert service["user"] not in ("root", "0", "0:0"), name
            assert service["healthcheck"]["test"][0] == "CMD", name
            # Whoever is on the machine may look; whoever is on the network has to come by a proxy.
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
            continue
        build = service["build"]
        dockerfile = (DOCKER / build["context"] / build["dockerfile"]).read_text("utf-8")
        if "target" in build:
            assert re.search(rf"^FROM .* AS {build['target']}$", dockerfile, re.MULTILINE), name
        if name != "test":
            assert service["read_only"] is True, name
            assert service["user"] not in ("root", "0", "0:0"), name
    for name in ("migrate", "workers", "exporter"):
        assert compose["services"][name]["image"] == f"leadguard:{__version__}"


def test_what_is_mounted_is_there_and_writes_go_to_volumes_only(compose: Compose) -> None:
    for name, service in compose["services"].items():
        for mount in service.get("volumes", []):
            source, _, rest = mount.partition(":")
            if source.startswith("."):
                assert (DOCKER / source).is_dir(), f"{name}: {source}"
                assert rest.endswith(":ro"), f"{name}: {mount}"
            else:
                assert source in compose["volumes"], f"{name}: {source}"


def test_prometheus_alertmanager_and_grafana_find_each_other_by_the_services_names(compose: Compose) -> None:
    config = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    targets = [each["static_configs"][0]["targets"] for each in config["scrape_configs"]]
    targets += [each["static_configs"][0]["targets"] for each in config["alerting"]["alertmanagers"]]
    hosts = {target.partition(":")[0] for each in targets for target in each} - {"localhost"}
    assert hosts == {"exporter", "alertmanager"}
    listens = compose["services"]["exporter"]["environment"]["LEADGUARD_EXPORTER_LISTEN"]
    assert f"exporter:{listens.rpartition(':')[2]}" in targets[0]


def test_check_asks_exporter_prometheus_and_grafana_where_they_answer(compose: Compose) -> None:
    services = compose["services"]
    told = services["migrate"]["environment"]
    exporter = services["exporter"]["environment"]["LEADGUARD_EXPORTER_LISTEN"].rpartition(":")[2]
    ports = {name: services[name]["ports"][0].rpartition(":")[2] for name in ("prometheus", "grafana")}
    for name, port in {"exporter": exporter, **ports}.items():
        at = urlsplit(told[f"LEADGUARD_{name.upper()}_URL"])
        assert (at.hostname, str(at.port), at.path) == (name, port, "")
    # Whose password it is.
    assert urlsplit(told["LEADGUARD_GRAFANA_URL"]).username == "admin"
    grafana = services["grafana"]["environment"]
    assert told["LEADGUARD_GRAFANA_TOKEN_FILE"] == grafana["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    options = {option.envvar for option in _command("check").params}
    assert {name for name in told if name.endswith("_URL")} <= options


def test_prometheus_is_given_links_to_the_runbooks_where_somebody_says_where_they_are(
    compose: Compose, tmp_path: Path
) -> None:
    service = compose["services"]["prometheus"]
    source = DOCKER / "prometheus"
    assert service["entrypoint"] == ["/bin/sh", "/etc/prometheus/start"]
    assert "./prometheus:/etc/prometheus:ro" in service["volumes"]
    assert service["environment"] == {"LEADGUARD_RUNBOOKS_URL": "${LEADGUARD_RUNBOOKS_URL:-}"}
    made = tmp_path / "made"

    def started(address: str) -> subprocess.CompletedProcess[str]:
        own = {
            "PATH": os.environ["PATH"],
            "PROMETHEUS_SOURCE": str(source),
            "PROMETHEUS_TARGET": str(made),
            "PROMETHEUS_PROGRAM": "echo",
            "LEADGUARD_RUNBOOKS_URL": address,
        }
        return run(own, "/bin/sh", str(source / "start"), *service["command"])

    arguments = " ".join(service["command"])
    assert started("").stdout == f"--config.file={source}/prometheus.yml {arguments}\n"
    assert not made.exists()
    for address in ("https://wiki.example/r", "http://h/a&b|c", "http://h/a&b|c/"):
        assert started(address).stdout == f"--config.file={made}/prometheus.yml {arguments}\n"
        links = f"runbook_url: {address.removesuffix('/')}/"
        for path in (source / "prometheus.yml", *(source / "rules").glob("*.yml")):
            text = path.read_text("utf-8").replace("runbook_url: docs/runbooks/", links)
            assert (made / path.relative_to(source)).read_text("utf-8") == text
        assert links in (made / "rules" / "alerts.yml").read_text("utf-8")
    for wrong in ("wiki.example", "https://", "https://h/{{ $value }}", "https://h/\\n", "https://h/'"):
        done = started(wrong)
        assert (done.returncode, done.stdout) == (2, ""), wrong
        assert "LEADGUARD_RUNBOOKS_URL" in done.stderr


def test_images_are_pinned_to_a_release_and_run_as_nobody_special() -> None:
    for path in (DOCKER / "Dockerfile", DOCKER / "postgres.Dockerfile"):
        text = path.read_text("utf-8")
        pins = re.findall(r"^(?:FROM|ARG PYTHON=) ?((?:python|postgres)\S*)", text, re.MULTILINE)
        assert pins, path.name
        for pin in pins:
            assert re.fullmatch(r"(python:3\.\d+\.\d+|postgres:\d+\.\d+)(-\w+)+", pin), pin
        for stage in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
            if not stage.startswith("${PYTHON} AS packages"):
                assert re.search(r"^USER (?!root|0)", stage, re.MULTILINE), stage


def test_no_secret_stands_in_the_file_and_every_secret_has_a_maker(compose: Compose, tmp_path: Path) -> None:
    shutil.copy(DOCKER / "make-secrets", tmp_path)
    for _ in range(2):
        subprocess.run([tmp_path / "make-secrets"], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    # What only this house knows is random; what others give out has a stand-in that leads nowhere.
    others = {name: made[name] for name in made if name.endswith("_url") or "smtp" in name}
    assert all(re.fullmatch(r"none|https://\w+\.alerts\.invalid/", secret) for secret in others.values())
    own = {name: secret for name, secret in made.items() if name not in others}
    assert len(set(own.values())) == len(own) == 7
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in own.values())
    assert {f"./secrets/{name}" for name in made} == {each["file"] for each in compose["secrets"].values()}
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if "PASSWORD" in variable or "TOKEN" in variable:
                assert variable.endswith("_FILE"), f"{name}: {variable}"
                assert value.removeprefix("/run/secrets/") in service["secrets"], f"{name}: {variable}"
    # Made once: what the database was created with is not overwritten.
    before = dict(made)
    subprocess.run([tmp_path / "make-secrets"], check=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == before
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert "/docker/secrets/" in ignored


def test_what_the_containers_run_is_what_leadguard_takes(compose: Compose) -> None:
    for name in ("migrate", "workers", "exporter"):
        leadguard_arguments(compose["services"][name]["command"])
    grace = next(option for option in _command("run").params if option.name == "grace").default
    assert isinstance(grace, float | int)
    assert int(compose["services"]["workers"]["stop_grace_period"].removesuffix("s")) > grace + 5


def _command(name: str) -> click.Command:
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
    assert command
    return command


def test_the_test_image_has_every_package_that_the_tests_ask_for() -> None:
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    installed = set(re.search(r"no-install-recommends \\\n(.*?)&& rm", text, re.DOTALL)[1].split())  # type: ignore[index]
    asked = {package.replace("MAJOR", "15") for package in debian_packages()}
    assert asked <= installed, f"docker/Dockerfile does not install {sorted(asked - installed)}"


# --- the program's image ----------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> dict[str, str]:
    """The files that the Dockerfile copies, where it copies them, below a directory; its environment."""
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    stage = next(part for part in text.split("\nFROM ") if part.startswith("${PYTHON} AS leadguard"))
    root = tmp_path / "image"
    for line in re.findall(r"^COPY (?!--)(.*)$", stage, re.MULTILINE):
        *sources, target = line.split()
        for source in sources:
            path = root / target.lstrip("/") / (Path(source).name if target.endswith("/") else "")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, path, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, path)
    python = root / "python"
    python.mkdir()
    (python / "python").symlink_to(sys.executable)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LEADGUARD_"))}
    # A symbolic link would lead Python out of the virtual environment: the packages are found by path.
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    return {
        **kept,
        "PATH": f"{root / 'usr/local/bin'}:{python}:{os.environ['PATH']}",
        "PYTHONPATH": f"{root / 'app'}:{packages}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)


# In one interpreter: each would import the same for a third of a second.
EVERY_HELP = """
from jobs.cli import COMMANDS, cli

for name in COMMANDS:
    cli.main([name, "--help"], prog_name="leadguard", standalone_mode=False)
"""


def test_the_files_in_the_image_are_all_that_the_program_needs(image: dict[str, str]) -> None:
    done = run(image, "leadguard", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    done = run(image, "python", "-c", EVERY_HELP)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage: leadguard") == len(cli.list_commands(click.Context(cli)))
    assert all(re.search("Exit codes:|Commands:", text) for text in done.stdout.split("Usage: ")[1:])


def test_a_password_file_that_is_missing_is_told(image: dict[str, str]) -> None:
    done = run({**image, "PGPASSWORD_FILE": "/nonexistent"}, "leadguard", "status")
    assert (done.returncode, done.stdout) == (2, "")
    assert "/nonexistent" in done.stderr


def test_the_stack_works_with_its_own_scripts_roles_and_passwords(
    image: dict[str, str], tmp_path: Path, compose: Compose
) -> None:
    """What `docker compose up` would do: roles, migrate as the owner, `leadguard run` as the worker."""
    shutil.copy(DOCKER / "make-secrets", tmp_path)
    subprocess.run([tmp_path / "make-secrets"], check=True, capture_output=True)
    secrets = tmp_path / "secrets"

    def service(name: str) -> dict[str, str]:
        told = compose["services"][name]["environment"]
        own = {
            # As compose fills them in where nothing is set.
            variable: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)).replace("/run/secrets/", f"{secrets}/")
            for variable, value in told.items()
        }
        return {**image, **own, "PGHOST": str(cluster.socket_dir)}

    with Cluster(in_memory=True) as cluster:
        image["PATH"] += f":{cluster.psql.parent}"
        server = {**service("postgres"), "POSTGRES_USER": "postgres"}
        done = run(server, str(DOCKER / "create-roles"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        _create_roles_again(server, cluster)
        # From here on passwords are asked for, as in the container.
        rules = "local all postgres trust\nlocal all all scram-sha-256\n"
        (cluster.data / "pg_hba.conf").write_text(rules)
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute("select pg_reload_conf()")

        done = run(service("migrate"), "leadguard", *compose["services"]["migrate"]["command"])
        assert done.returncode == 0, done.stderr
        wrong = tmp_path / "wrong"
        wrong.write_text("wrong")
        done = run({**service("migrate"), "PGPASSWORD_FILE": str(wrong)}, "leadguard", "migrate")
        assert done.returncode == 3
        assert "password authentication failed" in done.stderr

        owner = make_conninfo(cluster.database_url("leadguard"), user="postgres")
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute(
                "insert into public.leads (user_id, company_name, created_at)"
                " values (7, 'Kantine', now() - interval '65 days')"
            )
        # The line that compose.yaml tells people to type.
        head = (DOCKER / "compose.yaml").read_text("utf-8").partition("services:")[0]
        line = re.search(r"compose.yaml run --rm (migrate) (\S+)", head)
        assert line is not None
        asked = run(service(line[1]), "leadguard", line[2])
        assert asked.returncode == 0, asked.stderr
        assert "REMINDER_DUE" in asked.stdout
        target = tmp_path / "events.jsonl"
        settings = {**service("workers"), "LEADGUARD_SINK": f"file:{target}"}
        del settings["LEADGUARD_HEALTH"]
        with Daemon("", variables=settings, start=partial(forked.start, program=["leadguard"])) as daemon:
            eventually(daemon.is_ready, "it is ready")
            eventually(lambda: target.exists() and target.read_text().count("\n") == 2, "events come out")
            port = daemon.said("run", "health on")[0]["health_port"]
            healthy = run({**settings, "LEADGUARD_HEALTH": f"0.0.0.0:{port}"}, "healthcheck")
            assert healthy.returncode == 0, healthy.stderr
            assert json.loads(healthy.stdout)["status"] == "ok"
            assert daemon.stop() == 0
        _watch(service, cluster, secrets)
        gone = run({**settings, "LEADGUARD_HEALTH": f"0.0.0.0:{port}"}, "healthcheck")
        assert gone.returncode == 1
        assert "nobody answers" in gone.stderr


def _create_roles_again(server: dict[str, str], cluster: Cluster) -> None:
    """On a server in use: a login that an older release did not make comes, an altered one is set right."""
    wanted = _logins(cluster)
    with psycopg.connect(cluster.url, autocommit=True) as connection:
        connection.execute("drop role leadguard_exporter, lead_exporter")
        connection.execute("alter role leadguard_grafana reset all")
        connection.execute("alter role leadguard_worker nologin password 'forgotten'")
    for _ in range(2):
        done = run(server, str(DOCKER / "create-roles"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert _logins(cluster) == wanted
    done = run({**server, "WORKER_PASSWORD_FILE": "/nowhere"}, str(DOCKER / "create-roles"))
    assert (done.returncode, "/nowhere" in done.stderr) == (1, True), "nobody is locked out by a lost file"


def _logins(cluster: Cluster) -> list[Any]:
    with psycopg.connect(cluster.url) as connection:
        return connection.execute(
            "select r.rolname, r.rolcanlogin, r.rolcreaterole, r.rolconnlimit, r.rolconfig,"
            " array(select m.roleid::regrole::text from pg_auth_members as m where m.member = r.oid"
            " order by 1) from pg_roles as r where r.rolname ~ '^(lead|grafana)' order by 1"
        ).fetchall()


def _watch(service: Callable[[str], dict[str, str]], cluster: Cluster, secrets: Path) -> None:
    """The exporter serves with its own login and password; Grafana's login reads views and nothing else."""
    port = free_port()
    settings = {**service("exporter"), "LEADGUARD_EXPORTER_LISTEN": f"127.0.0.1:{port}"}
    process = subprocess.Popen(["leadguard", "exporter"], env=settings, cwd="/", stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: run(settings, "healthcheck").returncode == 0, "the exporter's health is well")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            served = answer.read().decode()
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert "leadguard_up 1.0" in served
    assert 'lead_protection_state{state="REMINDER_DUE"}' in served
    assert "leadguard_metric_view_broken{" not in served
    assert run(settings, "healthcheck").returncode == 1

    reader = make_conninfo(
        cluster.database_url("leadguard"),
        user="leadguard_grafana",
        password=(secrets / "grafana_reader_password").read_text(),
    )
    with psycopg.connect(reader, autocommit=True) as connection:
        row = connection.execute("select count(*) from public.v_user_lead_protection").fetchone()
        assert row == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select count(*) from public.leads")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table public.mine (id int)")


# --- systemd and cron -------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    program = tmp_path / "leadguard"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for unit in UNITS:
        text = unit.read_text("utf-8")
        (tmp_path / unit.name).write_text(text.replace(PROGRAM, str(program)))
    names = [str(tmp_path / unit.name.replace("@", "@remind")) for unit in UNITS]
    for unit, name in zip(UNITS, names, strict=True):
        if "@" in unit.name:
            (tmp_path / unit.name.replace("@", "@remind")).symlink_to(tmp_path / unit.name)
        command = ["systemd-analyze", "verify", "--man=no", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        # It also looks at whatever units this machine has: only what it says of ours counts.
        ours = [line for line in done.stderr.splitlines() if "leadguard" in line]
        assert ours == [], unit.name


def test_the_units_start_what_leadguard_takes() -> None:
    started = {
        unit.name: re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE) for unit in UNITS
    }
    assert {name: len(lines) for name, lines in started.items()} == {
        "leadguard.service": 1,
        "leadguard-exporter.service": 1,
        "leadguard-pass@.service": 1,
        "leadguard-pass@.timer": 0,
    }
    for line in (line for lines in started.values() for line in lines):
        program, *arguments = shlex.split(line)
        assert program == PROGRAM
        for one in ("remind", "publish", "expire") if "%i" in arguments else ("",):
            leadguard_arguments([one if argument == "%i" else argument for argument in arguments])


def test_the_units_give_libpq_a_passfile_that_it_takes(tmp_path: Path) -> None:
    """A credential is shown with the mode 440 by newer releases of systemd, which libpq passes over."""
    for unit in (unit for unit in UNITS if unit.suffix == ".service"):
        credentials, runtime = tmp_path / unit.stem / "credentials", tmp_path / unit.stem / "run"
        text = unit.read_text("utf-8")
        text = text.replace("%i", "remind").replace("%d", str(credentials)).replace("%t", str(runtime))
        said = dict(re.findall(r"^(ExecStartPre|RuntimeDirectory|Environment=PGPASSFILE)=(.*)$", text, re.M))
        credentials.mkdir(parents=True)
        (credentials / "pgpass").write_text("*:*:*:*:geheim\n")
        (credentials / "pgpass").chmod(0o440)
        (runtime / said["RuntimeDirectory"]).mkdir(parents=True)
        subprocess.run(shlex.split(said["ExecStartPre"]), check=True)
        passfile = Path(said["Environment=PGPASSFILE"])
        assert passfile.read_text() == "*:*:*:*:geheim\n"
        assert passfile.stat().st_mode & 0o777 == 0o600


def test_cron_starts_what_leadguard_takes() -> None:
    lines = (DOCKER / "crontab.example").read_text("utf-8").splitlines()
    schedule = r"((?:[\d*/,-]+\s+){5})(.*)"
    entries = [found[2] for line in lines if (found := re.fullmatch(schedule, line))]
    others = [
        line for line in lines if line and not line.startswith("#") and not re.fullmatch(schedule, line)
    ]
    assert all(re.fullmatch(r"[A-Z_]+=\S+", line) for line in others)
    for entry in entries:
        first, *_ = entry.split("|")
        words = shlex.split(first.replace("2>&1", ""))
        assert words[0] == "leadguard"
        leadguard_arguments(words[1:])
    assert [entry.split()[1] for entry in entries] == [
        "remind",
        "expire",
        "publish",
        "breaches",
        "refresh",
        "maintain",
    ]
