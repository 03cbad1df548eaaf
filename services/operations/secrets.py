"""The service's secrets: made on first start, kept in `{var_dir}/secrets.env`, never replaced.

One that a later release asks for is added to the file of an earlier one.

Settings read the file; an environment variable of the same name wins over it. Nothing has a default value.
"""

import base64
import fcntl
import os
import secrets
import tempfile
from pathlib import Path

from services.settings import SECRETS_FILE
from services.var_dir import make_private


def ensure_secrets(var_dir: Path) -> Path:
    """The secrets file, made with mode 0600 if there is none; a reader never sees half of it."""
    path = var_dir / SECRETS_FILE
    make_private(var_dir)
    if path.exists():
        _add_missing(path)
        return path
    handle, name = tempfile.mkstemp(dir=var_dir, prefix=SECRETS_FILE)  # mkstemp gives mode 0600
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.writelines(f"{key}={value}\n" for key, value in _fresh_secrets().items())
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(
            draft
        )  # unlike a rename it refuses to replace a file that another process made first
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path


def _add_missing(path: Path) -> None:
    """Whole lines at the end, in one write; of several processes the first adds them."""
    with path.open("r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        known = {line.split("=", 1)[0] for line in text.splitlines()}
        added = "".join(f"{key}={value}\n" for key, value in _fresh_secrets().items() if key not in known)
        if added:
            file.write(added if not text or text.endswith("\n") else f"\n{added}")
            file.flush()
            os.fsync(file.fileno())


def _fresh_secrets() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(32),
        "INFERENCE_TOKEN": secrets.token_urlsafe(32),
        "AIRFLOW_PASSWORD": secrets.token_urlsafe(12),
        "AIRFLOW_JWT_SECRET": secrets.token_urlsafe(48),
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii"),
        "DATABASE_PASSWORD": secrets.token_urlsafe(24),
        "METRICS_TOKEN": secrets.token_urlsafe(32),
        "DATABASE_SERVICE_PASSWORD": secrets.token_urlsafe(24),
    }
