"""Two nights of one persona, trained for real: the second goes on from the adapter that the first made."""

import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count

import numpy as np
import pytest
from safetensors.numpy import load_file
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.adapters.promoting import promote
from services.adapters.promotions import find_persona
from services.adapters.store import AdapterName
from services.db.lineage_tables import AdapterVersionRow, TrainingRunRow, TrainingSetRow
from services.db.session import session_scope
from services.domain.example_policy import ExamplePolicy
from services.domain.splits import Split
from services.jobs.assemble import limits_of
from services.jobs.bases import recipe_of
from services.jobs.installation import Installation
from services.jobs.train import train_with
from services.training.qlora import QloraTrainer
from services.training_sets.assembly import assemble
from tests.builders import AT, add_answer, add_correction, add_persona
from tests.lineage_builders import add_decision
from tests.services.training.conftest import RECIPE, WORDS
from tests.services.training.tiny_base import write_base
from tests.services.training_sets.conftest import drawn

pytestmark = pytest.mark.slow

POLICY = ExamplePolicy(
    minimum_rows=8, minimum_pairs=8, minimum_new=1, holdout_percent=15, start="champion", replay_percent=25
)
STILL = ("training.learning_rate=1e-8", "preference.learning_rate=1e-8")  # moves nothing beyond rounding


@pytest.fixture
def tiny(installation: Installation, tmp_path) -> Installation:
    """An installation whose base is tiny, with a persona that goes on from its champion."""
    folder = tmp_path / "base"
    write_base(folder, [f"{' '.join(WORDS)} You are an expert in physics. Question:"])
    settings = installation.settings.model_copy(update={"base_model": str(folder), "recipe": "embedded"})
    with session_scope(installation.engine) as session:
        add_persona(session, example_policy=POLICY, recipe_overrides=RECIPE)
    return Installation(settings, installation.engine, installation.store, installation.generator)


@pytest.fixture
def asked() -> Iterator[str]:
    questions = (" ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 7)) for number in count(1))
    return (
        f"{one} {number}?" for number, one in enumerate(questions) if drawn(f"{one} {number}?") is Split.TRAIN
    )


def say(installation: Installation, asked: Iterator[str], *, at: datetime) -> None:
    with session_scope(installation.engine) as session:
        persona = find_persona(session, "pirate")
        for _ in range(12):
            question = next(asked)
            add_correction(
                session, add_answer(session, persona, question=question, at=at), f"Arr, {question}", at=at
            )


def night(installation: Installation, *, hours: int) -> TrainingSetRow:
    with session_scope(installation.engine) as session:
        persona = find_persona(session, "pirate")
        outcome = assemble(
            session,
            persona,
            cutoff=AT + timedelta(hours=hours),
            store_url=installation.settings.store_url,
            limits=limits_of(recipe_of(session, installation.settings, persona, [])),
            at=AT + timedelta(hours=hours),
        )
    assert isinstance(outcome, TrainingSetRow), outcome
    return outcome


def weights(installation: Installation, name: str, tmp_path) -> dict[str, np.ndarray]:
    return load_file(
        installation.store.fetch(AdapterName(name), into=tmp_path / "seen") / "adapter_model.safetensors"
    )


def test_the_second_night_trains_on_from_the_first_nights_champion(tiny, asked, tmp_path):
    say(tiny, asked, at=AT)
    first = night(tiny, hours=1)
    assert first.plan["start"] is None
    version_id = train_with(tiny, QloraTrainer(), first.id, [])
    with session_scope(tiny.engine) as session:
        champion = session.get_one(AdapterVersionRow, version_id)
        decision = add_decision(session, champion, verdict="PASS")
        promote(session, decision_id=decision.id, actor="test", at=AT + timedelta(hours=2))

    say(tiny, asked, at=AT + timedelta(hours=3))
    second = night(tiny, hours=4)
    assert second.plan["start"]["digest"] == champion.digest
    assert second.plan["stages"] == ["sft", "dpo"]
    assert second.report["replay"]["rows"] == 8  # of 12 demonstrations and 12 pairs, a quarter of all
    still = train_with(tiny, QloraTrainer(), second.id, STILL)
    assert train_with(tiny, QloraTrainer(), second.id, STILL) == still
    moved = train_with(tiny, QloraTrainer(), second.id, [])

    with Session(tiny.engine) as session:
        version = session.get_one(AdapterVersionRow, still)
        assert version.provenance["started_from"] == {
            "version": 1,
            "name": champion.name,
            "digest": champion.digest,
            "training_set": first.id,
        }
        runs = session.scalars(select(TrainingRunRow).order_by(TrainingRunRow.id))
        assert [run.starting_digest for run in runs] == ["", champion.digest, champion.digest]
        before = weights(tiny, champion.name, tmp_path)
        after = weights(tiny, version.name, tmp_path)
        further = weights(tiny, session.get_one(AdapterVersionRow, moved).name, tmp_path)
        losses = [stage["final_loss"] for stage in version.provenance["stages"]]
        fresh = champion.provenance["stages"][0]["final_loss"]
    # It began where the champion left off, and the reference of its pairs is what it began at.
    assert all(np.allclose(before[name], after[name], atol=1e-5) for name in before)
    assert not all(np.allclose(before[name], further[name], atol=1e-5) for name in before)
    assert losses[1] == pytest.approx(math.log(2), abs=0.01)
    assert losses[0] < fresh
    manifest = json.dumps(dict(tiny.store.manifest(AdapterName(version.name)).provenance))
    assert str(champion.digest) in manifest
