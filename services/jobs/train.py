"""Training: one frozen set to one adapter version, begun or resumed by key, in three phases."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from services.adapters.freezing import thaw
from services.adapters.store import AdapterName
from services.adapters.versions import register, version_learnt
from services.db.lineage_tables import AdapterVersionRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.conversation import PROMPT_VERSION
from services.domain.personas import PersonaSlug
from services.domain.progress import TrainingReport, stage_ends
from services.domain.training import Objective, Quantisation, Recipe, TrainedAdapter, digest_of
from services.errors.lookups import UnknownRecord
from services.errors.outages import DatabaseUnavailable
from services.errors.refusals import Redacted
from services.errors.training import RunBusy, StartUnusable
from services.jobs.bases import Base, base_of, recipe_on
from services.jobs.installation import Installation, now, open_installation
from services.operations.revision import code_revision
from services.settings import Settings
from services.training import reporting, runs
from services.training.holding import RunLock, held
from services.training.seats import Seats
from services.training.storable import storable, without_previews
from services.training.trainer import Trainer, TrainingJob

logger = logging.getLogger(__name__)


def train(training_set_id: int, overrides: Sequence[str] = ()) -> int:
    """The id of the adapter version of this set and recipe; trained now unless it exists already.

    Raises SetLearntNow where a set of equal rows is being learnt, and what `train_with` raises.
    """
    with open_installation() as installation:
        return train_with(installation, open_trainer(installation.settings), training_set_id, overrides)


def open_trainer(settings: Settings) -> Trainer:
    """The Trainer that really trains, as this machine can."""
    from services.training.qlora import QloraTrainer  # noqa: PLC0415  (torch, trl, peft: many seconds)

    seats = Seats(settings.var_dir / "seats", settings.trainings_side_by_side)
    return QloraTrainer(cache=settings.base_cache, seats=seats)


def train_with(
    installation: Installation,
    trainer: Trainer,
    training_set_id: int,
    overrides: Sequence[str],
    *,
    on: Base | None = None,
) -> int:
    """As `train`, with a given trainer; on the base that the persona learns on, or on the one given."""
    engine = installation.engine
    training_set, recipe = _asked_for(installation, training_set_id, overrides, on)
    slug = training_set.persona.slug
    base = trainer.base_digest(recipe.model)  # reads the base whole, minutes for a large one: no transaction
    digest, starting_digest = _digest(recipe, training_set, base=base), _starting_digest(training_set)
    with session_scope(engine) as session:
        learnt = version_learnt(session, training_set, digest, starting_digest=starting_digest)
        if learnt is not None:
            logger.info("%s: version %d learnt these rows already", slug, learnt.number)
            return learnt.id
        runs.check_alone(session, training_set, digest, starting_digest=starting_digest)
        run = runs.begin(
            session,
            training_set_id=training_set_id,
            recipe=recipe,
            recipe_digest=digest,
            starting_digest=starting_digest,
            at=now(),
        )
        run_id = run.id
        workdir = installation.settings.runs_dir / runs.folder_name(run)

    with held(engine, run_id, workdir=workdir) as lock:
        trained = _train(
            installation, trainer, run_id, lock, recipe=recipe, training_set=training_set, workdir=workdir
        )
        version = _publish(installation, run_id, trained, recipe=recipe, training_set=training_set)
        shutil.rmtree(workdir, ignore_errors=True)  # the store has the adapter
        logger.info("%s: version %d is %s", slug, version.number, version.name)
        return version.id


def _publish(
    installation: Installation,
    run_id: int,
    trained: TrainedAdapter,
    *,
    recipe: Recipe,
    training_set: TrainingSetRow,
) -> AdapterVersionRow:
    """What was trained as the persona's next version; the run has succeeded."""
    with session_scope(installation.engine) as session:
        version = register(
            session,
            installation.store,
            persona=PersonaSlug(training_set.persona.slug),
            run_id=run_id,
            folder=trained.folder,
            provenance=_provenance(training_set, recipe, trained),
            at=now(),
        )
        if version.tainted_at is not None:  # a rater was erased while it trained
            version.provenance = without_previews(version.provenance)
        for ended in stage_ends(trained.stages):  # what was not written down while it trained
            reporting.record(session, run_id, ended, at=now())
        runs.succeed(session, run_id, trained, at=now())
    return version


