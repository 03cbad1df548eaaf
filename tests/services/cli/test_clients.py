"""`persona-loop client …`: by the command, as an operator sees it."""

import pytest

pytestmark = pytest.mark.usefixtures("command_engine")


def test_a_token_is_printed_once_and_the_list_does_not_show_it(run):
    made = run("client", "create", "acme", "--scope", "answers", "--scope", "feedback")
    assert made.exit_code == 0, made.output
    token = made.output.strip()
    assert len(token) == 43
    listed = run("client", "list")
    assert "answers, feedback" in listed.output
    assert token not in listed.output
    assert run("client", "renew", "acme").output.strip() != token
    assert "is revoked" in run("client", "revoke", "acme").output


def test_a_client_without_a_scope_or_twice_is_refused(run):
    assert run("client", "create", "other").exit_code == 2
    run("client", "create", "twice", "--scope", "personas")
    assert run("client", "create", "twice", "--scope", "personas").exit_code == 3
    assert run("client", "revoke", "nobody").exit_code == 1
