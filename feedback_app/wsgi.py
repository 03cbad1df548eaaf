"""The feedback app as a server runs it: settings are read here, once, when a worker process starts.

    gunicorn --threads 16 --bind 127.0.0.1:8000 feedback_app.wsgi:app

Each process holds two engines, one of them for single statements. An ask keeps a thread while the model
writes, but no connection.
"""

from flask import Flask

from feedback_app import create_app
from services.db.session import database_url, make_engine
from services.language_model.routing import open_generator
from services.log_lines import write_logs
from services.settings import read_settings


def build() -> Flask:
    """Raises SettingsMissing, and DatabaseUnavailable when the embedded server was not started before."""
    settings = read_settings()
    write_logs(settings.log_format)
    return create_app(
        settings,
        engine=make_engine(database_url(settings), pool_size=settings.feedback_threads),
        generator=open_generator(
            settings.inference_endpoints, token=settings.inference_token.get_secret_value()
        ),
    )


app = build()
