"""Why an answer is as it is: what its asker reads, what a curator does, and in how many statements."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from services.adapters.freezing import freeze
from services.adapters.promotions import find_persona
from services.db.feedback_tables import AnswerRow, PersonaRow
from services.db.lineage_tables import AdapterVersionRow
from services.db.session import session_scope
from services.domain.conversation import Question, persona_messages
from services.domain.feedback import RaterId, Reason
from services.domain.roles import Role
from services.domain.training import RunState
from services.settings import Settings
from tests.builders import AT, add_answer, add_correction, add_rating, asker_of
from tests.counted import counted
from tests.feedback_app.conftest import Visitor, answer_id
from tests.lineage_builders import (
    add_canary,
    add_drawn_answer,
    add_run,
    add_serving_version,
    add_training_set,
)

WHY_THE_SEA = "Why is the sea salty?"


@dataclass(frozen=True, slots=True)
class Taught:
    version: int
    path: Path


def words(text: str) -> str:
    return " ".join(text.split())


def row(
    persona: PersonaRow, question: str, text: str, sources: Sequence[str], **given: object
) -> dict[str, object]:
    messages = persona_messages(persona.as_persona(), Question(question, "nature", "student"))
    told = [{"role": one.role, "content": one.content} for one in messages]
    return {"kind": "demonstration", "messages": told, "completion": text, "sources": list(sources)} | given


@pytest.fixture
def teach(visitor: Visitor, clean: Engine, settings: Settings, tmp_path: Path) -> Callable[..., Taught]:  # noqa: ARG001
    """Lets a version serve that learnt rows, which a function of the session and the persona gives."""

    def taught(rows: Callable[..., list[dict[str, object]]], *, more: int = 0) -> Taught:
        with session_scope(clean) as session:
            persona = find_persona(session, "pirate")
            lines = rows(session, persona)
            lines += [row(persona, f"Is it number {n}?", "It is.", ["seed:1"]) for n in range(more)]
            file = tmp_path / "rows.jsonl"
            file.write_text("".join(json.dumps(line) + "\n" for line in lines))
            frozen = freeze(settings.store_url, file)
            learnt = add_training_set(
                session, persona, row_count=len(lines), counts={"demonstrations": len(lines)}
            )
            learnt.path, learnt.digest = frozen.path, frozen.digest
            version = add_serving_version(session, persona)
            run = add_run(session, learnt, state=RunState.SUCCEEDED)
            run.recipe = {"lora": {"r": 8, "alpha": 16}, "model": {"name": "/models/small"}}
            version.training_run_id = run.id
            root = Path(settings.store_url.removeprefix("file://"))
            return Taught(version.number, root / frozen.path)

    return taught


def said_of_the_sea(rater: RaterId | None = None) -> Callable[..., list[dict[str, object]]]:
    def rows(session, persona):
        other = add_answer(session, persona, question="Why is the sea so salty, sir?")
        mine = add_correction(session, other, "Arr, <b>salt</b>.", rater=rater)
        poor = add_rating(session, other, stars=2, reasons=(Reason.TOO_SHORT,))
        return [
            row(persona, "Why is the sea so salty, sir?", "Arr, <b>salt</b>.", [mine]),
            row(persona, "What of cheese and the sea?", "No.", [poor], kind="unpaired", label=False),
            row(persona, "Who sails?", "Sailors.", ["seed:1"]),
        ]

    return rows


def test_a_curator_reads_the_rows_nearest_to_the_question_and_who_said_what(
    visitor: Visitor, new_visitor: Callable[[], Visitor], teach: Callable[..., Taught]
):
    teach(said_of_the_sea())
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    curator = new_visitor()
    curator.sign_in(Role.CURATOR)
    page = curator.get(f"{path}/why")
    text = words(page.text)
    assert page.status_code == 200
    assert "v1 answered" in text
    assert "full by test, " in text
    assert "rank 8, alpha 16" in text
    assert "base small" in text
    assert text.index("Why is the sea so salty, sir?") < text.index("What of cheese and the sea?")
    assert "Arr, &lt;b&gt;salt&lt;/b&gt;." in text
    assert "a better answer by rater " in text
    assert "2 stars (too short) by rater " in text
    assert "Who sails?" not in text
    assert "What the gate said of it" in text
    assert "The prompt that it read" in text
    assert "system" in text


def test_the_asker_reads_how_many_rows_of_others_there_are_and_none_of_them(
    visitor: Visitor, teach: Callable[..., Taught]
):
    teach(said_of_the_sea())
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    assert f'href="{path}/why"' in visitor.get(path).text
    text = words(visitor.get(f"{path}/why").text)
    assert "2 of the 2 nearest rows come from what other people said" in text
    assert "salty, sir" not in text
    assert "cheese" not in text
    assert "The prompt that it read" not in text


def test_the_asker_reads_the_rows_they_spoke_in(
    visitor: Visitor, teach: Callable[..., Taught], clean: Engine
):
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    with session_scope(clean) as session:
        rater = asker_of(session.get_one(AnswerRow, answer_id(path)))
    teach(said_of_the_sea(rater))
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    text = words(visitor.get(f"{path}/why").text)
    assert "1 of the 2 nearest rows come from what other people said" in text
    assert "a better answer by you" in text
    assert "cheese" not in text


def test_the_asker_reads_what_they_said_themselves_and_nobody_elses_better_answer(
    visitor: Visitor, teach: Callable[..., Taught], clean: Engine
):
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    with session_scope(clean) as session:
        rater = asker_of(session.get_one(AnswerRow, answer_id(path)))

    def rows(session, persona):
        answer = add_answer(session, persona, question="Why is the sea so salty, sir?")
        mine, theirs = (add_rating(session, answer, rater=one, stars=2) for one in (rater, None))
        better = add_correction(session, answer, "Arr, salt.")
        return [
            row(persona, "What of cheese and the sea?", "No.", [mine, theirs], kind="unpaired", label=False),
            row(persona, "Why is the sea so salty, sir?", "Arr, salt.", [mine, better]),
        ]

    teach(rows)
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    text = words(visitor.get(f"{path}/why").text)
    assert "What of cheese and the sea?" in text
    assert "2 stars by you" in text
    assert "by rater" not in text
    assert "and 1 more" in text
    assert "Arr, salt." not in text
    assert "1 of the 2 nearest rows come from what other people said" in text


def test_nobody_else_reads_why(visitor: Visitor, new_visitor: Callable[[], Visitor]):
    path = visitor.answer_of(visitor.ask())
    other = new_visitor()
    other.ask()
    assert other.get(f"{path}/why").status_code == 403
    assert new_visitor().get(f"{path}/why").status_code == 403
    other.sign_in(Role.RATER)
    assert other.get(f"{path}/why").status_code == 403
    assert visitor.get(f"/answers/{uuid4()}/why").status_code == 404


def test_the_plain_base_learnt_from_nobody(visitor: Visitor):
    text = words(visitor.get(f"{visitor.answer_of(visitor.ask())}/why").text)
    assert "v0 (plain base) answered" in text
    assert "it learnt from nobody here" in text
    assert "What the gate said of it" not in text


def test_a_set_that_was_redacted_lost_or_damaged_is_said_so(
    visitor: Visitor, teach: Callable[..., Taught], clean: Engine
):
    learnt = teach(said_of_the_sea())
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    assert "what other people said" in visitor.get(f"{path}/why").text
    learnt.path.write_text("no rows")
    assert "the file of the set is gone or damaged" in visitor.get(f"{path}/why").text
    learnt.path.unlink()
    assert "the file of the set is gone or damaged" in visitor.get(f"{path}/why").text
    with session_scope(clean) as session:
        version = session.query(AdapterVersionRow).filter_by(number=1).one()
        version.tainted_at, version.tainted_reason = AT, "erased"
        training_set = add_training_set(session, version.persona, redacted_at=AT)
        version.training_run_id = add_run(session, training_set, state=RunState.SUCCEEDED).id
    text = words(visitor.get(f"{path}/why").text)
    assert "a rater that it learnt from was erased" in text
    assert "This version is tainted" in text


def test_an_imported_answer_was_made_elsewhere(visitor: Visitor, clean: Engine):
    with session_scope(clean) as session:
        answer = add_answer(session, find_persona(session, "pirate"))
        answer.imported, answer.adapter_version_id = True, None
        path = f"/answers/{answer.id}"
    visitor.sign_in(Role.CURATOR)
    assert "came with a file: no version of Pirate gave it" in words(visitor.get(f"{path}/why").text)


def test_who_may_still_rate_it_blind_is_not_told_who_answered(
    visitor: Visitor, new_visitor: Callable[[], Visitor], clean: Engine
):
    asked = visitor.answer_of(visitor.ask())
    with session_scope(clean) as session:
        rater = asker_of(session.get_one(AnswerRow, answer_id(asked)))
        canary = add_canary(session, find_persona(session, "pirate"), number=1)
        drawn: UUID = add_drawn_answer(session, canary, tried=True, rater=rater).id
    text = words(visitor.get(f"/answers/{drawn}/why").text)
    assert "Which version answered is not shown yet" in text
    assert "v1" not in text
    curator = new_visitor()
    curator.sign_in(Role.CURATOR)
    text = words(curator.get(f"/answers/{drawn}/why").text)
    assert "v1 answered" in text
    assert "each answer fell to it with a chance of 50%" in text


def test_a_large_set_costs_as_many_statements_and_its_file_is_read_once(
    visitor: Visitor, teach: Callable[..., Taught]
):
    teach(said_of_the_sea(), more=2_000)
    path = visitor.answer_of(visitor.ask(question=WHY_THE_SEA))
    visitor.get(f"{path}/why")
    with counted() as statements:
        assert visitor.get(f"{path}/why").status_code == 200
    assert len(statements) <= 22, len(statements)