def _asked_for(
    installation: Installation, training_set_id: int, overrides: Sequence[str], on: Base | None
) -> tuple[TrainingSetRow, Recipe]:
    with session_scope(installation.engine) as session:
        training_set = session.get(TrainingSetRow, training_set_id)
        if training_set is None:
            raise UnknownRecord("training set", training_set_id)
        if training_set.redacted_at is not None:
            raise Redacted("training set", training_set_id)
        persona, settings = training_set.persona, installation.settings
        wanted = on or base_of(session, settings, persona)
        return training_set, recipe_on(wanted, settings, persona, overrides)


def _train(
    installation: Installation,
    trainer: Trainer,
    run_id: int,
    lock: RunLock,
    *,
    recipe: Recipe,
    training_set: TrainingSetRow,
    workdir: Path,
) -> TrainedAdapter:
    """The long phase, without a transaction; a failure is written down before it is raised."""
    engine = installation.engine

    def follow(report: TrainingReport) -> None:
        try:
            lock.renew()
            with session_scope(engine) as session:
                reporting.record(session, run_id, report, at=now())
        except DatabaseUnavailable as error:  # no reason to lose hours of training: the next report may pass
            logger.warning("the progress of run %d is not written down: %s", run_id, error)

    try:
        rows = thaw(
            installation.settings.store_url, training_set.path, digest=training_set.digest, into=workdir
        )
        job = TrainingJob(
            rows=rows,
            recipe=recipe,
            workdir=workdir,
            stages=_stages(training_set),
            label_smoothing=float(training_set.plan["label_smoothing"]),
            start=_fetch_start(installation, training_set, workdir, base=trainer.base_digest(recipe.model)),
        )
        return trainer.train(job, progress=follow)
    except RunBusy:  # another machine took the run over while the database was away, and writes its end
        raise
    except Exception as error:
        with session_scope(engine) as session:
            runs.fail(session, run_id, error=error, at=now())
        raise


def _starting_digest(training_set: TrainingSetRow) -> str:
    planned = training_set.plan.get("start")
    return str(planned["digest"]) if planned else runs.FRESH


def _fetch_start(
    installation: Installation, training_set: TrainingSetRow, workdir: Path, *, base: str
) -> Path | None:
    """The folder of the adapter to go on from, its files checked; None for a fresh one.

    AdapterCorrupt or AdapterMissing; StartUnusable when it was made for another base than `base`.
    """
    planned = training_set.plan.get("start")
    if not planned:
        return None
    name = AdapterName(planned["name"])
    if installation.store.manifest(name).provenance.get("base_digest") != base:
        raise StartUnusable(name, "it was trained on another base")
    return installation.store.fetch(name, into=workdir / "start")


def _stages(training_set: TrainingSetRow) -> tuple[Objective, ...]:
    return tuple(Objective(stage) for stage in training_set.plan["stages"])


def _digest(recipe: Recipe, training_set: TrainingSetRow, *, base: str) -> str:
    """What is done with the rows: the recipe and the plan's stages, which other rows would not change.

    The recipe names its base, and `base` is the digest of what the name stands for today.
    """
    return digest_of(
        {
            "recipe": recipe.digest(),
            "base": base,
            "stages": _stages(training_set),
            "label_smoothing": training_set.plan["label_smoothing"],
        }
    )


def _provenance(
    training_set: TrainingSetRow, recipe: Recipe, trained: TrainedAdapter
) -> Mapping[str, object]:
    return {
        "base_model": recipe.model.portable_name,
        "base_revision": recipe.model.revision,
        "base_digest": trained.base_digest,
        "chat_template": recipe.model.chat_template,  # the server renders this adapter's prompts with it
        "new_tokens": dict(trained.new_tokens),  # and with these tokens beside the base's
        "quantisation": _held_in(trained),
        "training_set_digest": training_set.digest,
        "cutoff": training_set.cutoff.isoformat(),
        "recipe_digest": recipe.digest(),
        "plan": training_set.plan,
        "started_from": training_set.plan.get("start"),
        "lora": asdict(recipe.lora),
        "training": asdict(recipe.training),
        "preference": asdict(recipe.preference),
        "prompt_version": PROMPT_VERSION,
        "code_revision": code_revision(),
        "steps": trained.steps,
        "resumed_from_step": trained.resumed_from_step,
        "supervised_tokens": trained.supervised_tokens,
        "final_loss": storable(trained.final_loss),
        "stages": [
            # The curve is progress, not provenance.
            {key: storable(value) for key, value in asdict(stage).items() if key != "losses"}
            for stage in trained.stages
        ],
        "memory_estimate": dict(trained.memory),
        "packages": dict(trained.packages),
    }


def _held_in(trained: TrainedAdapter) -> str:
    if trained.quantisation is Quantisation.NF4:
        return f"nf4, double quantisation, {trained.half_precision} compute"
    return f"none, {trained.half_precision}"
