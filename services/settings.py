"""Settings, read once from the environment at an edge (CLI, DAG task, web app, inference server).

Secrets are generated on first start into `var/secrets.env` (see `services.operations.secrets`) and read from
there when the environment does not set them. Nothing else reads environment variables.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.cores import usable_cores
from services.domain.training import DEFAULT_QUANTISATION, Quantisation
from services.errors.outages import SettingsMissing

ROOT = Path(__file__).resolve().parent.parent
SECRETS_FILE = "secrets.env"


class Settings(BaseSettings):
    """Every variable of persona-loop, by the name it has in the environment (upper case)."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    var_dir: Path = ROOT / "var"
    database_url: SecretStr | None = None  # unset: the embedded PostgreSQL under var_dir
    database_owner_url: SecretStr | None = None  # unset: DATABASE_URL owns the tables as well
    adapter_store: str = ""  # unset: file://{var_dir}/adapters

    base_model: str = str(ROOT / "base_model")  # hub name or folder
    base_revision: str = "main"
    base_quantisation: Quantisation = DEFAULT_QUANTISATION
    other_base_models: str = ""  # hub names or folders, separated by spaces: the stack serves them too
    recipe: str = ""  # unset: "embedded" for the embedded base, "default" for any other

    feedback_host: str = "127.0.0.1"
    feedback_port: int = 8000
    feedback_workers: int = 2  # processes of the web app
    feedback_threads: int = 16  # of each
    inference_host: str = "127.0.0.1"
    inference_port: int = 8001
    inference_url: str = ""  # unset: this machine's inference_host and inference_port
    other_inference_urls: str = ""  # of servers elsewhere that hold other bases, separated by spaces
    inference_queue_limit: int = 256
    inference_batch_size: int = 32
    # An OpenAI-compatible endpoint that answers a persona's items beside its versions; unset: none does.
    evaluation_endpoint_url: str = ""  # with its /v1
    evaluation_endpoint_model: str = ""
    evaluation_endpoint_key: SecretStr | None = None
    # An OpenAI-compatible endpoint that compares candidate and champion answer by answer; unset: none does.
    judge_url: str = ""  # with its /v1
    judge_model: str = ""
    judge_key: SecretStr | None = None
    evaluation_embedding_model: str = ""  # a sentence encoder, hub name or folder; unset: not measured

    # Written as "60/minute" or "500/day". What comes from this machine has no limit by address.
    asks_per_rater: str = "60/minute"
    asks_per_address: str = "180/minute"
    asks_per_persona: str = "3000/minute"
    feedback_per_rater: str = "120/minute"
    feedback_per_address: str = "600/minute"
    calls_per_client: str = "6000/minute"
    wrong_passwords_per_address: str = "10/minute"
    wrong_passwords_per_name: str = "30/hour"
    rate_limits_url: SecretStr | None = None  # of a Redis that counts; unset: the database does
    proxies: int = 0  # how many of them pass requests on to the app and write X-Forwarded-For, -Proto, -Host

    airflow_port: int = 8080
    airflow_url: str = ""  # unset: this machine's airflow_port

    trainings_at_once: int = 0  # unset: 2 for the embedded base on more than one core, 1 for any other

    metrics_token: SecretStr | None = None  # who reads /metrics sends it; unset or empty: nobody does
    log_format: Literal["text", "json"] = "text"  # of the app and the inference server

    # Whom to alert, and when. Mail goes by STARTTLS; with neither of the two alerts are only kept.
    alert_webhook_url: SecretStr | None = None
    alert_mail_to: str = ""  # addresses, separated by commas
    alert_mail_from: str = ""  # unset: the first of them
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    alert_promotion_days: int = Field(default=14, ge=1)  # without a promotion
    alert_failing_nights: int = Field(default=3, ge=1)
    alert_rating_days: int = Field(default=3, ge=1)  # without a rating
    alert_free_percent: float = 10.0  # of the store's disk, less is nearly full

    nightly_cron: str = "0 2 * * *"
    nightly_timezone: str = "UTC"
    canary_cron: str = "*/5 * * * *"  # how often open canaries are looked at
    retention_versions: int = Field(default=3, ge=1)  # of a persona's versions that nothing else keeps
    retention_days: int = Field(default=30, ge=1)

    secret_key: SecretStr  # signs rater cookies
    inference_token: SecretStr
    airflow_password: SecretStr
    airflow_jwt_secret: SecretStr
    airflow_fernet_key: SecretStr
    database_password: SecretStr  # of the embedded server's owner
    database_service_password: SecretStr  # of the role that everything but migrations signs in as

    @property
    def store_url(self) -> str:
        return self.adapter_store or f"file://{self.var_dir.resolve() / 'adapters'}"

    @property
    def base_cache(self) -> Path:
        """Where bases in 4 bits are kept, for trainer and server alike."""
        return self.var_dir.resolve() / "cache" / "bases"

    @property
    def adapter_cache(self) -> Path:
        """Where the inference server keeps the files of adapters it has loaded."""
        return self.var_dir.resolve() / "cache" / "adapters"

    @property
    def runs_dir(self) -> Path:
        """The work folders of training runs."""
        return self.var_dir.resolve() / "runs"

    @property
    def inference_endpoint(self) -> str:
        return self.inference_url or f"http://{seen_from_here(self.inference_host)}:{self.inference_port}"

    @property
    def other_servers(self) -> dict[int, str]:
        """The bases of OTHER_BASE_MODELS by the ports, after INFERENCE_PORT, of this machine's servers."""
        return dict(enumerate(self.other_base_models.split(), self.inference_port + 1))

    @property
    def inference_endpoints(self) -> tuple[str, ...]:
        """Of every inference server, the one that holds BASE_MODEL first."""
        host = seen_from_here(self.inference_host)
        here = (f"http://{host}:{port}" for port in self.other_servers)
        return (self.inference_endpoint, *here, *self.other_inference_urls.split())

    @property
    def airflow_endpoint(self) -> str:
        return self.airflow_url or f"http://127.0.0.1:{self.airflow_port}"

    @property
    def recipe_name(self) -> str:
        return self.recipe or usual_recipe(self.base_model)

    @property
    def embedded_base(self) -> bool:
        """Whether the base is the small one of this repository."""
        return is_embedded(self.base_model)

    @property
    def trainings_side_by_side(self) -> int:
        """How many trainings may run at once; small ones gain by it, on a GPU they would share its memory."""
        small = self.embedded_base and usable_cores() > 1
        return self.trainings_at_once or (2 if small else 1)


def is_embedded(base: str) -> bool:
    """Whether a base is the small one of this repository."""
    return Path(base).resolve() == (ROOT / "base_model").resolve()


def usual_recipe(base: str) -> str:
    """The named recipe for a base, where nobody says another."""
    return "embedded" if is_embedded(base) else "default"


def seen_from_here(host: str) -> str:
    """Where this machine finds what listens on `host`: one that listens everywhere, on loopback."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound


def read_settings() -> Settings:
    """The settings of this process; SettingsMissing names everything that is missing or wrong at once.

    Every edge begins with it, and from here on no other account may read what the process and its children
    write: people's texts are in most of it.
    """
    os.umask(0o077)
    var_dir = Path(os.environ.get("VAR_DIR", ROOT / "var"))
    try:
        return Settings(_env_file=var_dir / SECRETS_FILE)
    except ValidationError as error:
        names = sorted({str(part["loc"][0]).upper() for part in error.errors()})
        raise SettingsMissing(tuple(names)) from error
