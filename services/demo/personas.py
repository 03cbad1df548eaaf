"""The two personas of the demo: a tutor whom many rate, and a curator who hears too little to learn from.

Every demo makes a new pair, `tutor` and `curator` at first and `tutor-2` and `curator-2` next time, so that
it always shows a persona's first night and leaves what an earlier one made as it is.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from services.demo.chance import choose, shuffled
from services.demo.question_bank import reserved
from services.domain.personas import AUDIENCES, Persona, PersonaSlug
from services.feedback.personas import PersonaPlan
from services.jobs import personas as jobs
from services.jobs import status
from services.training_sets.importers.formats import FormatName
from services.training_sets.importing import ImportFile

ITEMS = 320  # of the reserved questions: enough to tell 5 % apart, few enough to ask twice in a demo

TUTOR_TEMPLATE = "You are a patient tutor for {domain}. You are answering a question for a {audience}."
CURATOR_TEMPLATE = "You are a museum guide who knows {domain}. You are answering a question for a {audience}."


@dataclass(frozen=True, slots=True)
class Pair:
    """The personas of one demo and its number, which is the seed of everything that is drawn in it."""

    number: int
    tutor: PersonaSlug
    curator: PersonaSlug


def create_pair(items_file: Path) -> Pair:
    """A new pair with the same questions to be judged on, which are written to `items_file`."""
    pair = _next_pair()
    records = item_records()
    items_file.parent.mkdir(parents=True, exist_ok=True)
    items_file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    mark = "" if pair.number == 1 else f" {pair.number}"
    for slug, name, template in (
        (pair.tutor, f"Patient Tutor{mark}", TUTOR_TEMPLATE),
        (pair.curator, f"Museum Guide{mark}", CURATOR_TEMPLATE),
    ):
        jobs.create_planned(PersonaPlan(Persona(slug=slug, display_name=name, system_template=template)))
        jobs.add_items(slug, ImportFile(items_file, FormatName.ITEMS))
    return pair


def item_records() -> list[dict[str, str]]:
    """Reserved questions, one phrasing each, the audiences in turn; the same every time."""
    facts = shuffled(reserved(), 0, "items")[:ITEMS]
    return [
        {
            "question": choose(fact.questions, 0, fact.id),
            "domain": fact.domain,
            "audience": AUDIENCES[place % len(AUDIENCES)],
            "reference": fact.plain_answer,
            "answer_key": fact.answer_key,
        }
        for place, fact in enumerate(facts)
    ]


def _next_pair() -> Pair:
    there = {record["persona"] for record in status.personas()}
    number = 1
    while True:
        ending = "" if number == 1 else f"-{number}"
        pair = Pair(number, PersonaSlug(f"tutor{ending}"), PersonaSlug(f"curator{ending}"))
        if pair.tutor not in there and pair.curator not in there:
            return pair
        number += 1
