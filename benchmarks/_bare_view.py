"""What a rating could cost at least: a Flask view that does nothing but one INSERT, committed.

It runs under the service's own gunicorn, on its own database, with an engine as large as the service's.
"""

from uuid import UUID

from flask import Flask, redirect, request
from sqlalchemy import text
from werkzeug.wrappers import Response

from services.db.session import database_url, make_engine
from services.settings import read_settings

TABLE = (
    "CREATE TABLE bare_ratings (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, answer_id uuid NOT NULL, "
    "stars int NOT NULL, submission uuid NOT NULL UNIQUE, created_at timestamptz NOT NULL DEFAULT now())"
)
_INSERT = text(
    "INSERT INTO bare_ratings (answer_id, stars, submission) VALUES (:answer, :stars, :submission)"
)


def build() -> Flask:
    settings = read_settings()
    engine = make_engine(database_url(settings), pool_size=settings.feedback_threads)
    app = Flask(__name__)

    @app.get("/healthz")
    def up() -> str:
        return "up"

    @app.get("/answers/<uuid:answer_id>")
    def page(answer_id: UUID) -> str:
        return f'<form action="/answers/{answer_id}/rate"><input name="csrf_token" value="none"></form>'

    @app.post("/answers/<uuid:answer_id>/rate")
    def rate(answer_id: UUID) -> Response:
        said = {"stars": int(request.form["stars"]), "submission": UUID(request.form["submission"])}
        with engine.begin() as connection:
            connection.execute(_INSERT, {"answer": answer_id, **said})
        return redirect(f"/answers/{answer_id}", 303)

    return app
