"""The command line on a real database: what it prints, and that its exit codes mean what they say."""

import json
import logging

import pytest
from sqlalchemy import Engine, select

from services.adapters.file_store import FileAdapterStore
from services.adapters.promotions import find_persona, version_by_number
from services.db.lineage_tables import EvaluationReportRow, GateDecisionRow
from services.db.session import session_scope
from services.domain.gate_policy import GatePolicy, Requirement
from services.domain.training import RunState
from services.settings import Settings
from tests.builders import add_answer, add_persona, add_rating, asker_of
from tests.lineage_builders import (
    add_answers,
    add_report,
    add_run,
    add_training_set,
    add_version,
    unguarded,
)

pytestmark = pytest.mark.usefixtures("pirate")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["persona", "create", "../x"], 2, "not a persona slug"),
        (["persona", "create", "ahoy", "--template", "{secret}"], 2, "prompt template cannot be used"),
        (["persona", "create", "ahoy", "--set", "lora.rank=8"], 2, "recipe"),
        (["persona", "create", "pirate"], 3, "already a persona"),
        (["ask", "nobody", "Why?"], 1, "no persona 'nobody'"),
        (["ask", "pirate", "   "], 2, "question is empty"),
        (["ask", "pirate", "x" * 100_000], 2, "100,000 characters"),
        (["ask", "pirate", "Why?"], 4, "inference server"),
        (["rate", "00000000-0000-0000-0000-000000000007", "4"], 1, "no such answer"),
        (["rate", "not-an-id", "4"], 1, "no such answer"),
        (["correct", "00000000-0000-0000-0000-000000000007", " "], 2, "better answer is empty"),
        (["assemble", "pirate"], 3, "are needed"),
        (["assemble", "pirate", "--cutoff", "tomorrow"], 2, "no instant"),
        (["assemble", "pirate", "--cutoff", "2026-11-20T02:00:00"], 2, "time zone"),
        (["evaluate", "404"], 1, "no adapter version 404: name a version's id"),
        (
            ["evaluate", "1"],
            1,
            "no training run of version 0: name a version's id",
        ),
        (["training-set", "show", "404"], 1, "`persona-loop training-set list` shows"),
        (["rater", "review", "me", "trusted", "--reason", "x"], 1, "no rater me: `persona-loop why`"),
        (["gate", "decide", "404", "405"], 1, "no evaluation report 404"),
        (["gate", "show", "404"], 1, "no gate decision 404: `persona-loop status` shows"),
        (["gate", "replay", "404"], 1, "no gate decision 404: `persona-loop status` shows"),
        (["promote", "404"], 1, "no gate decision 404: `persona-loop status` shows"),
        (["rollback", "pirate", "--to", "9", "--reason", "x"], 1, "no version 9"),
        (["rollback", "pirate", "--to", "1", "--reason", "x"], 3, "serves already"),
        (["versions", "nobody"], 1, "no persona"),
        (["why", "rating:404"], 1, "no rating 404"),
        (["why", "opinion:1"], 2, "rating:12"),
        (["why", "404"], 1, "no such answer"),
        (["training-set", "list", "nobody"], 1, "no persona"),
        (["persona", "items", "pirate", "/nowhere.jsonl"], 2, "cannot be read"),
        (["persona", "import", "pirate", "/nowhere.jsonl"], 2, "cannot be read"),
        (["persona", "import", "pirate", "x.jsonl", "--field", "question"], 2, "renames no field"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(
    run, arguments: list[str], code: int, sentence: str
):
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_a_rating_of_today_says_that_no_set_was_made_since(run, pirate: str, command_engine: Engine):
    with session_scope(command_engine) as session:
        source = add_rating(session, add_answer(session, find_persona(session, pirate)))
    told = run("why", source)
    assert (
        told.exit_code,
        "no training set was made since it was said" in " ".join(told.output.split()),
    ) == (
        0,
        True,
    )


def test_training_sets_are_listed_in_80_columns(run, command_engine: Engine):
    assert run("persona", "create", "learned", "--name", "Learned").exit_code == 0
    assert "no training set yet" in run("training-set", "list", "learned").output
    counts = {"demonstrations": 123_456, "pairs": 1234, "desirable": 12, "undesirable": 345_678}
    with session_scope(command_engine) as session:
        persona = find_persona(session, "learned")
        first = add_training_set(session, persona, counts=counts, dropped={"too long": 1000, "faulty": 234})
        version = add_version(session, persona, number=12)
        version.training_run_id = add_run(session, first, state=RunState.SUCCEEDED).id
        start = {"version": 12, "training_set": first.id}
        second = add_training_set(session, persona, plan={"stages": ["sft"], "reasons": [], "start": start})
        rebuilt = add_training_set(session, persona, policy={"without": ["somebody"]})
    lines = run("training-set", "list", "learned").output.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines.pop(2).split()[0] == f"{rebuilt.id}*"
    assert lines[-1] == "*: rebuilt without the word of a rater"
    assert [line.split()[0] for line in lines[2:4]] == [str(second.id), str(first.id)]
    assert lines[3].split()[3:8] == ["123456", "1234", "12", "345678", "1234"]
    assert (lines[2].split()[8], lines[2].split()[-1]) == ("v12", "-")
    assert (lines[3].split()[8], lines[3].split()[-1]) == ("base", "v12")
    records = json.loads(run("training-set", "list", "--json").output)
    assert [record["versions"] for record in records if record["persona"] == "learned"] == [[], [], [12]]


@pytest.mark.parametrize("stars", ["0", "7"])
def test_stars_that_do_not_exist_are_refused(run, pirate: str, command_engine: Engine, stars: str):
    with session_scope(command_engine) as session:
        answer = add_answer(session, find_persona(session, pirate))
        answer_id = str(answer.id)
    result = run("rate", answer_id, stars)
    assert (result.exit_code, "choose 1, 2, 3, 4 or 5" in result.output) == (2, True)


def test_rolling_back_and_reinstating_from_the_shell(run, pirate: str):
    assert json.loads(run("rollback", pirate, "--reason", "it lies", "--json").output)["version"] == 0
    moved = json.loads(run("rollback", pirate, "--to", "1", "--reason", "it did not", "--json").output)
    assert moved["kind"] == "reinstate"
    ledger = json.loads(run("ledger", "show", pirate, "--json").output)
    assert [row["kind"] for row in ledger][:2] == ["reinstate", "rollback"]
    assert ledger[1]["reason"] == "it lies"
    assert ledger[0]["actor"].startswith("cli:")


def test_what_is_kept_and_why_fits_80_columns(run, settings: Settings):
    FileAdapterStore(f"file://{settings.var_dir / 'adapters'}").begin()
    told = run("retain", "--dry-run")
    assert told.exit_code == 0, told.output
    assert "it serves" in told.output
    assert "0 of " in told.output.splitlines()[-1]
    assert all(len(line) <= 80 for line in told.output.splitlines())
    gone = json.loads(run("retain", "--json").output)
    assert {one["stays"] for one in gone} == {True}


def test_machines_get_json_and_people_a_table(run, pirate: str):
    (record,) = [
        row for row in json.loads(run("status", "--json").output)["personas"] if row["persona"] == pirate
    ]
    assert record["serves"] == 1
    assert "Pirate" in run("status").output
    assert [row["version"] for row in json.loads(run("versions", pirate, "--json").output)] == [1, 0]


def test_a_metric_is_rounded_once_where_it_is_shown(run, command_engine: Engine):
    with session_scope(command_engine) as session:
        add_report(session, add_version(session, add_persona(session, slug="measured")), repetition=0.00147)
    told = run("versions", "measured").output
    assert "0.001" in told
    assert "0.002" not in told


def test_a_gate_prints_its_checks_once(run, command_engine: Engine, caplog: pytest.LogCaptureFixture):
    assert run("persona", "create", "judged", "--name", "Judged").exit_code == 0
    with session_scope(command_engine) as session:
        persona = find_persona(session, "judged")
        candidate, champion = (
            add_report(session, version, held_out_loss=1.0).id
            for version in (add_version(session, persona), version_by_number(session, persona, 0))
        )
    caplog.set_level(logging.INFO)
    told = run("gate", "decide", str(candidate), str(champion))
    assert told.exit_code == 3, told.output
    assert all(len(line) <= 80 for line in told.output.splitlines())
    with session_scope(command_engine) as session:
        checks = (
            session.scalars(select(GateDecisionRow).filter_by(candidate_report_id=candidate)).one().checks
        )
    words = " ".join((told.output + caplog.text).split())
    assert words.count("measured on") == len(checks) > 1
    for check in checks:
        assert f"- {check['verdict']} {check['metric']}: " in words


def test_a_decision_is_made_shown_and_replayed(run, command_engine: Engine):
    with session_scope(command_engine) as session:
        persona = add_persona(
            session, slug="decided", gate_policy=GatePolicy((Requirement("fact_hit", limit=0.5),))
        )
        base = version_by_number(session, persona, 0)
        candidate, champion = (
            add_answers(session, version, right=right)
            for version, right in ((add_version(session, persona), 40), (base, 10))
        )
    told = run("gate", "decide", str(candidate), str(champion))
    assert (told.exit_code, told.output.split()[0]) == (0, "PASS:"), told.output
    words = " ".join(told.output.split())
    assert "anchor the same items it rests on 40 sealed items opened version of the gate" in words
    first = " ".join(told.output.splitlines()[:8])
    assert "Next   - `persona-loop promote" in first
    assert "it may serve people" in first
    with session_scope(command_engine) as session:
        decided = session.scalars(
            select(GateDecisionRow).where(GateDecisionRow.candidate_report_id == candidate)
        ).one()
        decision_id, gate_version = str(decided.id), decided.gate_version
    assert run("gate", "show", decision_id).output == told.output
    record = json.loads(run("gate", "show", decision_id, "--json").output)
    assert [
        record[name] for name in ("version", "champion", "anchor", "items", "opened", "gate_version")
    ] == [
        1,
        0,
        0,
        40,
        True,
        gate_version,
    ]
    replayed = run("gate", "replay", decision_id, "--json")
    assert (replayed.exit_code, json.loads(replayed.output)["differs"]) == (0, [])
    with session_scope(command_engine) as session:
        report = session.get_one(EvaluationReportRow, candidate)
        with unguarded(session):
            report.items = [record | {"fact_hit": 0.0} for record in report.items]
    changed = run("gate", "replay", decision_id)
    assert (changed.exit_code, "the candidate's report" in changed.output) == (3, True), changed.output
    worn = json.loads(run("gate", "items", "decided", "--json").output)
    assert (worn["items"], worn["decisions"], worn["most"], worn["worn"]) == (40, 1, 1, 0)


def test_ratings_and_corrections_answer_machines_too(run, command_engine: Engine, settings: Settings):
    with session_scope(command_engine) as session:
        answer = add_answer(session, find_persona(session, "pirate"))
        (settings.var_dir / "cli-rater").write_text(str(asker_of(answer)))
        answer_id = str(answer.id)
    rated = json.loads(run("rate", answer_id, "4", "--json").output)
    assert rated == {"rating": rated["rating"], "answer_id": answer_id, "stars": 4}
    told = run("why", f"rating:{rated['rating']}")
    assert f"rater  {(settings.var_dir / 'cli-rater').read_text()}" in told.output
    corrected = json.loads(run("correct", answer_id, "Arr, it scatters!", "--json").output)
    assert corrected["better_answer"] == "Arr, it scatters!"
    assert run("why", f"correction:{corrected['correction']}").exit_code == 0


def test_a_database_that_is_down_is_one_sentence(run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://persona:secret@127.0.0.1:9/none")
    result = run("status")
    assert result.exit_code == 4
    assert "does not answer" in result.output
    assert "secret" not in result.output


def test_a_name_that_looks_like_markup_is_shown_as_it_is(run, command_engine: Engine):
    assert run("persona", "create", "bracket", "--name", "Mr [/x] [red]").exit_code == 0
    with session_scope(command_engine) as session:  # as one that was stored before such names were refused
        find_persona(session, "bracket").display_name += "\x1b[2J"
    shown = run("status")
    assert shown.exit_code == 0, shown.exception
    assert "Mr [/x] [red][2J" in shown.output
    assert "\x1b" not in shown.output


@pytest.mark.parametrize("character", ["\x1b", "\n", "\t", "\u2028", "\x9b"])
def test_names_and_reasons_are_of_one_line(run, pirate: str, character: str):
    name = f"Pi{character}rate"
    for refused in (
        run("persona", "create", "ahoy", "--name", name),
        run("persona", "create", "ahoy", "--marker", name),
        run("rollback", pirate, "--reason", name),
    ):
        assert refused.exit_code == 2
        assert f"U+{ord(character):04X}" in refused.output
        assert character not in refused.output.rstrip("\n")


def test_metrics_are_told_with_version_direction_and_where_they_are_defined(run):
    told = {one["metric"]: one for one in json.loads(run("metrics", "--json").stdout)}
    assert (told["repetition"]["version"], told["repetition"]["better"]) == (1, "lower")
    assert "Welleck" in told["repetition"]["defined"]
    assert told["style_hit"]["better"] == "higher"
