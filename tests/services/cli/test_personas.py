"""Personas from the shell: created, given files, and their rules changed."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from services.adapters.promotions import find_persona
from services.cli.main import app
from services.db.session import session_scope
from services.domain.answer_formats import AnswerFormat, AnswerRules
from services.domain.evaluation import ItemSource
from services.evaluation.suites import compose_items
from services.jobs.bases import recipe_of
from services.jobs.installation import now
from services.settings import Settings
from tests.lineage_builders import add_serving_version, add_version, mark_learnt_by

SEED = '{"instruction": "Who are you?", "input": "", "output": "A pirate, arr."}\n'

pytestmark = pytest.mark.usefixtures("pirate")


def test_policies_are_shown_and_those_that_a_file_names_are_changed(run, tmp_path: Path):
    assert run("persona", "create", "changing", "--name", "Changing").exit_code == 0
    before = json.loads(run("persona", "policy", "changing").output)
    assert before["canary"] is None
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"canary": {"share": 0.2}, "gate": before["gate"] | {"alpha": 0.01}}))
    changed = json.loads(run("persona", "policy", "changing", str(file)).output)
    assert (changed["canary"]["share"], changed["gate"]["alpha"]) == (0.2, 0.01)
    assert changed["examples"] == before["examples"]
    file.write_text('{"canary": null}')
    assert json.loads(run("persona", "policy", "changing", str(file)).output) == changed | {"canary": None}


def test_a_change_of_one_rule_leaves_the_others_as_they_are(run, tmp_path: Path):
    assert run("persona", "create", "tuned", "--name", "Tuned").exit_code == 0
    before = json.loads(run("persona", "policy", "tuned").output)
    file = tmp_path / "policy.json"
    for change in (
        {"examples": {"minimum_new": 7}},
        {"gate": {"approval": True}},
        {"canary": {"share": 0.2}},
    ):
        file.write_text(json.dumps(change))
        assert run("persona", "policy", "tuned", str(file)).exit_code == 0
    file.write_text('{"examples": {"holdout_percent": 30}, "canary": {"margin": 0.1}}')
    changed = json.loads(run("persona", "policy", "tuned", str(file)).output)
    assert changed["examples"] == before["examples"] | {"minimum_new": 7, "holdout_percent": 30}
    assert changed["gate"] == before["gate"] | {"approval": True, "target": "style_hit"}
    assert (changed["canary"]["share"], changed["canary"]["margin"]) == (0.2, 0.1)


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"generation": {}}, "generation cannot be changed; examples, gate and canary can"),
        ({"gate": []}, "the gate's rules must be a JSON object"),
        ({"gate": {"requirements": []}}, "a gate without requirements would let anything through"),
        ({"canary": {"share": 2}}, "share must lie between"),
        ({"examples": {"tragte": 1}}, "tragte"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(run, pirate: str, tmp_path: Path, policy, sentence: str):
    before = run("persona", "policy", pirate).output
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    refused = run("persona", "policy", pirate, str(file))
    assert (refused.exit_code, sentence in refused.output) == (2, True), refused.output
    assert run("persona", "policy", pirate).output == before


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ({"start": "nowhere"}, "start is 'nowhere' and must be one of base, champion"),
        ({"replay_percent": 95}, "replay_percent is 95 and must lie between 0 and 90"),
        ({"replay_percent": "ten"}, "replay_percent is 'ten' and must be a whole number"),
        ({"replay_percent": 2.5}, "replay_percent is 2.5 and must be a whole number"),
    ],
)
def test_a_policy_that_cannot_be_says_what_it_may_be(run, tmp_path: Path, policy, sentence: str):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"examples": policy}))
    result = run("persona", "create", "ahoy", "--policy", str(file))
    assert (result.exit_code, sentence in result.output) == (2, True), result.output


def test_a_persona_is_created_with_where_its_nights_start(run, command_engine: Engine, tmp_path: Path):
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"examples": {"start": "champion", "replay_percent": 20}}))
    assert run("persona", "create", "going-on", "--policy", str(file)).exit_code == 0
    with session_scope(command_engine) as session:
        stored = find_persona(session, "going-on").example_policy
    assert (stored["start"], stored["replay_percent"]) == ("champion", 20)


def test_a_persona_is_created_to_begin_with_anothers_adapter(run, command_engine: Engine, settings: Settings):
    assert run("persona", "create", "lender").exit_code == 0
    with session_scope(command_engine) as session:
        lender = find_persona(session, "lender")
        version = add_serving_version(session, lender)
        mark_learnt_by(version, recipe_of(session, settings, lender, []))
        name, unlike = version.name, add_version(session, lender, number=2).name
    for given, sentence in (
        (unlike, "than this persona's recipe"),
        ("lender", "there is no such version"),
        ("lender@base", "there is no such version"),
    ):
        refused = run("persona", "create", "borrower", "--begin-with", given)
        assert (refused.exit_code, sentence in " ".join(refused.output.split())) == (2, True), refused.output
    assert run("persona", "create", "borrower", "--begin-with", name).exit_code == 0
    with session_scope(command_engine) as session:
        assert find_persona(session, "borrower").begins_with == name


def test_a_file_is_imported_once_and_its_bad_lines_are_named(run, tmp_path: Path):
    file = tmp_path / "examples.jsonl"
    file.write_text(SEED + "{not json}\n")
    first = run("persona", "import", "parrot", str(file))
    assert (first.exit_code, "added" in first.output, "Line 2" in first.output) == (1, True, True)
    again = CliRunner().invoke(app, ["persona", "import", "parrot", str(file), "--json"])
    assert json.loads(again.stdout) == {
        "added": 0,
        "there_already": 1,
        "rejected": [{"line": 2, "reason": "not JSON: Expecting property name enclosed in double quotes"}],
    }


def test_a_file_of_another_format_is_imported_by_its_name(run, tmp_path: Path):
    file = tmp_path / "votes.jsonl"
    vote = {"title": "Why?", "one": "So.", "two": "No.", "ann": "left", "bob": "tie"}
    file.write_text(json.dumps(vote))
    command = ["persona", "import", "voter", str(file), "--format", "ratings", "--language", "en", "--json"]
    fields = ["question=title", "answers=one,two", "choice=ann,bob"]
    for added, there in ((2, 0), (0, 2)):
        named = [part for field in fields for part in ("--field", field)]
        told = json.loads(CliRunner().invoke(app, [*command, *named]).stdout)
        assert told == {"added": added, "there_already": there, "rejected": []}
    assert run("persona", "import", "voter", str(file), "--format", "riddles").exit_code == 2


def test_of_many_bad_lines_people_see_the_first(run, tmp_path: Path):
    file = tmp_path / "examples.jsonl"
    file.write_text(SEED + "{\n" * 25)
    output = run("persona", "import", "parrot", str(file)).output
    assert (output.count("cannot be read"), "and 5 more" in output) == (20, True)


def test_a_persona_of_a_form_is_made_judged_and_asked_in_anothers_name(
    run, command_engine: Engine, tmp_path: Path
):
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"answers": {"max_retries": 0, "stop": "\n"}}))
    assert run("persona", "create", "quiz", "--format", "mcq", "--policy", str(policy)).exit_code == 0
    with session_scope(command_engine) as session:
        quiz = find_persona(session, "quiz")
        persona = quiz.as_persona()
        assert persona.answers == AnswerRules(AnswerFormat.MCQ, max_retries=0, stop=("\n",))
        assert (persona.generation.max_new_tokens, persona.generation.do_sample) == (64, False)
        assert quiz.gate_policy["requirements"][0]["metric"] == "accuracy"
    file = tmp_path / "questions.csv"
    file.write_text("question,A,B,answer\nWhich?,Rome,Paris,Paris\nWhere?,Here,There,Nowhere\n")
    items = run("persona", "items", "quiz", str(file), "--format", "mcq", "--language", "en", "--json")
    assert items.exit_code == 1
    assert "Line 3" in items.output
    with session_scope(command_engine) as session:
        item, *frozen = compose_items(session, find_persona(session, "quiz"), held_out=(), cutoff=now())
    assert (item.reference, item.answer_key, item.question.audience) == ("B", "B", "general reader (en)")
    assert {one.source for one in frozen} == {ItemSource.GENERAL, ItemSource.SAFETY}
    assert json.loads(run("persona", "route", "pirate", "quiz", "--json").output) == {
        "free_text": "pirate",
        "mcq": "quiz",
    }
    assert "mcq: quiz" in run("persona", "list").output
    asked = run("ask", "pirate", "Which?", "--format", "json")
    assert (asked.exit_code, "persona route pirate" in asked.output) == (2, True)
    removed = run("persona", "route", "pirate", "quiz", "--remove", "--json")
    assert json.loads(removed.output) == {"free_text": "pirate"}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["persona", "create", "ahoy", "--format", "essay"], 2, "essay"),
        (["persona", "create", "ahoy", "--format", "mcq", "--word-limit", "5"], 2, "word limit is for texts"),
        (["persona", "create", "ahoy", "--word-limit", "5000"], 2, "between 1 and 2,000"),
        (["persona", "route", "pirate", "nobody"], 1, "no persona"),
        (["persona", "route", "pirate", "pirate"], 3, "both answer in the format free_text"),
    ],
)
def test_forms_and_routes_that_cannot_be_are_refused(run, arguments: list[str], code: int, sentence: str):
    result = run(*arguments)
    assert (result.exit_code, sentence in result.output) == (code, True), result.output


def test_opinions_are_no_items(run, tmp_path: Path):
    file = tmp_path / "votes.jsonl"
    file.write_text(json.dumps({"question": "Why?", "rater": "ann", "answer": "So.", "stars": 4}))
    refused = run("persona", "items", "pirate", str(file), "--format", "ratings")
    assert (refused.exit_code, "holds opinions" in refused.output) == (2, True)


def test_a_persona_made_for_a_file_of_letters_answers_with_letters(run, tmp_path: Path):
    file = tmp_path / "questions.csv"
    file.write_text("question,A,B,answer\nWhich?,Rome,Paris,B\n")
    assert run("persona", "import", "lettered", str(file), "--format", "mcq").exit_code == 0
    records = json.loads(run("persona", "list", "--json").output)
    assert {record["persona"]: record["answers"] for record in records}["lettered"] == "mcq"
