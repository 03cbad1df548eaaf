"""Tables for people: whole words in a narrow terminal, every field for machines."""

import json
from io import StringIO

import pytest
from rich.console import Console

from services.cli import output
from services.cli.output import show
from services.cli.telling import tell_set
from services.jobs.status import check_rows
from services.tables import PLAIN_WIDTH, Record

STATUS = {
    "persona": "pirate",
    "serves": 3,
    "served_name": "pirate@0123456789ab",
    "training_set": 17,
    "run": "succeeded",
    "progress": "228/228",
    "decision": 12,
    "verdict": "INSUFFICIENT",
    "unsound": None,
}
SWEPT = {"settings": "lora.r=32", "rows": 412, "steps": 228, "seconds": 92, "tokens/s": 1234}
SWEPT |= {"loss": 1.2345, "held out": 2.3456, "peak": "1.50 GB", "remarks": ""}
CHECK = {"metric": "held_out_loss", "candidate": 1.2, "passed": True, "reason": "1.2 is at most 2.2 " * 9}


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch):
    def at(width: int, *records: Record) -> list[str]:
        paper = StringIO()
        monkeypatch.setattr(output, "page", lambda: Console(file=paper, width=width))
        show(list(records), as_json=False)
        return paper.getvalue().splitlines()

    return at


@pytest.mark.parametrize("width", [40, 80, 120, PLAIN_WIDTH])
@pytest.mark.parametrize("record", [STATUS, SWEPT, CHECK])
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(printed, width: int, record: Record):
    lines = printed(width, record, record)
    assert all(len(line) <= width for line in lines)
    words = {word for line in lines for word in line.split()}
    values = [str(value).split() for value in record.values() if isinstance(value, str)]
    assert {word for value in values for word in value} <= words


def test_what_fits_is_a_table_with_a_line_each(printed):
    heading, _, first, second = printed(80, SWEPT, SWEPT)
    assert heading.split()[:2] == ["settings", "rows"]
    assert first == second
    assert "remarks" not in heading  # nothing was remarked


def test_what_does_not_fit_is_a_block_for_each_record(printed):
    lines = printed(80, STATUS, STATUS)
    assert sum(line.split() == ["served", "name", "pirate@0123456789ab"] for line in lines) == 2
    assert not any("unsound" in line for line in lines)


def test_a_long_reason_folds_beside_the_figures(printed):
    lines = printed(80, CHECK)
    assert "held_out_loss" in lines[2]
    assert len(lines) > 5


def test_the_checks_of_a_decision_are_a_table_with_the_verdict_and_the_metric_first(printed):
    check = {"metric": "format_validity", "slice": "overall", "verdict": "INSUFFICIENT", "reference": 0.75}
    check |= {"items": 1234, "required": None, "measured": 0.5, "reason": "12 items, and 100 are needed"}
    heading, _, first, *_ = printed(100, *check_rows([check | {"against": number} for number in (3, None)]))
    assert heading.split() == ["verdict", "metric", "against", "measured", "theirs", "items", "reason"]
    assert first.split()[:6] == ["INSUFFICIENT", "format_validity", "v3", "0.500", "0.750", "1234"]


def test_values_of_several_parts_are_told_without_brackets(printed):
    assert printed(80, {"routes": {"mcq": "quiz"}, "versions": [1, 2]})[2].split() == [
        "mcq:",
        "quiz",
        "1,",
        "2",
    ]


@pytest.mark.parametrize(
    ("columns", "width"), [(None, PLAIN_WIDTH), ("60", 60), ("0", PLAIN_WIDTH), ("wide", PLAIN_WIDTH)]
)
def test_in_a_pipe_a_table_is_as_wide_as_columns_says_and_every_word_is_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str | None, width: int
):
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    many = {f"metric_{number}": f"said-in-full-{number}" for number in range(9)}
    show([CHECK, many], as_json=False)
    printed = capsys.readouterr().out
    assert width - 25 < max(map(len, map(str.rstrip, printed.splitlines()))) <= width
    assert "…" not in printed
    assert all(value in printed for value in many.values())


def test_what_is_not_so_is_told_as_no(capsys: pytest.CaptureFixture[str]):
    show({"valid": False, "counts": {}}, as_json=False)
    assert capsys.readouterr().out.split() == ["valid", "no", "counts", "-"]


def test_the_similarity_of_a_set_stands_beside_what_makes_near_duplicates():
    nearest = {"training_prompts": 7, "held_out_prompts": 3, "near_duplicates": 0, "highest_similarity": 0.95}
    record = {
        "training_set": 1,
        "persona": "pirate",
        "cutoff": "2026-11-20T02:00:00+00:00",
        "digest": "a" * 64,
    }
    record |= {"rows": 7, "counts": {}, "dropped": {}, "redacted_at": None}
    record["plan"] = {"stages": ["sft"], "label_smoothing": 0.0, "reasons": []}
    taken = {"prompts": 0, "newest": []}
    leaks = {"nearest": nearest, "asked_by_a_gate": 0, "quarantined": taken, "retired": taken}
    told = " ".join(" ".join(tell_set(record | {"report": {"leaks": leaks}})).split())
    assert "is 0.95; near duplicates have at least 0.6, long ones 0.8, and begin with the same words" in told


def test_machines_get_every_field(capsys: pytest.CaptureFixture[str]):
    show([STATUS], as_json=True)
    assert json.loads(capsys.readouterr().out) == [STATUS]


def test_nothing_is_said_to_be_nothing(printed):
    assert printed(80) == ["nothing yet"]
