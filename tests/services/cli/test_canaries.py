"""Canaries, approvals and what was live when, by command: begun, shown, ended, told in 80 columns."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from services.adapters.canaries import parse_canary_policy
from services.adapters.promoting import promote, start_canary
from services.db.lineage_tables import GateDecisionRow
from services.db.session import session_scope
from services.evaluation.fingerprints import take_fingerprint
from services.jobs.installation import now
from tests.builders import add_persona
from tests.fakes import FakeGenerator
from tests.inference_stand_in import stand_in
from tests.lineage_builders import add_decision, add_serving_version, add_version, unguarded


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A candidate is asked by its golden prompts before it answers anybody."""
    with stand_in() as url:
        monkeypatch.setenv("INFERENCE_URL", url)
        yield


@pytest.fixture
def untold(command_engine: Engine) -> int:
    """A decision that cannot tell whether version 2 of "tried" is better than its version 1."""
    with session_scope(command_engine) as session:
        persona = add_persona(session, slug=f"tried-{uuid4().hex[:8]}")
        add_serving_version(session, persona, number=1)
        version = add_version(session, persona, number=2)
        decision = add_decision(session, version, verdict="INSUFFICIENT")
        served_as = take_fingerprint(FakeGenerator(), version.name, sleep=lambda _: None)
        with unguarded(session):
            decision.candidate_report.fingerprint = served_as.as_record()
        return decision.id


def begin(engine: Engine, decision_id: int, *, share: float) -> None:
    """What the command does where an inference server answers as it did when the version was evaluated."""
    with session_scope(engine) as session:
        start_canary(
            session, decision_id=decision_id, share=share, actor="me", reason="two like it", at=now()
        )


def test_a_canary_is_begun_shown_watched_and_ended_from_the_shell(run, untold: int, command_engine: Engine):
    assert f"canary start {untold}" in " ".join(run("promote", str(untold)).output.split())
    begin(command_engine, untold, share=0.2)
    assert run("canary", "start", str(untold), "--reason", "two like it", "--share", "1").exit_code == 2
    begun = run("canary", "start", str(untold), "--reason", "two like it", "--share", "0.2", "--json")
    assert begun.exit_code == 0, begun.output
    assert (json.loads(begun.output)["kind"], json.loads(begun.output)["serves"]) == ("canary", 1)
    assert json.loads(begun.output)["already"]
    again = run("canary", "start", str(untold), "--reason", "two like it")
    assert (
        again.exit_code,
        again.stderr.count("already, with 20% of the conversations: nothing was done"),
    ) == (
        0,
        1,
    )
    (tried,) = [row for row in json.loads(run("status", "--json").output)["personas"] if row["canary"]]
    slug = tried["persona"]
    assert (tried["serves"], tried["canary"], tried["canary_share"]) == (1, 2, 0.2)
    told = run("canary", "show", slug)
    assert told.exit_code == 0, told.output
    assert "20% of conversations" in told.output
    assert "0 conversations of 0 raters" in told.output
    assert "0 conversations count" in told.output
    assert all(len(line) <= 80 for line in told.output.splitlines())
    (seen,) = json.loads(run("canary", "watch", "--json").output)
    assert (seen["persona"], seen["verdict"]) == (slug, "keep")
    ended = json.loads(run("canary", "stop", slug, "--reason", "never mind", "--json").output)
    assert (ended["kind"], ended["version"]) == ("rollback", 1)
    assert run("canary", "stop", slug, "--reason", "never mind").exit_code == 3
    ledger = json.loads(run("ledger", "show", slug, "--json").output)
    assert [(row["kind"], row["share"]) for row in ledger] == [
        ("rollback", None),
        ("canary", 0.2),
        ("full", None),
    ]
    assert ledger[0]["reason"] == "never mind (the canary of version 2 ends)"


