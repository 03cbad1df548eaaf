"""One line per request: enough to follow an answer, nothing of what was typed."""

import logging

import pytest

from tests.feedback_app.conftest import Visitor, answer_id


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
