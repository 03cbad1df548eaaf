"""A version that learnt demonstrations, and what it is judged beside, for tests of an evaluation's arms."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from services.adapters.freezing import freeze
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.training import RunState
from services.jobs.installation import Installation
from services.language_model.asking import GenerationRequest
from tests.builders import AT, add_items, add_persona
from tests.lineage_builders import add_run, add_version

COUNT = 40


def row(number: int, *, audience: str, completion: str = "") -> dict[str, Any]:
    return {
        "kind": "demonstration",
        "messages": [
            {"role": "system", "content": "You are."},
            {"role": "user", "content": f"Question:\nWhat is {number}?"},
        ],
        "completion": completion or f"Arr, {number} it be.",
        "audience": audience,
    }


def item(question: str) -> str:
    told = {"question": question, "reference": "Salt.", "answer_key": "salt", "audience": "student"}
    return json.dumps(told)


ROWS = [row(number, audience="student" if number % 2 else "educator") for number in range(20)]


def add_set(
    installation: Installation, folder: Path, persona: PersonaRow, rows: list[dict[str, Any]]
) -> TrainingSetRow:
    """A stored set with its file, and with no held-out references."""
    empty, file = folder / "empty.jsonl", folder / "rows.jsonl"
    empty.write_text("")
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    url = installation.settings.store_url
    frozen = freeze(url, file)
    return TrainingSetRow(
        persona=persona,
        cutoff=AT,
        policy={},
        policy_digest="policy",
        digest=frozen.digest,
        path=frozen.path,
        row_count=len(rows),
        counts={},
        dropped={},
        report={"held_out": {"references": 0, **asdict(freeze(url, empty))}},
        created_at=AT,
    )


def add_judged_version(installation: Installation, folder: Path) -> int:
    """A version whose set has twenty demonstrations, of a persona with forty items for students."""
    with session_scope(installation.engine) as session:
        persona = add_persona(session)
        items = [item(f"Why is sea {one} salty?") for one in range(COUNT)]
        add_items(session, persona, items, at=AT)
        training_set = add_set(installation, folder, persona, ROWS)
        session.add(training_set)
        session.flush()
        version = add_version(session, persona)
        version.training_run_id = add_run(session, training_set, state=RunState.SUCCEEDED).id
        return version.id


def add_scholar(installation: Installation, folder: Path, slug: str) -> None:
    """Another persona with a set of its own."""
    with session_scope(installation.engine) as session:
        rows = [row(one, audience="student", completion=f"Hence {one}, {slug}.") for one in range(60)]
        session.add(add_set(installation, folder, add_persona(session, slug=slug), rows))


def newer_version(installation: Installation, folder: Path, version_id: int) -> int:
    """Another version of the version's persona, of a newer set."""
    with session_scope(installation.engine) as session:
        pirate = session.get_one(AdapterVersionRow, version_id).persona
        rows = [row(one, audience="student", completion=f"Arr, {one}, matey.") for one in range(60)]
        own = add_set(installation, folder, pirate, rows)
        own.policy_digest = "newer"
        session.add(own)
        session.flush()
        version = add_version(session, pirate, number=2)
        version.training_run_id = add_run(session, own, state=RunState.SUCCEEDED).id
        return version.id


def shown(request: GenerationRequest) -> list[str]:
    """What a request shows before its question, answers and questions in turn."""
    return [message.content for message in request.messages[1:-1]]
