"""Assembling: a persona's frozen training set up to a cutoff, or the reason why there is none tonight."""

import logging
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypedDict

from services.adapters.promotions import find_persona
from services.db.feedback_tables import PersonaRow
from services.db.session import session_scope
from services.domain.conversation import Message
from services.domain.training import ModelRecipe, Recipe
from services.errors.standing import PersonaArchived, PersonaPaused
from services.errors.tree import InvalidInput
from services.evaluation.frozen_suites import frozen_items
from services.evaluation.weaknesses import domain_failures
from services.feedback.personas import check_trained
from services.jobs.bases import recipe_of
from services.jobs.installation import Installation, now, open_installation
from services.training_sets import assembly
from services.training_sets.import_lock import wait_for_imports
from services.training_sets.keeping_apart import keep_apart
from services.training_sets.preparing import Limits
from services.training_sets.skipping import Skipped, forget_skip, record_skip

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logging.getLogger(__name__)


class Assembled(TypedDict, total=False):
    """Either `training_set_id` or `skipped`, a sentence, with what `Skipped` says beside it."""

    training_set_id: int
    skipped: str
    counts: dict[str, int]
    dropped: dict[str, int]


def assemble(persona: str, cutoff_iso: str) -> Assembled:
    """The set of (persona, cutoff, policy); the same call again gives the same id.

    InvalidInput for a cutoff that is no ISO 8601 instant with its time zone, or is not reached yet.
    """
    cutoff = _read_cutoff(cutoff_iso, at=now())
    with open_installation() as installation:
        return assemble_with(installation, persona, cutoff)


def assemble_with(installation: Installation, persona: str, cutoff: datetime) -> Assembled:
    """As `assemble`, in a given installation."""
    with session_scope(installation.engine) as session:
        wait_for_imports(session, find_persona(session, persona))
    with session_scope(installation.engine) as session:
        row = find_persona(session, persona)
        if held_back := _held_back(row):
            record_skip(session, row, held_back, cutoff=cutoff, at=now())
            return {"skipped": held_back.reason, "counts": {}, "dropped": {}}
        keep_apart(session, row, [item.question for item in frozen_items()], at=cutoff)
        recipe = recipe_of(session, installation.settings, row, [])
        outcome = assembly.assemble(
            session,
            row,
            cutoff=cutoff,
            store_url=installation.settings.store_url,
            limits=limits_of(recipe),
            at=now(),
            weak_domains=partial(domain_failures, session, row, cutoff=cutoff),
        )
        if isinstance(outcome, Skipped):
            record_skip(session, row, outcome, cutoff=cutoff, at=now())
            counts, dropped = dict(outcome.counts), dict(outcome.dropped)
            logger.info("%s; rows: %s; left out: %s", outcome.reason, _told(counts), _told(dropped))
            return {"skipped": outcome.reason, "counts": counts, "dropped": dropped}
        forget_skip(session, row, cutoff=cutoff)
        logger.info(
            "%s: set %d with %d rows (%s); left out: %s; %s",
            persona,
            outcome.id,
            outcome.row_count,
            _told(outcome.counts),
            _told(outcome.dropped),
            "; ".join(outcome.plan["reasons"]),
        )
        return {"training_set_id": outcome.id}


def _held_back(row: PersonaRow) -> Skipped | None:
    """Why nothing is learnt, where a curator wants it so."""
    try:
        check_trained(row)
    except (PersonaPaused, PersonaArchived) as refusal:
        return Skipped(f"{row.slug} is {row.state}: {refusal.reason}", dropped={})
    return None


def _told(counts: Mapping[str, int]) -> str:
    """`pairs: 5, desirable: 1`, of what there is any of."""
    return ", ".join(f"{name}: {count:,}" for name, count in counts.items() if count) or "none"


def _read_cutoff(text: str, *, at: datetime) -> datetime:
    try:
        cutoff = datetime.fromisoformat(text)
    except ValueError:
        cutoff = None
    if cutoff is None or cutoff.tzinfo is None:
        raise InvalidInput(
            f"The cutoff {text[:60]!r} is no instant: write it with its time zone, as 2026-11-20T02:00:00Z."
        )
    if cutoff > at:
        raise InvalidInput(
            f"The cutoff {cutoff.isoformat()} is still to come, and what people say until then would never "
            "enter a set frozen now: give an instant that is over, or none for now."
        )
    return cutoff


def limits_of(recipe: Recipe) -> Limits:
    """What the recipe can learn; the base's tokenizer is loaded when the first row is counted."""

    def count(messages: tuple[Message, ...], completion: str) -> int:
        return _count(recipe.model, messages, completion)

    return Limits(recipe.training.max_length, count, recipe)


def _count(model: ModelRecipe, messages: tuple[Message, ...], completion: str) -> int:
    from services.language_model.rendering import render_supervised  # noqa: PLC0415  (transformers: seconds)

    prompt, answer = render_supervised(
        _tokenizer(model), messages, completion, chat_template=model.chat_template
    )
    return len(prompt) + len(answer)


@lru_cache(maxsize=1)
def _tokenizer(model: ModelRecipe) -> "PreTrainedTokenizerBase":
    from services.language_model.loading import load_tokenizer  # noqa: PLC0415

    return load_tokenizer(model.name, revision=model.revision, new_tokens=model.new_tokens)
