"""docker-compose.yml, held against Procfile, settings, Airflow's options, the tree and the specification.

It cannot be run in these tests; everything a reader could check by eye is checked here.
"""

import json
import re
import shlex
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml
from honcho.environ import parse_procfile
from pydantic import SecretStr

from services.operations.environment import environment
from services.settings import ROOT, Settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROCFILE: dict[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
SECRETS = {name.upper() for name, field in Settings.model_fields.items() if field.annotation is SecretStr}
# What the image made by others documents about itself.
IMAGE_VARIABLES = {"postgres": {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")


def command_line(service: dict[str, Any]) -> str:
    """The command as the Procfile writes it: a shell's wrapping and compose's doubled dollars taken off."""
    command = service["command"]
    if command[:2] == ["sh", "-c"]:
        return command[2].removeprefix("exec ").replace("$$", "$")
    return shlex.join(command)


def airflow_variables() -> set[str]:
    """Every option of Airflow and of its edge provider, read from files: importing Airflow makes some."""
    airflow = find_spec("airflow")
    assert airflow is not None
    assert airflow.submodule_search_locations is not None
    root = Path(airflow.submodule_search_locations[0])
    sections = yaml.safe_load((root / "config_templates" / "config.yml").read_text())
    provider = run_path(str(root / "providers" / "edge3" / "get_provider_info.py"))
    sections |= provider["get_provider_info"]()["config"]
    known = {
        f"AIRFLOW__{section}__{option}".upper()
        for section, described in sections.items()
        for option in described["options"]
    }
    return known | {
        "AIRFLOW_HOME",
        "AIRFLOW__PERSONA_LOOP__NIGHTLY_CRON",
        "AIRFLOW__PERSONA_LOOP__NIGHTLY_TIMEZONE",
        "AIRFLOW__PERSONA_LOOP__CANARY_CRON",
    }


def test_the_file_keeps_to_the_compose_specification():
    schema_file = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(schema_file.read_text()))


def test_every_process_of_the_procfile_has_a_service():
    assert set(PROCFILE) <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_is_a_line_of_the_procfile_or_a_documented_replacement(name: str):
    if name in COMPOSE["x-replacements"]:
        return
    assert command_line(SERVICES[name]) == PROCFILE[name]


def test_every_replacement_is_of_a_service():
    assert set(COMPOSE["x-replacements"]) <= set(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_every_variable_is_a_setting_or_an_option_of_airflow(name: str):
    known = {field.upper() for field in Settings.model_fields} | IMAGE_VARIABLES.get(name, set())
    ours = set(SERVICES[name].get("environment", {}))
    assert ours - known - airflow_variables() == set()


def test_airflow_runs_here_with_no_option_that_compose_forgets():
    """Pace is this machine's; what decides how Airflow works must be said in both places."""
    settings = Settings(
        _env_file=None,
        database_url="postgresql://u:p@h/d",
        **{name.lower(): "c2VjcmV0" for name in SECRETS},
    )
    here = {name for name in environment(settings) if name.startswith("AIRFLOW__")}
    there = set(SERVICES["airflow-scheduler"]["environment"])
    pace = {
        "AIRFLOW__API__HOST",
        "AIRFLOW__API__WORKERS",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY",
        "AIRFLOW__CORE__PARALLELISM",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES",
        "AIRFLOW__DATABASE__CHECK_MIGRATIONS",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS",
        "AIRFLOW__EDGE__API_RETRIES",
        "AIRFLOW__EDGE__API_RETRY_WAIT_MAX",
        "AIRFLOW__EDGE__HEARTBEAT_INTERVAL",
        "AIRFLOW__EDGE__JOB_POLL_INTERVAL",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME",
    }
    assert here - pace - there == set()


def test_no_secret_has_a_default():
    text = (ROOT / "docker-compose.yml").read_text()
    used = {match["name"]: match["rest"] for match in VARIABLE.finditer(text)}
    assert set(used) >= SECRETS
    assert [name for name, rest in used.items() if name in SECRETS and not rest.startswith(":?")] == []


def test_every_variable_that_compose_reads_is_in_the_example_file():
    text = (ROOT / "docker-compose.yml").read_text()
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert {match["name"] for match in VARIABLE.finditer(text)} == set(example)
    assert [name for name in SECRETS if example[name]] == []


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_every_path_that_an_image_copies_is_in_the_tree(dockerfile: Path):
    copied = [
        source
        for line in dockerfile.read_text().splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]
    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_every_image_that_is_built_has_its_file_and_every_file_its_image():
    built = {service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service}
    assert built == {str(path.relative_to(ROOT)) for path in DOCKERFILES}


def test_everything_but_the_database_runs_from_an_image_of_this_tree():
    assert [name for name, service in SERVICES.items() if "build" not in service] == ["postgres"]


def test_the_inference_server_is_reached_by_the_services_and_by_nobody_else():
    inference = SERVICES["inference"]
    url = urlsplit(inference["environment"]["INFERENCE_URL"])
    assert (url.hostname, url.port) == ("inference", Settings.model_fields["inference_port"].default)
    assert inference["environment"]["INFERENCE_HOST"] == "0.0.0.0"  # noqa: S104
    assert {name for name, service in SERVICES.items() if "ports" in service} == {
        "feedback",
        "airflow-api-server",
    }
    assert [name for name, service in SERVICES.items() if "network_mode" in service] == []


def test_no_other_service_and_no_default_listens_for_inference_everywhere():
    assert Settings.model_fields["inference_host"].default == "127.0.0.1"
    told = [name for name, one in SERVICES.items() if "INFERENCE_HOST" in one.get("environment", {})]
    assert told == ["inference"]


@pytest.mark.parametrize(
    ("name", "source"),
    [("inference", "services/serving/inference_server.py"), ("feedback", "feedback_app/health.py")],
)
def test_a_health_check_asks_a_route_that_wants_no_token(name: str, source: str):
    [address] = re.findall(r"http://[^']+", SERVICES[name]["healthcheck"]["test"][-1])
    asked = urlsplit(address)
    assert f'.get("{asked.path}")' in (ROOT / source).read_text()
    port = {"inference": "inference_port", "feedback": "feedback_port"}[name]
    assert asked.port == Settings.model_fields[port].default


def test_every_mounted_volume_is_named():
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"])


def test_what_loads_a_model_keeps_what_it_downloads():
    runs_models = [name for name, one in SERVICES.items() if one.get("image") == "persona-loop-airflow"]
    assert {"inference", "worker-gpu", "airflow-scheduler"} <= set(runs_models)
    for name in runs_models:
        assert "models:/root/.cache/huggingface" in SERVICES[name]["volumes"]


def test_the_pid_file_of_the_worker_goes_with_its_container():
    """In a container every start has the same pid, and the worker refuses to start beside its own."""
    assert SERVICES["worker-gpu"]["environment"]["AIRFLOW_HOME"] in SERVICES["worker-gpu"]["tmpfs"]
