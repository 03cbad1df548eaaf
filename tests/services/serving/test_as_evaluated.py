"""An adapter answers nobody until it answers the golden prompts as it did when it was evaluated."""

from dataclasses import replace

import httpx
import pytest
from sqlalchemy import Engine, select

from services.adapters.file_store import FileAdapterStore
from services.adapters.promotions import find_persona, who_serves
from services.adapters.store import AdapterName
from services.db.lineage_tables import AdapterVersionRow, PromotionRow
from services.db.session import session_scope
from services.domain.conversation import Question
from services.domain.fingerprint import TOLERANCE, Fingerprint, nats_apart
from services.domain.personas import GenerationSettings
from services.errors.artifacts import AdapterAnswersOtherwise
from services.evaluation.fingerprints import take_fingerprint
from services.language_model.asking import BASE_NAME
from services.serving.answering import answer
from tests.builders import AT, add_persona
from tests.lineage_builders import add_serving_version, unguarded

pytestmark = pytest.mark.slow

FIVE = GenerationSettings(max_new_tokens=5, min_new_tokens=5, repetition_penalty=1.0)
WHY = Question("Why?", "physics", "student")


def taken(served, name: str) -> Fingerprint:
    return take_fingerprint(served.client, name, sleep=lambda _: None)


@pytest.fixture
def store(served) -> FileAdapterStore:
    return FileAdapterStore(f"file://{served.store_root}")


def test_a_server_tells_what_it_is(served):
    facts = served.client.facts()
    assert facts == served.engine.facts
    assert (facts.base_digest, facts.quantisation, facts.device) == (served.engine.base.digest, "nf4", "cpu")
    assert {"torch", "transformers", "peft", "bitsandbytes"} == set(facts.packages)


def test_a_version_is_recognised_whatever_it_shares_a_batch_with(served):
    first, again, other = (taken(served, served.names[letter]) for letter in "AAB")
    assert nats_apart(first.golden, again.golden) <= TOLERANCE
    assert nats_apart(first.golden, other.golden) > TOLERANCE
    assert nats_apart(first.golden, taken(served, BASE_NAME).golden) > TOLERANCE


def test_a_version_that_answers_as_expected_is_loaded_and_another_in_its_place_is_not(
    served, store: FileAdapterStore
):
    right, wrong = (AdapterName(served.publish(letter)) for letter in "PQ")
    store.expect(right, taken(served, right))
    store.expect(wrong, taken(served, served.names["A"]))
    served.engine.unload(right).result()
    assert served.engine.load(right).result() is True
    served.engine.unload(wrong).result()
    with pytest.raises(AdapterAnswersOtherwise, match="nats a token apart"):
        taken(served, wrong)
    assert wrong not in served.engine.loaded()
    assert right in served.engine.loaded()


def test_on_another_server_it_has_to_answer_as_it_did_on_the_one_it_was_evaluated_on(
    served, store: FileAdapterStore, caplog: pytest.LogCaptureFixture
):
    name = AdapterName(served.publish("R"))
    before = taken(served, name)
    older = replace(before.facts, packages={"torch": "1.0"})
    store.expect(name, replace(before, facts=older))
    served.engine.unload(name).result()
    assert served.engine.load(name).result() is True
    assert "was evaluated on another server" in caplog.text
    # What it answered on a server like this one counts more.
    store.expect(name, replace(before, golden=taken(served, served.names["A"]).golden))
    served.engine.unload(name).result()
    with pytest.raises(AdapterAnswersOtherwise):
        served.engine.load(name).result()


def test_where_the_base_moved_as_far_the_version_goes_on_and_health_names_it(served, store: FileAdapterStore):
    def moved(fingerprint: Fingerprint, nats: float) -> Fingerprint:
        golden = tuple(tuple((value or 0.0) - nats for value in values) for values in fingerprint.golden)
        return replace(
            fingerprint, golden=golden, facts=replace(fingerprint.facts, packages={"torch": "0.9"})
        )

    base = taken(served, BASE_NAME)
    store.expect(AdapterName(BASE_NAME), moved(base, 0.3))
    for letter, nats in (("T", 0.3), ("U", 0.7)):
        name = AdapterName(served.publish(letter))
        store.expect(name, moved(taken(served, name), nats))
        served.engine.unload(name).result()
        if nats > 0.3:
            with pytest.raises(AdapterAnswersOtherwise):
                served.engine.load(name).result()
            continue
        assert served.engine.load(name).result() is True
        assert httpx.get(f"{served.url}/healthz").json()["changed"] == [name]
        served.engine.unload(name).result()


def test_people_get_the_newest_sound_version_where_one_answers_otherwise(
    served, store: FileAdapterStore, clean: Engine
):
    name = AdapterName(served.publish("S"))
    store.expect(name, taken(served, served.names["A"]))
    with session_scope(clean) as session:
        row = add_persona(session)
        slug, persona = row.slug, replace(row.as_persona(), generation=FIVE)
        sound = add_serving_version(session, row, number=1)
        with unguarded(session):
            sound.name = served.names["B"]
        odd = add_serving_version(session, row, number=2)
        with unguarded(session):
            odd.name = name
        serving = who_serves(session, find_persona(session, slug))
    given = answer(clean, served.client, WHY, persona=persona, seed=1, serving=serving, at=AT)
    assert (given.serving.number, set(given.answer.generated.text)) == (1, {"B"})
    with session_scope(clean) as session:
        newest = session.scalars(select(PromotionRow).order_by(PromotionRow.id.desc()).limit(1)).one()
        assert (newest.kind, newest.version.number) == ("rollback", 1)
        assert "does not answer as it did when it was evaluated" in newest.reason
        marked = session.scalars(select(AdapterVersionRow).where(AdapterVersionRow.name == name)).one()
        assert marked.unsound_at is not None
