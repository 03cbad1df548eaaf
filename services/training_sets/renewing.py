"""A row of an earlier set as tonight would write it: under the persona's prompt, format and length of now.

Its question and its answers stay as they were frozen; how messages become a base's text is the training's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.domain.conversation import Message, Question, Role, asked_in, persona_messages
from services.domain.examples import DropReason, Kind
from services.domain.personas import Persona
from services.training_sets.drafting import encode_line
from services.training_sets.preparing import Limits


@dataclass(frozen=True, slots=True)
class Renewing:
    """`persona` and `limits` are tonight's."""

    persona: Persona
    limits: Limits

    def renew(self, line: str) -> str | DropReason:
        """The line, itself where nothing changed, or why the row is no longer learnt from."""
        record = json.loads(line)
        messages = self._messages(record)
        answers = [record[name] for name in ("completion", "chosen", "rejected") if name in record]
        rules = self.persona.answers
        wanted = record["kind"] != Kind.UNPAIRED or record["label"]
        if wanted and rules.validation and rules.problem(answers[0], asked_in(messages)):
            return DropReason.NOT_IN_FORMAT
        if not self.limits.allow(messages, answers):
            return DropReason.TOO_LONG
        renewed = [{"role": message.role.value, "content": message.content} for message in messages]
        return line if renewed == record["messages"] else encode_line(record | {"messages": renewed})

    def _messages(self, record: Mapping[str, Any]) -> tuple[Message, ...]:
        """What the persona is told tonight, and what was asked."""
        about = Question("", domain=record["domain"], audience=record["audience"])
        system, _ = persona_messages(self.persona, about)
        _, *asked = (Message(Role(one["role"]), one["content"]) for one in record["messages"])
        return system, *asked
