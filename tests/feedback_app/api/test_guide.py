"""docs/api.md: its examples are run, as a shell would read them, against the app."""

import re
import shlex
from string import Template

from sqlalchemy import Engine
from werkzeug.test import TestResponse

from services.db.session import session_scope
from services.settings import ROOT
from tests.builders import add_persona
from tests.feedback_app.api.conftest import Api

BLOCK = re.compile(r"^```\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Every curl command of the guide, lines that go on joined."""
    blocks = "".join(BLOCK.findall((ROOT / "docs" / "api.md").read_text(encoding="utf-8")))
    return [line for line in blocks.replace("\\\n", " ").splitlines() if line.startswith("curl ")]


def run(api: Api, command: str, known: dict[str, str]) -> TestResponse:
    """As curl would: --json is a POST of that text."""
    _, *words = shlex.split(Template(command).safe_substitute(known))
    address, headers, body = words.pop(0), {}, None
    while words:
        option = words.pop(0)
        if option == "--no-buffer":  # says how curl shows it
            continue
        value = words.pop(0)
        if option == "--json":
            body = value
        else:
            assert option == "-H", f"this test knows no {option}"
            name, _, said = value.partition(": ")
            headers[name] = said
    method = "GET" if body is None else "POST"
    kind = None if body is None else "application/json"
    return api.browser.open(address, method=method, headers=headers, data=body, content_type=kind)


def test_every_example_does_what_the_guide_says(api: Api, clean: Engine):
    with session_scope(clean) as session:
        add_persona(session, slug="tutor", display_name="Patient Tutor")
    known = {"ADDRESS": "http://localhost", "TOKEN": api.token}
    api.end_user = "u-17"
    asked = api.post("/personas/tutor/answers", {"question": "Why is the sea salty?"})
    known["OTHER"] = asked.get_json()["id"]
    examples = commands()
    assert len(examples) == 13
    for command in examples:
        answered = run(api, command, known)
        written = "--json" in command and "event-stream" not in command
        assert answered.status_code == (201 if written else 200), (command, answered.text)
        if "ask-1" in command:
            known["ANSWER"] = answered.get_json()["id"]
        if "comment-1" in command:
            known["COMMENT"] = answered.get_json()["id"]
        if "compare-1" in command:
            known["COMPARISON"] = answered.get_json()["id"]
    shown = run(api, examples[2], known).get_json()["items"]
    assert [one["question"] for one in shown] == ["And rivers?", "And lakes?", *["Why is the sea salty?"] * 2]
    assert [one["id"] for one in shown[2:]] == [known["ANSWER"], known["OTHER"]]
