"""Files as they come: cut, in any script, hostile. Each bad record is reported, every other is kept."""

import codecs
import gzip
import io
import json
import tracemalloc

import pytest

from services.errors.inputs import InvalidRecord
from services.training_sets.importers import lines
from services.training_sets.importers.json_rows import read_json
from services.training_sets.importers.records import ImportedExample, Read

GOOD = '{"question": "Why?", "answer": "So."}'
SHORT = "question,answer\n"


def kinds(reads: list[Read]) -> list[type[Read]]:
    return [type(read) for read in reads]


@pytest.mark.parametrize("name", ["instructions", "webscale_rl", "preferences", "ratings", "openassistant"])
@pytest.mark.parametrize("text", ["", "\n\n  \n", "\ufeff", "[]", "[\n]"])
def test_an_empty_file_says_so(read_text, name: str, text: str):
    (read,) = read_text(text, name)
    assert (read.line, read.reason) == (1, "the file holds no records")


def test_a_packed_file_cut_in_its_head_is_reported():
    packed = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(GOOD.encode())[:5]))
    (read,) = read_json(packed)
    assert "breaks off" in read.reason


@pytest.mark.parametrize("name", ["mcq", "saq", "truthfulqa"])
@pytest.mark.parametrize("text", ["", SHORT])
def test_an_empty_table_says_so(read_text, name: str, text: str):
    (read,) = read_text(text, name)
    assert read.reason == "the file holds no records"


@pytest.mark.parametrize(
    "bad",
    [
        '{"question": "Why?", "answer": "So',
        '{"question": "Why?", "answer": ' + "9" * 5_000 + "}",
        '{"question": "Why?", "answer": ' + "[" * 100_000 + "}",
        '{"question": "Why?", "answer": "' + "x" * 4_000_000 + '"}',
        '{"question": "Why?", "answer": "a\\u0000b"}',
        '{"question": "Why?", "answer": "a\x00b"}',
        '{"question": "Why?", "answer": null}',
        '{"question": "Why?", "answer": "\u200b", "context": {"a": 1}}',
        "7",
        '"text"',
        b'{"question": "Why?", "answer": "\xff"}',
        "Ünïcödé".encode("utf-16"),
    ],
)
def test_a_line_that_cannot_be_used_costs_itself_alone(read_text, bad):
    raw = bad if isinstance(bad, bytes) else bad.encode()
    reads = read_text(f"{GOOD}\n".encode() + raw.replace(b"\n", b"") + f"\n{GOOD}\n".encode(), "instructions")
    assert kinds(reads) == [ImportedExample, InvalidRecord, ImportedExample]
    assert reads[1].line == 2


@pytest.mark.parametrize(
    "bad",
    [
        '{"question": "Why?", "answer": ' + "9" * 5_000 + "}",
        '{"question": "Why?", "answer": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"question": "Why?" "answer"}',
        '{"question": "Why?", "answer": "' + "x" * 4_000_000 + '"}',
        "7",
        '"a, [b"',
        "[1, [2, 3]]",
    ],
)
def test_an_element_that_cannot_be_used_costs_itself_alone(read_text, bad: str):
    reads = read_text(f"[\n{GOOD},\n{bad},\n{GOOD}\n]\n", "instructions")
    assert kinds(reads) == [ImportedExample, InvalidRecord, ImportedExample]
    assert reads[1].line == 3


