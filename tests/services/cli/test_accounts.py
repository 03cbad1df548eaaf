"""`persona-loop account …`: by the command, as an operator sees it."""

import json

import pytest

pytestmark = pytest.mark.usefixtures("command_engine")


def test_an_invitation_is_a_link_and_the_audit_log_says_who_made_it(run):
    told = run("account", "invite", "admin")
    assert told.exit_code == 0, told.output
    assert "/invitations/" in told.output
    log = run("account", "audit", "--json")
    assert '"invite"' in log.output
    assert '"cli:' in log.output


def test_the_audit_log_tells_people_in_words_and_machines_in_lists(run):
    run("client", "create", "acme", "--scope", "answers", "--scope", "feedback")
    told, log = run("account", "audit"), run("account", "audit", "--json")
    assert "scopes: answers, feedback" in told.output
    assert json.loads(log.output)[0]["details"] == {"scopes": ["answers", "feedback"]}


def test_an_account_that_is_not_there_is_said_so(run):
    told = run("account", "close", "Nobody")
    assert told.exit_code == 1
    assert "There is no account 'Nobody'" in told.output
