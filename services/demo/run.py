"""The demo: the whole loop on real parts, from the first click to a rollback, in minutes.

`persona-loop demo` (which `make demo` runs) calls this; `--once` stops everything at the end instead of
leaving the app up. It works in VAR_DIR, as the service does, so that the command line and `make up` find what
it made. Run again, it makes a new pair of personas (`tutor-2`, `curator-2`) and shows their first night;
nothing is deleted.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from rich.console import Console
from sqlalchemy import Engine

from services.db.session import database_url, make_engine, session_scope
from services.demo import showing
from services.demo.judgement import Judgement, read_judgement
from services.demo.moves import Move, wait_until_live
from services.demo.night import run_night
from services.demo.personas import Pair, create_pair
from services.demo.raters import Feedback, RatedAnswer, inquiries, let_them_rate, plan_raters
from services.demo.steady_load import SteadyLoad
from services.demo.summary import Played
from services.domain.promotions import PromotionKind
from services.errors.tree import DemoFailed
from services.jobs import rollback as rolling_back
from services.operations.stack import Stack, feedback_url
from services.settings import Settings
from services.tables import page

ACTOR = "demo"
CURATOR_RATERS = 4  # too few on purpose, corrections included
CURATOR_QUESTIONS = 1
RATINGS_BETWEEN_LINES = 50


@dataclass(frozen=True, slots=True)
class _Stage:
    """What every act of the demo works with; `seconds` fills up by phase."""

    settings: Settings
    engine: Engine
    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return feedback_url(self.settings)

    @contextmanager
    def phase(self, name: str, title: str) -> Iterator[None]:
        self.console.rule(f"[bold]{title}")
        began = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - began
            self.console.print(f"  [dim]{self.seconds[name]:.1f} s[/]")


def run_demo(settings: Settings, *, once: bool) -> None:
    """Play the demo and write VAR_DIR/demo/summary.json; without `once`, stay until Ctrl-C.

    Raises DemoFailed when the night did not pass, an ask was not served or a DAG run failed, and whatever
    keeps the service from starting.
    """
    for talkative in ("httpx", "httpx2", "alembic", "services.jobs"):  # the demo itself says what happens
        logging.getLogger(talkative).setLevel(logging.WARNING)
    console = page()
    began = time.monotonic()
    console.rule("[bold]Starting the service: PostgreSQL, Airflow, inference server, web app")
    with ExitStack() as service:
        stack = service.enter_context(Stack(settings, progress=partial(_tell_ready, console)))
        stack.wait_until_healthy()
        stage = _Stage(settings, make_engine(database_url(settings)), console)
        stage.seconds["start"] = time.monotonic() - began
        try:
            played = _play(stage)
        finally:
            stage.engine.dispose()
        summary = settings.var_dir / "demo" / "summary.json"
        played.write(summary)
        if once:
            with stage.phase("stop", "Stopping everything"):
                service.close()
            played.write(summary)  # now with the seconds that stopping took
        showing.show_end(console, played)
        if not once:
            showing.show_addresses(console, settings, played.pair.tutor, played.judgement)
            with suppress(KeyboardInterrupt):
                stack.stay()
    if played.problems():
        raise DemoFailed(played.problems())


def _tell_ready(console: Console, part: str, after: float) -> None:
    console.print(f"  {after:5.1f} s  {part}")


def _play(stage: _Stage) -> Played:
    with stage.phase("personas", "Two personas are created"):
        pair = create_pair(stage.settings.var_dir / "demo" / "items.jsonl")
    raters = plan_raters(pair.number)
    with stage.phase("rating", f"{len(raters)} people ask, rate and correct in the web app"):
        feedback = _rate(stage, pair)
    moves: dict[PromotionKind, Move] = {}
    judgement: Judgement | None = None
    with SteadyLoad(stage.address, pair.tutor, inquiries(pair.number)) as load:
        with stage.phase("night", "nightly_retrain runs on the scheduler"):
            night = run_night(
                stage.settings,
                stage.engine,
                stage.console,
                evaluated=lambda persona: load.start() if persona == pair.tutor else None,
            )
            with session_scope(stage.engine) as session:
                judgement = read_judgement(session, pair.tutor, seed=pair.number)
            showing.show_skipped(stage.console, night.skipped)
        if judgement is not None:
            showing.show_judgement(stage.console, judgement)
        if judgement is not None and judgement.promotion_id is not None:
            with stage.phase("moves", "Promoted, rolled back, reinstated, while people keep asking"):
                moves = _move(stage, pair, judgement.promotion_id)
    return Played(
        pair=pair,
        raters=len(raters),
        feedback=feedback,
        night=night,
        judgement=judgement,
        moves=moves,
        asked=load.asked,
        failed=len(load.failures),
        seconds=stage.seconds,
    )


def _rate(stage: _Stage, pair: Pair) -> Feedback:
    """Many rate the tutor, a few put one question each to the curator."""
    told: list[RatedAnswer] = []

    def tell(said: RatedAnswer) -> None:
        told.append(said)
        if len(told) % RATINGS_BETWEEN_LINES == 0:
            stage.console.print(f"  {len(told)} answers rated")

    few = plan_raters(-pair.number, raters=CURATOR_RATERS, own=CURATOR_QUESTIONS, shared=0)
    seen_by_few = let_them_rate(stage.address, pair.curator, few, seed=-pair.number, told=tell)
    many = plan_raters(pair.number)
    seen_by_many = let_them_rate(stage.address, pair.tutor, many, seed=pair.number, told=tell)
    feedback = Feedback(
        seen_by_many.said + seen_by_few.said, seen_by_many.peer_stars + seen_by_few.peer_stars
    )
    showing.show_feedback(stage.console, feedback)
    return feedback


def _move(stage: _Stage, pair: Pair, promotion_id: int) -> dict[PromotionKind, Move]:
    """The night's promotion, then a rollback and a reinstatement by hand, each seen live before the next."""
    promoted = wait_until_live(stage.engine, promotion_id)
    showing.show_move(stage.console, promoted)
    moves = {promoted.kind: promoted}
    for version, reason in ((None, "the demo shows a rollback"), (promoted.version, "and the way back")):
        row = rolling_back.rollback(pair.tutor, version, reason, ACTOR)
        move = wait_until_live(stage.engine, row["promotion_id"])
        showing.show_move(stage.console, move)
        moves[move.kind] = move
    return moves