def test_what_was_live_and_why_it_is_are_told_in_80_columns(run, untold: int, command_engine: Engine):
    begin(command_engine, untold, share=0.5)
    with session_scope(command_engine) as session:
        slug = session.get_one(GateDecisionRow, untold).candidate_report.version.persona.slug
    before = run("live-at", slug, "2020-01-01T00:00:00+00:00")
    assert (before.exit_code, "did not exist then" in before.output) == (1, True)
    today = json.loads(run("live-at", slug, now().isoformat(), "--json").output)
    assert (today["version"], today["share"], today["canary"]["version"]) == (1, 0.5, 2)
    for told in (run("live-at", slug, now().isoformat()), run("why-live", slug)):
        assert told.exit_code == 0, told.output
        assert "Version 1, the champion, 50% of conversations" in told.output
        assert "Version 2, the canary, 50% of conversations" in told.output
        assert all(len(line) <= 80 for line in told.output.splitlines())
    why = json.loads(run("why-live", slug, "--json").output)
    assert (why["decision"]["verdict"], why["canary"]["decision"]["verdict"]) == ("PASS", "INSUFFICIENT")
    for instant, problem in (
        ("yesterday", "is no instant"),
        ("2020-01-01", "has no time zone"),
        ("2999-01-01T00:00:00+00:00", "has not come yet"),
    ):
        refused = run("live-at", slug, instant)
        assert (refused.exit_code, problem in refused.output) == (2, True)


@pytest.mark.parametrize(
    ("policy", "said"),
    [(None, "serves already, by this decision"), ({"share": 0.1}, "in its canary already")],
)
def test_what_was_promoted_before_is_said_to_be_so_and_names_the_persona(
    run, command_engine: Engine, policy: dict[str, float] | None, said: str
):
    with session_scope(command_engine) as session:
        rules = parse_canary_policy(policy) if policy else None
        persona = add_persona(session, slug=f"again-{uuid4().hex[:8]}", canary_policy=rules)
        slug, decision = persona.slug, add_decision(session, add_version(session, persona), verdict="PASS").id
        promote(session, decision_id=decision, actor="me", at=now())
    again = run("promote", str(decision))
    assert (again.exit_code, said in again.stderr, "nothing was done" in again.stderr) == (0, True, True)
    assert json.loads(run("promote", str(decision), "--json").stdout)["already"]
    run("rollback", slug, "--reason", "it lies")
    if policy is None:
        replaced = run("promote", str(decision))
        assert (replaced.exit_code, f"`persona-loop rollback {slug} --to 1`" in replaced.stderr) == (3, True)


def test_what_failed_is_told_what_a_canary_and_an_approval_take(run, command_engine: Engine):
    with session_scope(command_engine) as session:
        version = add_version(session, add_persona(session, slug=f"failed-{uuid4().hex[:8]}"))
        decision = str(add_decision(session, version, verdict="FAIL").id)
    for asked, rule in (
        ("canary start", "a canary takes PASS, or INSUFFICIENT with a written reason"),
        ("approve", "only PASS, or INSUFFICIENT on its way to a canary, may be approved"),
        ("promote", "only PASS may be promoted"),
    ):
        reason = () if asked == "promote" else ("--reason", "why not")
        refused = run(*asked.split(), decision, *reason)
        assert (refused.exit_code, rule in refused.output) == (3, True), refused.output


def test_an_approval_is_given_from_the_shell_and_the_first_one_stays(run, untold: int):
    first = json.loads(run("approve", str(untold), "--reason", "I read it", "--json").output)
    again = json.loads(run("approve", str(untold), "--reason", "so did I", "--json").output)
    assert first == again
    assert "the first word stands" in run("approve", str(untold), "--reason", "so did I").output
    assert (first["decision_id"], first["reason"]) == (untold, "I read it")
    assert first["actor"].startswith("cli:")
    assert run("approve", "999999", "--reason", "I read it").exit_code == 1
    assert run("approve", str(untold), "--reason", " ").exit_code == 2
