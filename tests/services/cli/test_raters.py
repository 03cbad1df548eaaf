"""Raters on the command line: how steadily somebody compares, and forgetting them."""

import json

from sqlalchemy import Engine

from services.db.session import session_scope
from services.feedback.questions import new_rater
from tests.builders import AT, add_answer, add_persona, asker_of


def test_how_steadily_somebody_compares_is_told_with_how_sure_that_is(run, command_engine: Engine):
    with session_scope(command_engine) as session:
        rater = new_rater(session, at=AT)
    told = run("rater", "consistency", str(rater))
    assert "0 pairs compared" in told.output
    assert "the same again, sides turned  none yet" in told.output
    assert json.loads(run("rater", "consistency", str(rater), "--json").output)["known_found"]["of"] == 0
    assert run("rater", "consistency", "me").exit_code == 1


def test_a_rater_is_erased_by_hand_once_it_was_looked_at_what_that_means(run, command_engine: Engine):
    with session_scope(command_engine) as session:
        rater = str(asker_of(add_answer(session, add_persona(session, slug="erased"))))
    asked = ["rater", "erase", rater, "--reason", "by letter"]
    foreseen = run(*asked, "--dry-run").output
    assert run("rater", "erasure", rater).exit_code == 1
    done = run(*asked)
    assert "nothing is changed" in foreseen
    assert done.exit_code == 0
    assert foreseen.endswith(done.output)
    assert run(*asked).output == done.output
    told = run("rater", "erasure", rater).output
    assert "by letter" in told
    assert "version 0 serves now" in told
    assert all(len(line) <= 80 for line in told.splitlines())
    assert rater in run("rater", "erasures", "--json").output
    assert run("rater", "erase", "me", "--reason", "x").exit_code == 1
