"""The environment of the service's processes: our settings spelt out, and Airflow's made from them.

The Procfile's processes and `airflow` by hand run with it alike. Starting them is `stack`'s.
"""

from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import make_url

from services.db.session import owner_url
from services.settings import ROOT, Settings

ADMINISTRATOR = "admin"
AIRFLOW_DATABASE = "airflow"


def environment(settings: Settings) -> dict[str, str]:
    """What a process of the service needs besides the system's own variables.

    Raises DatabaseUnavailable when DATABASE_URL is unset and the embedded server is not running.
    """
    return {
        **_own_settings(settings),
        **_airflow_core(settings),
        **_airflow_pace(),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_database_url(settings),
        "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",  # the stack has just migrated it
        **_required_of_the_database(settings),
        "PYTHONPATH": str(ROOT),  # `services` and `dags` import from the tree
        "PYTHONUNBUFFERED": "1",
    }


def airflow_database_url(settings: Settings) -> str:
    """Airflow's database: beside ours, on the same server."""
    url = make_url(owner_url(settings)).set(drivername="postgresql+psycopg2", database=AIRFLOW_DATABASE)
    if settings.database_url is None:
        # Airflow turns it into one for asyncpg too, which does not know this word of libpq's.
        url = url.difference_update_query(["require_auth"])
    return url.render_as_string(hide_password=False)


def _required_of_the_database(settings: Settings) -> dict[str, str]:
    """What the embedded server's URL asks of libpq, for connections that Airflow makes."""
    if settings.database_url is not None:
        return {}
    return {"PGREQUIREAUTH": str(make_url(owner_url(settings)).query["require_auth"])}


def airflow_home(settings: Settings) -> Path:
    return settings.var_dir.resolve() / "airflow"


def airflow_passwords_file(settings: Settings) -> Path:
    """Where Airflow reads its administrator's password; the stack writes it."""
    return airflow_home(settings) / "passwords.json"


def _own_settings(settings: Settings) -> dict[str, str]:
    """All but the secrets: the children read those as this process did."""
    plain = {
        name: getattr(settings, name)
        for name in Settings.model_fields
        if not isinstance(getattr(settings, name), SecretStr | None)
    }
    values = {name.upper(): str(value) for name, value in plain.items()}
    return {**values, "VAR_DIR": str(settings.var_dir.resolve())}


def _airflow_core(settings: Settings) -> dict[str, str]:
    jwt_secret = settings.airflow_jwt_secret.get_secret_value()
    return {
        "AIRFLOW_HOME": str(airflow_home(settings)),
        # The alias keeps the DAGs free of the choice: Celery's or Kubernetes' executor may stand here.
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor,gpu:airflow.providers.edge3.executors.EdgeExecutor",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": settings.airflow_fernet_key.get_secret_value(),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_endpoint}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMINISTRATOR}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_passwords_file(settings)),
        "AIRFLOW__API__BASE_URL": settings.airflow_endpoint,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__SECRET_KEY": jwt_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": jwt_secret,
        # Airflow gives its logs modes of its own, whatever the umask.
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "AIRFLOW__EDGE__API_ENABLED": "True",
        "AIRFLOW__EDGE__WORKER_CONCURRENCY": str(settings.trainings_side_by_side),
        "AIRFLOW__EDGE__API_URL": f"{settings.airflow_endpoint}/edge_worker/v1/rpcapi",
        # Worker and API share a folder of logs: what the worker pushed it would read again, and push again.
        "AIRFLOW__EDGE__PUSH_LOGS": "False",
        # Read by DAG files: they may read Airflow's configuration, not the environment.
        "AIRFLOW__PERSONA_LOOP__NIGHTLY_CRON": settings.nightly_cron,
        "AIRFLOW__PERSONA_LOOP__NIGHTLY_TIMEZONE": settings.nightly_timezone,
        "AIRFLOW__PERSONA_LOOP__CANARY_CRON": settings.canary_cron,
    }


def _airflow_pace() -> dict[str, str]:
    """Sized for one small machine: few processes, short waits, little said."""
    return {
        "AIRFLOW__CORE__PARALLELISM": "4",  # LocalExecutor forks this many workers at once, 32 by default
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "20",  # seconds, 300 by default
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "AIRFLOW__EDGE__JOB_POLL_INTERVAL": "1",
        # A worker that crashed may come back under its name after five of these.
        "AIRFLOW__EDGE__HEARTBEAT_INTERVAL": "2",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "http.access=WARNING",  # the worker asks every second
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        # A worker that finds no API, as at every start, asks again soon, and gives up after a minute.
        "AIRFLOW__EDGE__API_RETRIES": "40",
        "AIRFLOW__EDGE__API_RETRY_WAIT_MAX": "2",
    }
