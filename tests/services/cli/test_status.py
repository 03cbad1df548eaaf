"""`persona-loop status`: a row a persona, and what an operator should hear of at once."""

import json

import pytest
from sqlalchemy import Engine

from services.adapters.promotions import find_persona
from services.db.session import session_scope
from tests.lineage_builders import add_decision, add_training_set, add_version

pytestmark = pytest.mark.usefixtures("pirate")


def test_status_has_a_dash_for_what_the_newest_set_has_not_led_to(run, command_engine: Engine):
    assert run("persona", "create", "untrained", "--name", "Untrained").exit_code == 0
    with session_scope(command_engine) as session:
        newest = add_training_set(session, find_persona(session, "untrained")).id
    heading, row = (
        line.split()
        for line in run("status").output.replace("training set", "training_set").splitlines()
        if line.split()[:1] in (["persona"], ["untrained"])
    )
    told = dict(zip(reversed(heading), reversed(row), strict=False))
    assert told["training_set"] == str(newest)
    assert {told[name] for name in ("run", "version", "decision")} == {"—"}


def test_status_names_the_newest_decision_beside_a_set_that_came_to_none(run, command_engine: Engine):
    assert run("persona", "create", "judged-before", "--name", "Judged").exit_code == 0
    with session_scope(command_engine) as session:
        persona = find_persona(session, "judged-before")
        decision = add_decision(session, add_version(session, persona, digest="e" * 64), verdict="FAIL").id
        add_training_set(session, persona)
    (row,) = (line for line in run("status").output.splitlines() if line.startswith("judged-before"))
    assert f"v1: FAIL ({decision})" in row


def test_an_inference_server_that_is_away_is_told_of_below_the_table(run):
    told = run("status")
    assert told.exit_code == 0
    assert "Warning: The inference server" in told.output.replace("\n", " ")
    assert json.loads(run("status", "--json").output)["warnings"]
