"""Where a night's learning starts: at a fresh adapter, or at the one that serves, with what is new to it.

A persona that is to begin with another's adapter learns everything said so far on top of that one's weights,
until a version of its own serves for the first time. Whom the other learnt from counts as whom this one
learnt from.

The champion is the ledger's at the cutoff, so that a retried night starts where its first attempt did.
A night goes on only from a set whose files are there and whole: it reads every one of them. Fetching the
adapter's files is the training job's.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.orm import Session

from services.adapters.freezing import thaw
from services.adapters.lending import begins, version_named, why_not
from services.adapters.promotions import champion_at
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow, TrainingSetRow
from services.domain.example_policy import ExamplePolicy, Start
from services.domain.promotions import BASE_VERSION
from services.domain.training import Recipe
from services.errors.artifacts import FrozenFileCorrupt
from services.training_sets.remembering import Memory, read_memory

logger = logging.getLogger(__name__)

_READ_AGAIN = ("held_out", "memory", "waiting")  # beside the rows; the last is not of every release


@dataclass(frozen=True, slots=True)
class Starting:
    """`champion` is who is gone on from and `learnt` what it learnt last; None: a fresh adapter, all of it.

    `lent` is the version of another persona that all of it is learnt on top of. `reason` says why, where
    there was anything to decide.
    """

    champion: AdapterVersionRow | None = None
    learnt: TrainingSetRow | None = None
    reason: str = ""
    lent: AdapterVersionRow | None = None
    lent_set: int | None = None  # which that one learnt

    @property
    def since(self) -> datetime | None:
        """What was said after this instant is new to who is gone on from."""
        return self.learnt.cutoff if self.learnt else None

    @property
    def digest(self) -> str | None:
        version = self.champion or self.lent
        return version.digest if version else None

    def as_record(self) -> dict[str, Any] | None:
        """What a plan says of it, None for a fresh adapter; `lent_by` is another persona."""
        if self.lent is not None:
            return {
                "version": self.lent.number,
                "name": self.lent.name,
                "digest": self.lent.digest,
                "training_set": self.lent_set,
                "lent_by": self.lent.persona.slug,
            }
        if self.champion is None or self.learnt is None:
            return None
        return {
            "version": self.champion.number,
            "name": self.champion.name,
            "digest": self.champion.digest,
            "training_set": self.learnt.id,
        }


def find_start(
    session: Session,
    persona: PersonaRow,
    policy: ExamplePolicy,
    *,
    cutoff: datetime,
    recipe: Recipe | None,
) -> Starting:
    """What the policy wants where it can be had, a fresh adapter otherwise, with the reason.

    `recipe` is what will learn the set; None where nothing will.
    """
    if begins(session, persona, at=cutoff):
        return _begin_with(session, version_named(session, persona.begins_with), recipe)
    if policy.start is Start.BASE:
        return Starting()
    champion = champion_at(session, persona, cutoff)
    if champion.number == BASE_VERSION:
        return _fresh("the plain base serves")
    return _go_on_from(session, champion, recipe)


def _go_on_from(session: Session, champion: AdapterVersionRow, recipe: Recipe | None) -> Starting:
    run = session.get(TrainingRunRow, champion.training_run_id) if champion.training_run_id else None
    if run is None or champion.tainted_at is not None:
        tainted = f"version {champion.number} learnt from a rater who was erased"
        unknown = f"nothing is known of what version {champion.number} learnt"
        return _fresh(tainted if champion.tainted_at else unknown)
    if "memory" not in run.training_set.report:
        return _fresh(f"set {run.training_set.id}, of an earlier release, keeps nothing of its raters")
    if recipe is not None and (unlike := unlike_recipe(champion, recipe)):
        return _fresh(f"version {champion.number} has {unlike} than the recipe")
    reason = (
        f"goes on from version {champion.number}, which learnt set {run.training_set.id}, "
        "with what was said since and a replay"
    )
    return Starting(champion, run.training_set, reason)


def _begin_with(session: Session, lent: AdapterVersionRow, recipe: Recipe | None) -> Starting:
    """Its files are kept for this, but whom it learnt from may have been erased meanwhile."""
    whose = f"version {lent.number} of {lent.persona.slug}"
    if reason := why_not(lent):
        return _fresh(f"{whose} was to begin with, but {reason}")
    if recipe is not None and (unlike := unlike_recipe(lent, recipe)):
        return _fresh(f"{whose} was to begin with, but has {unlike} than the recipe")
    run = session.get(TrainingRunRow, lent.training_run_id) if lent.training_run_id else None
    reason = f"begins with {whose} and learns everything said so far"
    return Starting(lent=lent, lent_set=run.training_set_id if run else None, reason=reason)


def where_whole(start: Starting, store_url: str) -> Starting:
    """The same start where each file of the set gone on from can be read, a fresh adapter otherwise."""
    learnt = start.learnt
    if learnt is None:
        return start
    files = [(learnt.path, learnt.digest)]
    files += [(kept["path"], kept["digest"]) for kept in map(learnt.report.get, _READ_AGAIN) if kept]
    with TemporaryDirectory(prefix="checking-") as folder:
        try:
            for path, digest in files:
                thaw(store_url, path, digest=digest, into=Path(folder)).unlink()
        except FrozenFileCorrupt as error:
            logger.warning("set %d cannot be gone on from: %s", learnt.id, error)
            return _fresh(_lost(learnt))
    return start


def began_without(learnt: TrainingSetRow | None, training_set: TrainingSetRow) -> bool:
    """Whether a set began anew as a file of the one to go on from was lost, and for no other reason."""
    return learnt is not None and _fresh(_lost(learnt)).reason in training_set.plan["reasons"]


def recall(start: Starting, store_url: str, into: Path) -> Memory | None:
    """What the champion's set knew of its raters; None where a set begins anew."""
    if start.learnt is None:
        return None
    kept = start.learnt.report["memory"]
    return read_memory(thaw(store_url, kept["path"], digest=kept["digest"], into=into))


def _fresh(reason: str) -> Starting:
    return Starting(reason=f"a fresh adapter learns everything said so far: {reason}")


def _lost(learnt: TrainingSetRow) -> str:
    return f"a file of set {learnt.id}, which the champion learnt, is lost or damaged"


def unlike_recipe(version: AdapterVersionRow, recipe: Recipe) -> str:
    """In what the version is another adapter than the recipe makes, empty for nothing."""
    made = version.provenance
    lora, wanted = made.get("lora", {}), recipe.lora
    shape = (lora.get("r"), lora.get("alpha"), sorted(lora.get("target_modules", ())))
    if shape != (wanted.r, wanted.alpha, sorted(wanted.target_modules)):
        return "another LoRA shape"
    if set(made.get("new_tokens", ())) != set(recipe.model.new_tokens):
        return "other new tokens"
    base = (made.get("base_model"), made.get("base_revision"))
    return "" if base == (recipe.model.portable_name, recipe.model.revision) else "another base"
