"""Addresses and passwords for PostgreSQL's own programs."""

from pathlib import Path

from services.operations.pgpass import pgpass_file, write_pgpass
from services.operations.secrets import ensure_secrets
from services.settings import Settings


def test_a_password_with_colons_is_read_back(own_var_dir: Path):
    url = "postgresql+psycopg2://a:p%3Aa%5Css@db:5433/ours?sslmode=require"
    settings = Settings(
        _env_file=ensure_secrets(own_var_dir / "other"), var_dir=own_var_dir / "other", database_url=url
    )
    assert write_pgpass(settings) == "postgresql://a@db:5433/ours?sslmode=require"
    assert pgpass_file(settings).read_text() == "db:5433:*:a:p\\:a\\\\ss\n"
    assert pgpass_file(settings).stat().st_mode & 0o777 == 0o600
