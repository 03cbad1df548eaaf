"""The processes' environment: read back it gives the same settings, and Airflow's follow from ours."""

from pathlib import Path

import pytest

from services.db.session import owner_url
from services.errors.outages import DatabaseUnavailable
from services.operations.environment import environment
from services.operations.secrets import ensure_secrets
from services.settings import Settings, read_settings


def installation(var_dir: Path, **changes: object) -> Settings:
    return Settings(_env_file=ensure_secrets(var_dir), var_dir=var_dir, **changes)


def test_a_child_reads_the_settings_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = installation(
        tmp_path, database_url="postgresql://a:b@db/own", airflow_port=18080, nightly_cron="5 4 * * *"
    )
    for name, value in environment(own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b@db/own")  # a secret: it comes from the caller
    assert read_settings() == own


@pytest.mark.parametrize(
    ("asked", "base", "cores", "at_once"),
    [(0, None, 2, "2"), (0, None, 1, "1"), (0, "microsoft/phi-2", 8, "1"), (3, None, 2, "3")],
)
def test_the_worker_trains_as_many_at_once_as_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, base: str | None, cores: int, at_once: str
):
    """By default two on the small base, whose trainings gain by it, and one on any other."""
    monkeypatch.setattr("services.settings.usable_cores", lambda: cores)
    own = installation(
        tmp_path,
        database_url="postgresql://a:b@db/own",
        trainings_at_once=asked,
        **({} if base is None else {"base_model": base}),
    )
    assert environment(own)["AIRFLOW__EDGE__WORKER_CONCURRENCY"] == at_once


def test_airflows_database_lies_beside_ours(tmp_path: Path):
    own = installation(tmp_path, database_url="postgresql://a:p%40ss@db:5433/ours?sslmode=require")
    url = environment(own)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url == "postgresql+psycopg2://a:p%40ss@db:5433/airflow?sslmode=require"


def test_every_address_of_airflow_follows_its_port(tmp_path: Path):
    given = environment(installation(tmp_path, database_url="postgresql://a@db/x", airflow_port=18080))
    assert given["AIRFLOW__API__PORT"] == "18080"
    for name in ("API__BASE_URL", "CORE__EXECUTION_API_SERVER_URL", "EDGE__API_URL"):
        assert given[f"AIRFLOW__{name}"].startswith("http://127.0.0.1:18080")


def test_there_is_no_environment_without_a_database(tmp_path: Path):
    with pytest.raises(DatabaseUnavailable):
        environment(installation(tmp_path))


def test_logs_of_tasks_are_closed_to_other_accounts(tmp_path: Path):
    """Airflow sets their modes itself, whatever the umask."""
    given = environment(installation(tmp_path, database_url="postgresql://a@db/x"))
    assert given["AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS"] == "0o700"
    assert given["AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS"] == "0o600"


def test_a_log_that_worker_and_api_share_is_not_pushed_to_itself(tmp_path: Path):
    given = environment(installation(tmp_path, database_url="postgresql://a@db/x"))
    assert given["AIRFLOW__EDGE__PUSH_LOGS"] == "False"


def test_a_copy_with_another_folder_has_its_own_addresses(tmp_path: Path):
    own = installation(tmp_path)
    assert own.store_url == f"file://{tmp_path / 'adapters'}"
    assert (
        own.model_copy(update={"var_dir": tmp_path / "b"}).store_url
        == f"file://{tmp_path / 'b' / 'adapters'}"
    )


def test_the_tables_owner_is_asked_for_where_the_service_is(tmp_path: Path):
    owner = "postgresql://owner@db/own"
    both = installation(tmp_path, database_url="postgresql://a@db/own", database_owner_url=owner)
    assert owner_url(both) == owner
    assert owner_url(installation(tmp_path, database_url="postgresql://a@db/own")) == "postgresql://a@db/own"
    with pytest.raises(DatabaseUnavailable):  # the embedded server's, which does not run
        owner_url(installation(tmp_path, database_owner_url=owner))
