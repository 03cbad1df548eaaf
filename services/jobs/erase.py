"""Erasing a rater on request: their words become tombstones, what was made of them is marked and taken away.

Each step is whole or not there, and a second try finishes what the first began: the rater is marked, so that
nothing is said in their name any more; versions, sets, suites, decisions and rows in one transaction; then
the files. Training a replacement is the DAG's; who serves without one is `settle`'s. Reading what was done is
`erasures`.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from services.adapters import tainting
from services.adapters.freezing import delete_files
from services.adapters.lending import with_borrowers
from services.adapters.promotions import lock_persona, who_serves
from services.db.erasing_lock import hold_freezing
from services.db.erasure_tables import ErasureRow
from services.db.feedback_tables import PersonaRow
from services.db.files_lock import hold_backups
from services.db.lineage_tables import AdapterVersionRow, CheckpointScoreRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.single_line import check_line
from services.domain.splits import prompt_key
from services.errors.tree import InvalidInput
from services.evaluation import redacting as judged
from services.feedback.erasing import Traces, bury, lock_rater, traces_of
from services.jobs.installation import Installation, now, open_installation
from services.jobs.raters import REASON_LIMIT, parse_rater
from services.training.holding import clear_away
from services.training.runs import folder_name
from services.training.storable import without_previews
from services.training_sets import redacting
from services.training_sets.import_rows import SERVED_NAME

logger = logging.getLogger(__name__)

Record = dict[str, Any]


class Erased(TypedDict):
    """What was found and done, and the personas that a tainted version serves until there is another."""

    erasure: int
    found: Record
    tainted: list[str]


def erase(rater: str, reason: str, actor: str) -> Erased:
    """Erase a rater; asked again, finish what is not done and say what was.

    Raises UnknownRater, EmptyText, TextTooLong, and InvalidInput for one that stands for imported files.
    """
    with open_installation() as installation:
        return erase_with(installation, rater, reason, actor)


def erase_with(installation: Installation, rater: str, reason: str, actor: str) -> Erased:
    """As `erase`, in a given installation."""
    with session_scope(installation.engine) as session:
        erasure_id = _begin(session, rater, reason, actor).id
    with session_scope(installation.engine) as session:
        erasure = session.get_one(ErasureRow, erasure_id, with_for_update=True)
        if erasure.redacted_at is None:
            _redact(session, installation, erasure)
    _take_files_away(installation, erasure_id)
    with session_scope(installation.engine) as session:
        erasure = session.get_one(ErasureRow, erasure_id)
        concerned = [one["persona"] for one in erasure.found["personas"]]
        return {
            "erasure": erasure_id,
            "found": erasure.found,
            "tainted": [slug for slug in concerned if _is_served_by_tainted(session, slug)],
        }


def foresee(rater: str) -> Record:
    """What erasing this rater would find, in a transaction that is rolled back; raises as `erase` does."""
    with open_installation() as installation:
        return foresee_with(installation, rater)


def foresee_with(installation: Installation, rater: str) -> Record:
    """As `foresee`, in a given installation."""
    with session_scope(installation.engine) as session:
        erasure = _begin(session, rater, "foreseen", "nobody")
        if erasure.redacted_at is None:
            _redact(session, installation, erasure, rewriting=False)
        found = dict(erasure.found)
        session.rollback()
        return found


def settle(persona: str, actor: str) -> int:
    """The version that serves once no tainted one may any more: the newest that is not, or the base."""
    with open_installation() as installation:
        return settle_with(installation, persona, actor)


def settle_with(installation: Installation, persona: str, actor: str) -> int:
    """As `settle`, in a given installation; asked again it changes nothing."""
    with session_scope(installation.engine) as session:
        moved = tainting.fall_back(session, persona=persona, actor=actor, at=now())
        if moved is not None:
            logger.info("%s: version %d serves, as %s", persona, moved.version.number, moved.reason)
        return who_serves(session, lock_persona(session, persona)).number


def _begin(session: Session, rater: str, reason: str, actor: str) -> ErasureRow:
    """The rater's erasure, begun now unless it was before; from here on nobody speaks as them."""
    row = lock_rater(session, parse_rater(rater))
    if row.label == SERVED_NAME:
        raise InvalidInput(
            f"Rater {rater} stands for imported files and is nobody: name who said something in them, as "
            "`persona-loop why rating:12` does."
        )
    erasure = session.scalar(select(ErasureRow).where(ErasureRow.rater_id == row.id))
    if erasure is None:
        row.erased_at = now()
        erasure = ErasureRow(
            rater_id=row.id,
            actor=actor,
            reason=check_line("reason", reason, limit=REASON_LIMIT),
            begun_at=row.erased_at,
            found={},
            files=[],
        )
        session.add(erasure)
        session.flush()
    return erasure


