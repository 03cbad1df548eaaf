"""The other arms of an evaluation: what they are shown and asked, and what is said of them."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.cli.telling import tell_decision
from services.db.lineage_tables import AdapterVersionRow, EvaluationReportRow, GateDecisionRow
from services.db.session import session_scope
from services.domain.checks import Verdict
from services.domain.training import RunState
from services.errors.inputs import TextTooLong
from services.errors.outages import InferenceUnavailable
from services.errors.refusals import ReportsNotComparable
from services.evaluation.arms import notes_on, sentences_on
from services.jobs import evaluate
from services.jobs.installation import Installation
from services.language_model.asking import BASE_NAME
from tests.endpoints import Body, speaking
from tests.fakes import FakeGenerator
from tests.lineage_builders import add_run
from tests.services.jobs.arms import COUNT, ROWS, add_judged_version, add_set, shown
from tests.services.jobs.evaluating import decide


@pytest.fixture
def version_id(installation: Installation, tmp_path: Path) -> int:
    return add_judged_version(installation, tmp_path)


def sentences(installation: Installation, reports: evaluate.Reports) -> list[str]:
    decision = decide(installation, reports)
    with session_scope(installation.engine) as session:
        return [note.sentence for note in notes_on(session, session.get_one(GateDecisionRow, decision))]


def test_the_base_answers_once_more_with_three_examples_for_the_same_audience(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    reports = evaluate.evaluate_with(installation, version_id)
    assert list(reports["arms"]) == ["three examples"]
    with_examples = [request for request in generator.requests if shown(request)]
    assert len(with_examples) == COUNT
    assert {request.model for request in with_examples} == {BASE_NAME}
    (turns,) = {tuple(shown(request)) for request in with_examples}
    assert len(turns) == 6
    asked_and_answered = {(one["messages"][1]["content"], one["completion"]) for one in ROWS[1::2]}
    assert set(zip(turns[::2], turns[1::2], strict=True)) <= asked_and_answered
    with session_scope(installation.engine) as session:
        report = session.get_one(EvaluationReportRow, reports["arms"]["three examples"])
        assert (report.adapter_version_id, len(report.items)) == (version_id, COUNT)  # no frozen suites
        assert report.seconds is not None


def test_a_second_evaluation_asks_no_arm_again(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    first = evaluate.evaluate_with(installation, version_id)
    asked = len(generator.requests)
    assert evaluate.evaluate_with(installation, version_id) == first
    assert len(generator.requests) == asked


def test_examples_that_the_context_has_no_room_for_are_left_out(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    def only_one_fits() -> None:
        if len(shown(generator.requests[-1])) > 2:
            raise TextTooLong("prompt", length=9, limit=8, unit="tokens")

    generator.meanwhile = only_one_fits
    reports = evaluate.evaluate_with(installation, version_id)
    assert list(reports["arms"]) == ["three examples"]
    assert sum(len(shown(request)) == 2 for request in generator.requests) == COUNT


def test_training_that_does_no_more_than_examples_is_called_pointless(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    generator.text = "Salt."
    (told,) = sentences(installation, evaluate.evaluate_with(installation, version_id))
    assert told.startswith(
        "The plain base, shown three examples in the prompt, reaches 1.000 on right facts, the candidate "
        "1.000: training was pointless, examples in the prompt do as well or better. Asking it took "
    )


@pytest.mark.parametrize(
    ("kind", "why"), [("pair", "has no demonstration to show"), ("demonstration", "it did not answer")]
)
def test_without_the_three_examples_the_decision_says_so(
    installation: Installation,
    generator: FakeGenerator,
    version_id: int,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    why: str,
):
    def fail_with_examples() -> None:
        if shown(generator.requests[-1]):
            raise InferenceUnavailable("http://127.0.0.1:1")

    generator.meanwhile = fail_with_examples
    rows = [{"kind": "pair", "chosen": "Arr."}] if kind == "pair" else ROWS
    with session_scope(installation.engine) as session:
        version = session.get_one(AdapterVersionRow, version_id)
        learnt = add_set(installation, tmp_path, version.persona, rows)
        learnt.policy_digest, learnt.counts = "newer", {"demonstrations": 0 if kind == "pair" else len(ROWS)}
        session.add(learnt)
        session.flush()
        version.training_run_id = add_run(session, learnt, state=RunState.SUCCEEDED).id
    reports = evaluate.evaluate_with(installation, version_id)
    assert reports["arms"] == {}
    assert "three examples" in caplog.text
    decision = decide(installation, reports)
    with session_scope(installation.engine) as session:
        (told,) = sentences_on(session, session.get_one(GateDecisionRow, decision))
    assert told.startswith("Nothing says whether examples in the prompt would do as well")
    assert why in told


def test_training_that_does_more_than_examples_is_said_to(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    with session_scope(installation.engine) as session:
        generator.by_model[session.get_one(AdapterVersionRow, version_id).name] = "Salt."
    (told,) = sentences(installation, evaluate.evaluate_with(installation, version_id))
    assert "reaches 0.000 on right facts, the candidate 1.000: training is at least 0." in told


def test_a_comparison_with_an_arm_stops_nobody(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    with session_scope(installation.engine) as session:
        generator.by_model[session.get_one(AdapterVersionRow, version_id).name] = "Salt."

    def examples_do_as_well() -> None:
        generator.texts = ["Salt."] if shown(generator.requests[-1]) else []

    generator.meanwhile = examples_do_as_well
    reports = evaluate.evaluate_with(installation, version_id)
    with session_scope(installation.engine) as session:
        decision = session.get_one(GateDecisionRow, decide(installation, reports))
        assert decision.verdict == Verdict.PASS
        (note,) = notes_on(session, decision)
        assert note.check.verdict is Verdict.FAIL


def test_an_endpoint_answers_the_same_items_and_no_frozen_ones(installation: Installation, version_id: int):
    with speaking(lambda _: "Salt.") as heard:
        settings = installation.settings.model_copy(
            update={
                "evaluation_endpoint_url": heard.url,
                "evaluation_endpoint_model": "big",
                "evaluation_endpoint_key": SecretStr("secret"),
            }
        )
        own = Installation(settings, installation.engine, installation.store, installation.generator)
        reports = evaluate.evaluate_with(own, version_id)
    assert list(reports["arms"]) == ["three examples", "endpoint big"]
    assert len(heard.bodies) == COUNT
    assert {(body["model"], len(body["messages"])) for body in heard.bodies} == {("big", 2)}
    told, _ = sentences(installation, reports)
    assert told.startswith("Endpoint big reaches 1.000 on right facts, the candidate 0.000: it does as well")


def test_an_endpoint_that_does_not_answer_costs_its_report_alone(
    installation: Installation, version_id: int, caplog: pytest.LogCaptureFixture
):
    settings = installation.settings.model_copy(
        update={"evaluation_endpoint_url": "http://127.0.0.1:9/v1", "evaluation_endpoint_model": "big"}
    )
    own = Installation(settings, installation.engine, installation.store, installation.generator)
    reports = evaluate.evaluate_with(own, version_id)
    assert list(reports["arms"]) == ["three examples"]
    assert "the arm “endpoint big” has no report" in caplog.text


def test_the_report_of_an_arm_is_no_versions(installation: Installation, version_id: int):
    reports = evaluate.evaluate_with(installation, version_id)
    with pytest.raises(ReportsNotComparable, match="the arm “three examples”"):
        decide(installation, {**reports, "candidate": reports["arms"]["three examples"]})


def test_a_decision_is_told_with_what_other_arms_reached():
    told = "\n".join(
        tell_decision(
            {
                "verdict": "PASS",
                "decision_id": 1,
                "version": 1,
                "champion": 0,
                "anchor": 0,
                "items": 40,
                "opened": True,
                "gate_version": 3,
                "redacted_at": None,
                "meaning": "v1 passed every check: it may serve people.",
                "waits_for_approval": False,
                "next_step": "`persona-loop promote 1`: it serves everyone.",
                "checks": [],
                "notes": ["The plain base, shown three examples in the prompt, does as well."],
            }
        )
    )
    assert "Beside it\n  - The plain base, shown three examples" in told


def test_a_judge_compares_candidate_and_champion_and_is_asked_once(
    installation: Installation, generator: FakeGenerator, version_id: int
):
    with session_scope(installation.engine) as session:
        generator.by_model[session.get_one(AdapterVersionRow, version_id).name] = "Salt, arr."

    def likes_pirates(body: Body) -> str:
        first = body["messages"][-1]["content"].partition("<answer A>")[2].partition("</answer A>")[0]
        return "[[A]]" if "arr" in first else "[[B]]"

    with speaking(likes_pirates) as heard:
        settings = installation.settings.model_copy(
            update={"judge_url": heard.url, "judge_model": "wise", "judge_key": SecretStr("secret")}
        )
        own = Installation(settings, installation.engine, installation.store, generator)
        reports = evaluate.evaluate_with(own, version_id)
        assert evaluate.evaluate_with(own, version_id) == reports
    assert list(reports["arms"]) == ["three examples", "judge wise, prompt 1, against version 0"]
    assert len(heard.bodies) == 2 * COUNT
    assert set(heard.keys) == {"secret"}
    told, _ = sentences(installation, reports)
    assert told.startswith("Judge wise, prompt 1, against version 0 prefers the candidate on 100.0% of ")
    assert "better than the champion's" in told
