"""What the tests of one played night share: the night itself, and what they do with it over and over."""

import json
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from services.adapters.promotions import find_persona, history, who_serves
from services.cli.main import app
from services.db.feedback_tables import AnswerRow
from services.db.session import session_scope
from services.demo.judgement import Judgement
from services.demo.night import Night
from services.demo.personas import Pair
from services.demo.raters import inquiries
from services.demo.visitor import Visitor
from services.operations.airflow_client import AirflowClient, RunState
from services.operations.stack import feedback_url
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class PlayedNight:
    """`pressed`: what a curator was told who asked for a training while the night was under way."""

    settings: Settings
    engine: Engine
    pair: Pair
    night: Night
    judgement: Judgement
    pressed: list[str]


def ignore(*_: object) -> None:
    """For progress that nobody watches."""


def free_ports(number: int, *, in_a_row: int = 1) -> list[int]:
    """That many ports nobody listens on, each with the following ones of its row."""
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < number:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for beside in range(port + 1, port + in_a_row):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", beside))
            except (OSError, OverflowError):
                continue
            found.append(port)
        return found


def serving(played: PlayedNight) -> int:
    with session_scope(played.engine) as session:
        return who_serves(session, find_persona(session, played.pair.tutor)).number


def ledger(played: PlayedNight) -> list[str]:
    """The kinds of the tutor's moves, oldest first."""
    with session_scope(played.engine) as session:
        return [move.kind for move in history(session, find_persona(session, played.pair.tutor))]


def run_dag(played: PlayedNight, dag_id: str, form: dict[str, object]) -> RunState:
    with AirflowClient(played.settings) as airflow:
        run_id = airflow.trigger(dag_id, form)
        return airflow.wait(dag_id, run_id, timeout=900, progress=ignore).state


def command(*arguments: str) -> Any:
    """What a command of the shell prints as JSON; it must succeed."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def ask_the_tutor(played: PlayedNight) -> str:
    """The name of the model that answered somebody in the app."""
    with Visitor(feedback_url(played.settings)) as visitor:
        question = inquiries(1)[1].question
        assert visitor.ask(played.pair.tutor, question, domain="science", audience="student").answer
    with session_scope(played.engine) as session:
        newest = session.scalars(select(AnswerRow).order_by(AnswerRow.created_at.desc()).limit(1)).one()
        return newest.served_name


def unload(settings: Settings, name: str) -> None:
    """Forget the adapter, in memory and in the server's cache of checked files."""
    shutil.rmtree(settings.var_dir / "cache" / "adapters", ignore_errors=True)
    httpx.post(
        f"{settings.inference_endpoint}/v1/unload_lora_adapter",
        json={"lora_name": name},
        headers={"Authorization": f"Bearer {settings.inference_token.get_secret_value()}"},
        timeout=60,
    ).raise_for_status()