def _redact(
    session: Session, installation: Installation, erasure: ErasureRow, *, rewriting: bool = True
) -> None:
    """Everything in the database at once; the files that go are named in the erasure's row."""
    at, store_url = now(), installation.settings.store_url
    hold_freezing(session)
    traces = traces_of(session, erasure.rater_id)
    concerned = with_borrowers(session, traces.personas)
    personas = session.scalars(select(PersonaRow).where(PersonaRow.id.in_(concerned))).all()
    for persona in sorted(personas, key=lambda one: one.slug):
        lock_persona(session, persona.slug)  # who is being promoted at this moment is tainted before or after
    hits = redacting.scan(session, store_url, traces.personas, traces.sources)
    sets = redacting.shaped(session, concerned, traces.sources, hits)
    redacting.redact_sets(sets, at=at)
    session.flush()
    runs = _runs_of(session, sets)
    versions = tainting.taint(
        session, [run.id for run in runs], reason=f"erasure {erasure.id}: a rater it learnt from", at=at
    )
    _blank_previews(session, runs, versions)
    for persona in personas:
        tainting.end_tainted_canary(session, persona, actor=erasure.actor, at=at)
    rewritten = 0
    if rewriting:
        rewritten = redacting.rewrite_others(session, store_url, traces.personas, traces.sources, hits)
    texts = {one.split_key: one.text for one in traces.asked}
    redacting.redact_set_reports(session, traces.personas, texts, traces.labels)
    found, evidence = _redact_judgement(session, traces, hits, at=at)
    for persona in personas:
        keys = {one.split_key for one in traces.asked if one.persona_id == persona.id}
        redacting.forget_signatures(session, persona.id, erasure.rater_id, keys)
    rows = bury(session, erasure.rater_id, secret=installation.settings.secret_key.get_secret_value())
    files = sorted({*hits.files, *evidence})
    erasure.found = {
        "rows": rows,
        "personas": [_of_persona(one, sets, versions) for one in personas],
        **found,
        "files": len(files),
        "files_written_anew": rewritten,
    }
    erasure.files, erasure.redacted_at = files, at


def _redact_judgement(
    session: Session, traces: Traces, hits: redacting.Hits, *, at: datetime
) -> tuple[Record, list[str]]:
    """What was found of suites, reports and decisions that rest on the rater's words; and which files of
    evidence go, as they name what the rater alone named: there is no other text in them.
    """
    keys = hits.items | {one.prompt_key for one in traces.asked if one.alone}

    def is_theirs(item: Mapping[str, Any]) -> bool:
        # The item of a pair has a key of its own, which a file that is gone does not tell.
        return item["key"] in keys or prompt_key(Question(**item["question"])) in keys

    suites = judged.redact_suites(session, traces.personas, is_theirs, at=at)
    reports = judged.redact_reports(session, suites, traces.labels)
    decisions = judged.redact_decisions(session, reports, traces.labels, at=at)
    found = {"suites": len(suites), "reports": reports, "decisions": [one.id for one in decisions]}
    return found, [one.evidence_path for one in decisions if one.evidence_path and traces.labels]


def _runs_of(session: Session, sets: Iterable[TrainingSetRow]) -> list[TrainingRunRow]:
    wanted = TrainingRunRow.training_set_id.in_([row.id for row in sets])
    return list(session.scalars(select(TrainingRunRow).where(wanted).order_by(TrainingRunRow.id)))


def _blank_previews(
    session: Session, runs: Iterable[TrainingRunRow], versions: Iterable[AdapterVersionRow]
) -> None:
    """What checkpoints answered to prompts of the set goes, here and in what was kept of the stages."""
    for run in runs:
        session.execute(
            update(CheckpointScoreRow).where(CheckpointScoreRow.training_run_id == run.id).values(previews=[])
        )
        run.stages = without_previews(run.stages)
    for version in versions:
        version.provenance = without_previews(version.provenance)


def _of_persona(
    persona: PersonaRow, sets: Iterable[TrainingSetRow], versions: Iterable[AdapterVersionRow]
) -> Record:
    return {
        "persona": persona.slug,
        "sets": [row.id for row in sets if row.persona_id == persona.id],
        "versions": [row.number for row in versions if row.persona_id == persona.id],
    }


def _take_files_away(installation: Installation, erasure_id: int) -> None:
    """The files that the erasure's row names, and what a failed training left of them on this machine."""
    with session_scope(installation.engine) as session:
        erasure = session.get_one(ErasureRow, erasure_id)
        if erasure.finished_at is not None:
            return
        files, runs_dir = list(erasure.files), installation.settings.runs_dir
        ids = [number for one in erasure.found["personas"] for number in one["sets"]]
        sets = session.scalars(select(TrainingSetRow).where(TrainingSetRow.id.in_(ids))).all()
        folders = [runs_dir / folder_name(run) for run in _runs_of(session, sets)]
        left = [folder for folder in folders if folder.exists()]
    with session_scope(installation.engine) as session:
        hold_backups(session)
        delete_files(installation.settings.store_url, files)
    for folder in left:
        clear_away(folder)  # a process that works in it does so at its end
    with session_scope(installation.engine) as session:
        session.get_one(ErasureRow, erasure_id).finished_at = now()


def _is_served_by_tainted(session: Session, slug: str) -> bool:
    serving = who_serves(session, lock_persona(session, slug))
    return session.get_one(AdapterVersionRow, serving.version_id).tainted_at is not None
