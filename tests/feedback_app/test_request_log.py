"""One line per request: enough to follow an answer, nothing of what was typed."""

import logging

import pytest

from tests.feedback_app.conftest import Visitor, answer_id, hidden_fields


def test_an_invitation_is_not_written_into_the_log(visitor: Visitor, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="feedback_app"):
        visitor.get("/invitations/a-secret-of-somebodys")
    assert "GET /invitations/<token> 4" in caplog.text
    assert "a-secret-of-somebodys" not in caplog.text


def test_a_request_leaves_one_line_that_names_answer_persona_and_version(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO, logger="feedback_app"):
        path = visitor.answer_of(visitor.ask(question="Something private"))
        visitor.get(path)
        visitor.get("/static/style.css").close()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[1].startswith("POST /p/pirate/ask 303 ")
    assert lines[1].endswith(f"persona=pirate answer={answer_id(path)}")
    assert lines[2].endswith(f"answer={answer_id(path)} persona=pirate version=0")
    assert "private" not in caplog.text


@pytest.mark.parametrize("path", ["/p/x%0APOST%20/forged%20200", "/p/x%0D%1B[2K", "/p/x%C2%85y%E2%80%A8z"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_path_cannot_begin_a_line_of_its_own(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, method: str, path: str
):
    token = hidden_fields(visitor.get("/p/pirate"), "/p/pirate/ask")
    with caplog.at_level(logging.INFO, logger="feedback_app"):
        visitor.client.open(f"{path}/ask", method=method, data={**token, "question": "Why?"})
    [line] = [record.getMessage() for record in caplog.records if record.name == "feedback_app.request_log"]
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert line.startswith(f"{method} /p/x%")