@pytest.mark.parametrize("cut", [5, len(GOOD) // 2, len(GOOD) - 1])
def test_a_file_cut_in_the_middle_keeps_what_came_before(read_text, cut: int):
    for text in (f"{GOOD}\n{GOOD[:cut]}", f"[{GOOD},\n{GOOD[:cut]}"):
        reads = read_text(text, "instructions")
        assert kinds(reads) == [ImportedExample, InvalidRecord]
        assert reads[1].line == 2


def test_an_array_that_lacks_its_bracket_only_is_reported_too(read_text):
    assert kinds(read_text(f"[{GOOD}, {GOOD}", "instructions")) == [ImportedExample, InvalidRecord]


def test_text_after_an_array_is_reported(read_text):
    assert kinds(read_text(f"[{GOOD}] and more", "instructions")) == [ImportedExample, InvalidRecord]


def test_a_table_cut_within_quotes_keeps_what_came_before(read_text):
    reads = read_text(f'{SHORT}Why?,So.\n"Why not', "saq")
    assert kinds(reads) == [ImportedExample, InvalidRecord]
    assert (reads[1].line, "unexpected end" in reads[1].reason) == (3, True)


@pytest.mark.parametrize(
    "bad",
    [
        b"Why?," + b"x" * 4_000_000,
        b"Why?," + b'"' + b"x" * 100_000 + b'"',
        b"Why?,a\x00b",
        b"Why?,\xff",
        b"Why?,a,b",
        b"Why?",
        b",",
        b'Why?,"a"b',
    ],
)
def test_a_row_that_cannot_be_used_costs_itself_alone(read_text, bad: bytes):
    reads = read_text(SHORT.encode() + bad + b"\nWhy?,So.\n", "saq")
    assert kinds(reads) == [InvalidRecord, ImportedExample]
    assert reads[0].line == 2


@pytest.mark.parametrize(
    "answer",
    [
        "天は散乱する。",
        "שמים כחולים",
        "\u202eright to left\u202c",
        "zero\u200bwidth\u2060joiner\u200d",
        "e\u0301 \U0001d51e 👩‍🚀",
        "<|end|><s>[INST]",
        "line one\u2028line two",
    ],
)
def test_texts_in_any_script_are_kept_as_they_are(read_text, answer: str):
    for text in (
        json.dumps({"question": "Why?", "answer": answer}),
        json.dumps([{"question": "Why?", "answer": answer}], ensure_ascii=False),
    ):
        (read,) = read_text(text, "instructions")
        assert read.completion == answer
    (read,) = read_text(f"{SHORT}Why?,{answer}\n", "saq")
    assert read.completion == answer


def test_a_byte_order_mark_and_line_ends_of_windows_are_no_part_of_the_text(read_text):
    for text in (f"{GOOD}\r\n\r\n{GOOD}\r\n", f"[\r\n{GOOD},\r\n{GOOD}]\r\n"):
        reads = read_text(codecs.BOM_UTF8 + text.encode(), "instructions")
        assert kinds(reads) == [ImportedExample] * 2
    (read,) = read_text(codecs.BOM_UTF8 + b"question,answer\r\nWhy?,So.\r\n", "saq")
    assert (read.question.text, read.completion) == ("Why?", "So.")


def test_a_line_and_an_element_beyond_the_limit_are_reported_and_passed_over(monkeypatch, read_text):
    monkeypatch.setattr(lines, "RECORD_LIMIT", 1_000)
    monkeypatch.setattr("services.training_sets.importers.json_rows.RECORD_LIMIT", 1_000)
    long = '{"question": "Why?", "answer": "' + "x" * 5_000 + '"}'
    for text in (f"{GOOD}\n{long}\n{GOOD}", f"[{GOOD},\n{long},\n{GOOD}]"):
        reads = read_text(text, "instructions")
        assert kinds(reads) == [ImportedExample, InvalidRecord, ImportedExample]
        assert (reads[1].line, "longer than 1,000" in reads[1].reason) == (2, True)


@pytest.mark.parametrize("size", range(1, 12))
def test_an_array_is_cut_alike_wherever_its_blocks_end(monkeypatch, size: int):
    monkeypatch.setattr(lines, "_BLOCK", size)
    records = [{"a": 'q"\\, [', "é": {"b": [1, {"c": "]}"}]}}, {"n": "\\\\"}, {}]
    text = json.dumps(records, indent=1, ensure_ascii=False)
    rows = list(read_json(io.BytesIO(text.encode())))
    assert [row.fields for row in rows] == records


@pytest.mark.parametrize("shape", ["lines", "array"])
def test_a_large_file_is_never_held_in_memory(shape: str):
    record = json.dumps({"question": "Why?", "answer": "x" * 2_000})
    joined = "\n".join([record] * 5_000) if shape == "lines" else f"[{','.join([record] * 5_000)}]"
    file = io.BytesIO(joined.encode())
    del joined
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_json(file)) == 5_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000  # the file has ten million bytes
    finally:
        tracemalloc.stop()
