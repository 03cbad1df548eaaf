"""Imported records as rows of the tables, under ids made of what they say: said again, they are the same.

Answers of a file stand under one conversation for each prompt, whoever rated them, so that opinions on one
answer meet. Writing them is `storing`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from services.domain.conversation import PROMPT_VERSION, Question
from services.domain.feedback import Thumb
from services.domain.splits import prompt_key, split_key
from services.domain.training import digest_of
from services.training_sets.importers.records import (
    ImportedComparison,
    ImportedExample,
    ImportedItem,
    ImportedRating,
    Record,
)

Values = dict[str, Any]

SERVED_NAME = "imported"  # in the place of a version's; and the rater who "asked"
_IMPORTS = UUID("4c3b6f0e-6f0b-5d0f-9b59-2f7b8f0c7a51")  # the namespace of all ids made here


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose records these are, what file they came in, and when."""

    persona_id: int
    source: str
    at: datetime


@dataclass(slots=True)
class Rows:
    """Rows of one batch by table; parents by id, so that one is there once."""

    origin: Origin
    raters: dict[UUID, Values] = field(default_factory=dict)
    conversations: dict[UUID, Values] = field(default_factory=dict)
    questions: dict[UUID, Values] = field(default_factory=dict)
    answers: dict[UUID, Values] = field(default_factory=dict)
    ratings: list[Values] = field(default_factory=list)
    corrections: list[Values] = field(default_factory=list)
    comments: list[Values] = field(default_factory=list)
    comparisons: list[Values] = field(default_factory=list)
    examples: list[Values] = field(default_factory=list)
    items: list[Values] = field(default_factory=list)
    split_keys: set[str] = field(default_factory=set)
    prompts: dict[Question, Values] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        match record:
            case ImportedExample():
                self._add_example(record)
            case ImportedItem():
                self._add_item(record)
            case ImportedComparison():
                self._add_comparison(record)
            case ImportedRating():
                self._add_rating(record)

    def _add_example(self, record: ImportedExample) -> None:
        prompt = self._prompt(record.question)
        self.split_keys.add(prompt["split_key"])
        self.examples.append(
            {
                **prompt,
                "persona_id": self.origin.persona_id,
                "completion": record.completion,
                "digest": digest_of([prompt["prompt_key"], record.completion]),
                "imported_at": self.origin.at,
            }
        )

    def _add_item(self, record: ImportedItem) -> None:
        self.items.append(
            {
                **self._prompt(record.question),
                "persona_id": self.origin.persona_id,
                "reference": record.reference,
                "answer_key": record.answer_key,
                "imported_at": self.origin.at,
            }
        )

    def _add_comparison(self, record: ImportedComparison) -> None:
        left, right = self._answers(record.question, (record.left, record.right))
        rater = self._rater(f"{self.origin.source}:{record.rater}")
        self.comparisons.append(
            {
                "left_answer_id": left,
                "right_answer_id": right,
                "rater_id": rater,
                "choice": record.choice,
                "submission": uuid5(left, f"{rater} {right} {record.choice}"),
                "created_at": self.origin.at,
            }
        )

    def _add_rating(self, record: ImportedRating) -> None:
        (answer,) = self._answers(record.question, (record.answer,))
        rater = self._rater(f"{self.origin.source}:{record.rater}")
        said = digest_of([str(record.verdict), record.comment, record.correction])
        entry = {
            "answer_id": answer,
            "rater_id": rater,
            "submission": uuid5(answer, f"{rater} {said}"),
            "created_at": self.origin.at,
        }
        thumb = record.verdict if isinstance(record.verdict, Thumb) else None
        self.ratings.append({**entry, "stars": None if thumb else record.verdict, "thumb": thumb})
        if record.correction:
            self.corrections.append({**entry, "text": record.correction})
        if record.comment:
            self.comments.append({**entry, "text": record.comment})

    def _rater(self, label: str) -> UUID:
        rater = uuid5(_IMPORTS, label)
        self.raters.setdefault(rater, {"id": rater, "label": label, "created_at": self.origin.at})
        return rater

    def _answers(self, question: Question, texts: Iterable[str]) -> list[UUID]:
        prompt = self._prompt(question)
        asked = uuid5(_IMPORTS, f"{self.origin.persona_id} {prompt['prompt_key']}")
        if asked not in self.questions:
            self._ask(asked, prompt)
        return [self._answer(asked, text) for text in texts]

    def _ask(self, asked: UUID, prompt: Values) -> None:
        at = self.origin.at
        self.split_keys.add(prompt["split_key"])
        self.conversations[asked] = {
            "id": asked,
            "persona_id": self.origin.persona_id,
            "rater_id": self._rater(SERVED_NAME),
            "created_at": at,
        }
        self.questions[asked] = {**prompt, "id": asked, "conversation_id": asked, "asked_at": at}

    def _answer(self, asked: UUID, text: str) -> UUID:
        answer = uuid5(asked, text)
        if answer not in self.answers:
            self.answers[answer] = {
                "id": answer,
                "question_id": asked,
                "imported": True,
                "served_name": SERVED_NAME,
                "text": text,
                "prompt_version": PROMPT_VERSION,
                "generation": {},
                "seed": 0,
                "finish_reason": "stop",
                "latency_ms": 0,
                "accepted_at": self.origin.at,
                "created_at": self.origin.at,
            }
        return answer

    def _prompt(self, question: Question) -> Values:
        """The columns that every table of prompts has; their keys cost more than all else here."""
        if question not in self.prompts:
            self.prompts[question] = {
                "text": question.text,
                "context": question.context,
                "domain": question.domain,
                "audience": question.audience,
                "prompt_key": prompt_key(question),
                "split_key": split_key(question),
            }
        return self.prompts[question]
