"""A persona moves to a new base: learnt there, judged across two servers, and on it from its promotion on."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from services.adapters.freezing import freeze
from services.adapters.promoting import promote
from services.adapters.promotions import find_persona, rollback, version_by_number, who_serves
from services.adapters.store import AdapterName, AdapterStore
from services.db.feedback_tables import PersonaRow
from services.db.lineage_tables import AdapterVersionRow, GateDecisionRow, TrainingRunRow
from services.db.session import session_scope
from services.domain.arms import THREE_EXAMPLES
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.personas import PersonaSlug
from services.domain.training import ModelRecipe
from services.errors.inputs import InvalidPolicy, InvalidRecipe
from services.errors.outages import AnotherBaseServed, BaseNotServed
from services.errors.refusals import BaseUnchanged, ReportsNotComparable
from services.evaluation.arms import notes_on
from services.evaluation.decisions import decide_again, decide_and_store, parse_policy
from services.jobs.bases import base_of
from services.jobs.installation import Installation
from services.jobs.rebase import rebase_with
from services.jobs.train import train_with
from services.language_model.asking import BASE_NAME
from services.language_model.routing import RoutedGenerator, server_of
from tests.builders import AT, add_items, add_persona
from tests.fakes import FACTS, FakeGenerator, FakeTrainer
from tests.lineage_builders import add_decision, add_training_set

PIRATE = PersonaSlug("pirate")
FORMER, NEW = "digest of base_model", "digest of bigger"
POLICY = GatePolicy((Requirement("fact_hit", limit=0.5), Requirement("held_out_loss", margin=0.1)))
DEMONSTRATION = {
    "kind": "demonstration",
    "audience": "student",
    "messages": [{"role": "user", "content": "Why is the sea salt?"}],
    "completion": "Because.",
}
REFERENCE = {
    "prompt_key": "key",
    "split_key": "split of the key",
    "question": {"text": "Why is grass green?", "context": "", "domain": "biology", "audience": "student"},
    "reference": "Chlorophyll.",
    "sources": ["correction:1"],
}


@dataclass
class Server(FakeGenerator):
    """One that knows the base of an adapter by its manifest, as the real one does."""

    store: AdapterStore | None = None
    known: dict[str, object] = field(default_factory=dict)

    def _check_base(self, model: str) -> None:
        if model == BASE_NAME:
            return
        if model not in self.known:
            self.known[model] = self.store.manifest(AdapterName(model)).provenance["base_digest"]
        if self.known[model] != self.server.base_digest:
            raise AnotherBaseServed(model, trained_on=str(self.known[model]), served=self.server.base_digest)


class TrainerOfBases(FakeTrainer):
    def base_digest(self, model: ModelRecipe) -> str:
        self.base = f"digest of {model.portable_name}"
        return self.base


@pytest.fixture
def trainer() -> FakeTrainer:
    return TrainerOfBases()


@pytest.fixture
def former(installation: Installation) -> Server:
    return Server("Sugar.", server=replace(FACTS, base_digest=FORMER), store=installation.store)


@pytest.fixture
def both(installation: Installation, former: Server) -> Installation:
    """The installation with two servers: what stands on the new base knows the answers."""
    new = Server("Salt.", server=replace(FACTS, base_digest=NEW), store=installation.store)
    return replace(installation, generator=RoutedGenerator([former, new]))


@pytest.fixture
def training_set(installation: Installation, trainer: FakeTrainer, tmp_path: Path) -> int:
    """The newest set of a persona that two versions served, the second of them now."""
    rows, held_out = tmp_path / "rows.jsonl", tmp_path / "held_out.jsonl"
    rows.write_text(json.dumps(DEMONSTRATION) + "\n")
    held_out.write_text(json.dumps(REFERENCE) + "\n")
    url = installation.settings.store_url
    frozen, references = freeze(url, rows), freeze(url, held_out)
    questions = [
        json.dumps({"question": f"What is in sea {one}?", "reference": "Salt.", "answer_key": "salt"})
        for one in range(60)
    ]
    with session_scope(installation.engine) as session:
        persona = add_persona(session, slug=PIRATE, gate_policy=POLICY)
        add_items(session, persona, questions, at=AT)
        training_set = add_training_set(
            session,
            persona,
            digest=frozen.digest,
            path=frozen.path,
            plan={"stages": ["sft"], "reasons": [], "label_smoothing": 0.0},
            report={"held_out": {"references": 1, **asdict(references)}},
        ).id
    for rank in (4, 8):
        version_id = train_with(installation, trainer, training_set, [f"lora.r={rank}"])
        with session_scope(installation.engine) as session:
            version = session.get_one(AdapterVersionRow, version_id)
            promote(session, decision_id=add_decision(session, version, verdict="PASS").id, actor="me", at=AT)
    return training_set


def pirate(session: Session) -> PersonaRow:
    return find_persona(session, PIRATE)


def base_now(installation: Installation) -> str:
    with session_scope(installation.engine) as session:
        return Path(base_of(session, installation.settings, pirate(session)).name).name


def test_what_is_better_on_the_new_base_serves_and_the_nights_follow_it(both, former, trainer, training_set):
    gated = rebase_with(both, trainer, PIRATE, ["model=/models/bigger", "lora.r=16"])

    assert gated["verdict"] == "PASS"
    assert trainer.jobs[-1].recipe.model.name == "/models/bigger"
    assert trainer.jobs[-1].recipe.lora.r == 16
    assert base_now(both) == "base_model"  # until it is promoted
    with session_scope(both.engine) as session:
        decision = session.get_one(GateDecisionRow, gated["decision_id"])
        champion, anchor = decision.champion_report, decision.anchor_report
        assert (champion.version.number, anchor.version.number) == (2, 1)
        assert decision.policy["rebased_from"] == champion.settings_digest
        assert decision.candidate_report.settings_digest != champion.settings_digest
        assert "held_out_loss" not in {check["metric"] for check in decision.checks}
        again = decide_again(session, decision, store_url=both.settings.store_url)
        assert (again.decision.verdict, again.unbound) == ("PASS", ())
        assert [note.arm for note in notes_on(session, decision)] == [THREE_EXAMPLES]
        with pytest.raises(ReportsNotComparable, match="different bases"):
            plain_gate(both, session, decision)

    trained = len(trainer.jobs)
    assert rebase_with(both, trainer, PIRATE, ["model=/models/bigger", "lora.r=16"]) == gated
    assert len(trainer.jobs) == trained
    with session_scope(both.engine) as session:
        promote(session, decision_id=gated["decision_id"], actor="me", at=AT)
        serving = who_serves(session, pirate(session))
    assert serving.number == 3
    assert server_of(both.generator, serving.name) is not former

    assert base_now(both) == "bigger"
    train_with(both, trainer, training_set, [])
    assert trainer.jobs[-1].recipe.model.name == "/models/bigger"
    with session_scope(both.engine) as session:
        rollback(session, persona=PIRATE, to_version=None, reason="it lies", actor="me", at=AT)
    assert base_now(both) == "base_model"


@pytest.mark.usefixtures("training_set")
def test_what_replaces_a_tainted_champion_learns_on_the_base_of_whom_it_is_judged_against(both, trainer):
    gated = rebase_with(both, trainer, PIRATE, ["model=/models/bigger"])
    with session_scope(both.engine) as session:
        promote(session, decision_id=gated["decision_id"], actor="me", at=AT)
        version_by_number(session, pirate(session), 3).tainted_at = AT
    assert base_now(both) == "base_model"


@pytest.mark.usefixtures("training_set")
def test_a_base_that_was_left_again_has_its_own_anchor(both, trainer):
    first = rebase_with(both, trainer, PIRATE, ["model=/models/bigger", "lora.r=16"])
    with session_scope(both.engine) as session:
        promote(session, decision_id=first["decision_id"], actor="me", at=AT)
        rollback(session, persona=PIRATE, to_version=None, reason="it lies", actor="me", at=AT)

    second = rebase_with(both, trainer, PIRATE, ["model=/models/bigger", "lora.r=32"])
    with session_scope(both.engine) as session:
        decision = session.get_one(GateDecisionRow, second["decision_id"])
        champion, anchor = decision.champion_report, decision.anchor_report
        assert (champion.version.number, anchor.version.number) == (2, 3)
        assert anchor.settings_digest == decision.candidate_report.settings_digest
        assert anchor.settings_digest != champion.settings_digest


def plain_gate(installation: Installation, session: Session, decision: GateDecisionRow) -> None:
    """What a night asks of the same reports."""
    decide_and_store(
        session,
        candidate_report=decision.candidate_report_id,
        champion_report=decision.champion_report_id,
        anchor_report=decision.anchor_report_id,
        policy=parse_policy(pirate(session).gate_policy),
        store_url=installation.settings.store_url,
        at=AT,
    )


@pytest.mark.usefixtures("training_set")
def test_what_is_no_better_on_the_new_base_does_not_pass(both, former, trainer):
    former.text = "Salt."
    assert rebase_with(both, trainer, PIRATE, ["model=/models/bigger"])["verdict"] != "PASS"


@pytest.mark.usefixtures("training_set")
@pytest.mark.parametrize(
    ("overrides", "problem", "sentence"),
    [
        (["model=/models/third"], BaseNotServed, "OTHER_INFERENCE_URLS"),
        (["model=embedded"], BaseUnchanged, "name another base"),
        (["lora.r=8"], InvalidRecipe, "names its base"),
        (["model=/models/bigger", "lora.rank=8"], InvalidRecipe, "lora.r"),
        (["model=/models/bigger", "model.quantisation=int3"], InvalidRecipe, "nf4"),
    ],
)
def test_what_would_stop_a_rebase_stops_it_before_anything_is_trained(
    both, trainer, overrides, problem, sentence
):
    jobs = len(trainer.jobs)
    with pytest.raises(problem, match=sentence):
        rebase_with(both, trainer, PIRATE, overrides)
    assert len(trainer.jobs) == jobs


@pytest.mark.usefixtures("training_set")
def test_a_loss_by_tokens_is_no_target_of_a_rebase(both, trainer):
    with session_scope(both.engine) as session:
        pirate(session).gate_policy = asdict(replace(POLICY, target="held_out_loss"))
    with pytest.raises(InvalidPolicy, match="between two bases"):
        rebase_with(both, trainer, PIRATE, ["model=/models/bigger"])


@pytest.mark.usefixtures("training_set")
def test_where_the_folder_of_a_base_is_gone_the_settings_name_its_new_place(installation):
    with session_scope(installation.engine) as session:
        run = session.get_one(TrainingRunRow, version_by_number(session, pirate(session), 2).training_run_id)
        run.recipe = run.recipe | {"model": run.recipe["model"] | {"name": "/gone/base_model"}}
        assert (
            base_of(session, installation.settings, pirate(session)).name == installation.settings.base_model
        )
        run.recipe = run.recipe | {"model": run.recipe["model"] | {"name": "/gone/another"}}
        assert base_of(session, installation.settings, pirate(session)).name == "/gone/another"
